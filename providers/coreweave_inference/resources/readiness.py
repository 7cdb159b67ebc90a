"""Readiness: one row that waits until everything it covers serves the revision that was written, or fails the run.

Its inputs name the objects and their revisions; a revision is new for each accepted write, so a run that failed
stays a difference until it is fixed. What a run does with them is `judging_readiness`'.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pulumi
import pulumi.dynamic
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from coreweave_inference.model import UNKNOWN, Kind
from coreweave_inference.model.identity import labels
from coreweave_inference.model.normal_form import has_unknown
from coreweave_inference.model.resource_types import MODULE
from coreweave_inference.program.context import current_program, refuse_import, urn_of, with_dependencies
from coreweave_inference.program.parents import place_of
from coreweave_inference.provider.deletion_guard import (
    FORMER,
    OWNED,
    former_deployments,
    refuse_removals,
    refuse_teardown,
    same_record,
)
from coreweave_inference.provider.health import health_of
from coreweave_inference.provider.host import one_line_errors
from coreweave_inference.provider.judging_readiness import (
    HEALTH,
    PARTIAL,
    judge,
    not_judged,
    objects_of,
    without_health,
)
from coreweave_inference.provider.object_provider import HostedProvider
from coreweave_inference.provider.session import current
from coreweave_inference.provider.targets import run_targets, targeted
from coreweave_inference.provider.values import URN, for_engine, plain

from .account import account_of
from .api_resource import ApiResource


class ReadinessProvider(HostedProvider):
    """Judges objects; owns none. State format: the module and the name of this class are part of it."""

    @one_line_errors
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Inputs are made by the program; there is nothing to refuse."""
        return CheckResult(for_engine(plain(news)), [])

    @one_line_errors
    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """A difference while a covered object has a revision that was not seen to serve."""
        old, new = plain(olds), plain(news)
        if new.get(OWNED) is not UNKNOWN:
            going = targeted(old.get(OWNED), new[PARTIAL]) if new.get(PARTIAL) else old.get(OWNED)
            refuse_removals(current(), {**old, OWNED: going}, new)
        if has_unknown(new.get("objects")) or not_judged(old, new):
            return DiffResult(changes=None)
        removed = set(objects_of(old)) - set(objects_of(new))
        same = bool(new.get(PARTIAL)) or (not removed and same_record(old.get(OWNED), new.get(OWNED)))
        return DiffResult(changes=False if same else None)

    @one_line_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait for everything covered."""
        new = plain(props)
        return CreateResult("readiness", judge(current(), {}, new))

    @one_line_errors
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Wait for what was written since the last time that all served."""
        old, new = plain(olds), plain(news)
        run = current()
        former = former_deployments(old, new)
        return UpdateResult({**judge(run, old, new), **({FORMER: former} if former else {})})

    @one_line_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """With the reason at each covered object that served and broke since: the next `up` waits for those again."""
        old = plain(props)
        current().hold_plan()
        objects = {label: without_health(item) for label, item in (old.get("objects") or {}).items()}
        for label, why in health_of(current(), objects).items():
            objects[label] = {**objects[label], HEALTH: why}
        inputs = {"objects": objects, **{key: old[key] for key in (URN, OWNED) if key in old}}
        return ReadResult(id_, {**old, **inputs}, inputs)

    @one_line_errors
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """It goes before everything else: whatever must not be deleted refuses here, before the first deletion."""
        run, old = current(), plain(props)
        if old.get("objects"):
            run.guard_organization("what this stack made", str(old.get("organizationId") or ""))
        refuse_teardown(run, old)


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
