"""Readiness: one row that waits until everything it covers serves the revision that was written, or fails the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pulumi
import pulumi.dynamic

from coreweave_inference.host.dynamic import DynamicProvider
from coreweave_inference.model import Kind
from coreweave_inference.model.identity import labels
from coreweave_inference.model.resource_types import MODULE
from coreweave_inference.program.context import current_program, refuse_import, urn_of, with_dependencies
from coreweave_inference.program.parents import place_of
from coreweave_inference.program.targets import run_targets
from coreweave_inference.provider.deletion_guard import OWNED
from coreweave_inference.provider.readiness_lifecycle import ReadinessLifecycle
from coreweave_inference.provider.values import PARTIAL, URN

from .account import account_of
from .api_resource import ApiResource


class ReadinessProvider(DynamicProvider):
    """State format: the module and the name of this class are part of it."""

    lifecycle = ReadinessLifecycle()


class Readiness(pulumi.dynamic.Resource, module=MODULE, name="Readiness"):
    """Waits until what it covers serves; without `of`, everything that the program declared so far.

    `unreadable`: deployments that count as ready although the inference service may not read their weights.
    """

    def __init__(
        self,
        name: str = "ready",
        *,
        of: Sequence[ApiResource] | None = None,
        unreadable: Sequence[ApiResource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        refuse_import("readiness", name, opts, "leave it out: it owns nothing")
        program = current_program()
        covered = list(program.objects if of is None else of)
        program.covered.update(covered)
        program.readiness.append(None if opts and opts.aliases else place_of(name, opts))
        targets, carried = run_targets(), covered
        if targets is not None:
            # It depends on what exists too, so that a destroy still begins with it.
            carried = [r for r in covered if targets.may_use(*_label(r))]
            covered = [r for r in covered if targets.covers(*_label(r))]
        objects = {
            label: {**_covered(resource), **({"unreadable": True} if resource in unreadable else {})}
            for label, resource in _labelled(covered)
        }
        owned = [
            (r, e)
            for r, e in program.owned
            if targets is None or targets.may_use(type(r).__name__, e["name"])
        ]
        props = {
            "objects": objects,
            OWNED: [entry for _, entry in owned],
            URN: urn_of("Readiness", name, opts),
            **({PARTIAL: list(targets.targets)} if targets else {}),
        }
        # After everything that is there already: so a destroy deletes it first, and it refuses before the others go.
        own = with_dependencies(opts, [account_of(program), *carried, *(resource for resource, _ in owned)])
        super().__init__(ReadinessProvider(), name, props, own)


def _label(resource: ApiResource) -> tuple[str, str]:
    return type(resource).__name__, resource.resource_name


def _labelled(resources: Sequence[ApiResource]) -> Iterator[tuple[str, ApiResource]]:
    for kind in Kind:
        of_kind = [resource for resource in resources if resource.kind is kind]
        for label, resource in zip(labels([found.place for found in of_kind]), of_kind, strict=True):
            yield f"{kind.noun} {label}", resource


def _covered(resource: ApiResource) -> dict[str, Any]:
    return {
        "kind": resource.kind.noun,
        "id": resource.api_id,
        "name": resource.place.key,
        "revision": resource.revision,
        "urn": resource.planned_urn,
        **({} if resource.wait else {"wait": False}),
        **({"timeoutSeconds": resource.timeout_seconds} if resource.timeout_seconds else {}),
    }
