"""An API object in a program: what gateways, capacity claims and deployments share as Pulumi resources.

Ids are chosen here (see "We choose the id" in docs/architecture.md), so that a first preview shows complete request bodies.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any

import pulumi
import pulumi.dynamic

from coreweave_inference.model import UNKNOWN, Kind, has_unknown
from coreweave_inference.model.durations import seconds
from coreweave_inference.model.identity import (
    Place,
    default_name,
    object_id,
    place_in,
    replace_identity,
    replacing_part,
)
from coreweave_inference.model.nested import transform, without_none
from coreweave_inference.model.resource_types import IGNORED
from coreweave_inference.program.context import (
    current_program,
    output,
    planned_urn,
    with_dependencies,
    without_import,
)
from coreweave_inference.program.parents import former_keys, place_of
from coreweave_inference.provider.values import ADOPTS, DERIVED_NAME, IDENTITY, URN

from .account import account_of


class ApiResource(pulumi.dynamic.Resource):
    """A gateway, capacity claim or deployment in a program.

    `api_id` is known before anything exists; `revision` changes with every accepted write.
    """

    kind: Kind
    resource_name: str
    place: Place
    former_keys: tuple[str, ...]
    declared: Mapping[str, Any]
    planned_id: str | None
    planned_name: str | None
    adopts: bool
    wait: bool
    timeout_seconds: float | None

    def __init__(
        self,
        kind: Kind,
        provider: pulumi.dynamic.ResourceProvider,
        name: str,
        spec: Mapping[str, Any],
        *,
        observed: Sequence[str] = (),
        dependencies: Iterable[pulumi.Resource] = (),
        wait: bool = True,
        timeout: str | float | None = None,
        ignore_changes: Sequence[str] = (),
        adopt: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        program = current_program()
        _warn_of_engine_ignore_changes(name, opts)
        self.kind, self.resource_name, self.declared = kind, name, dict(spec)
        self.place = place_of(name, opts)
        self.former_keys = former_keys(name, opts)
        opts, import_id = without_import(opts)
        self.adopts = adopt or bool(import_id)
        self.planned_id, self.planned_name = _planned(program.identity, kind, self.place, spec)
        self.wait, self.timeout_seconds = wait, _timeout(name, timeout)
        self.planned_urn = planned_urn(type(self).__name__, name, opts)
        props: dict[str, Any] = {
            **{key: value for key, value in spec.items() if value is not None},
            **_identified(program.identity, kind, self.planned_urn, spec),
            URN: self.planned_urn,
            **dict.fromkeys(("revision", "organizationId", "createdAt", *observed)),
        }
        if self.adopts:
            props[ADOPTS] = import_id or True
        if ignore_changes:
            props[IGNORED] = list(ignore_changes)
        own = with_dependencies(opts, [account_of(program), *dependencies])
        super().__init__(provider, name, props, own)
        program.objects.append(self)
        claimed = {"resources": spec["resources"]} if kind is Kind.CAPACITY_CLAIM else {}
        program.own(self, own, kind=kind.noun, name=name, id=self.api_id, **claimed)

    @property
    def api_id(self) -> pulumi.Output[str]:
        """The object's id in the Inference API (a UUID)."""
        return output(self, "apiId")

    @property
    def revision(self) -> pulumi.Output[str]:
        """Names the last accepted write."""
        return output(self, "revision")


def _planned(
    identity: str, kind: Kind, place: Place, spec: Mapping[str, Any]
) -> tuple[str, str] | tuple[None, None]:
    """The id and the name that a new object will have, where the fields they come from are plain values."""
    plain: dict[str, Any] = plain_values(replacing_part(kind, spec))
    if has_unknown(plain):
        return None, None
    derived = _derived(identity, kind, place, plain)
    return derived["apiId"], derived["name"]


def _derived(identity: str, kind: Kind, place: Place, declared: Mapping[str, Any]) -> dict[str, str]:
    replaces = replace_identity(kind, declared)
    derived = default_name(kind, place, pulumi.get_project(), pulumi.get_stack(), replaces)
    return {
        IDENTITY: replaces,
        "apiId": object_id(identity, kind, place.unique, replaces),
        "name": declared.get("name") or derived,
        DERIVED_NAME: derived,
    }


def plain_values(value: Any) -> Any:
    """Plain values as they are, outputs and whatever else is waited for as `UNKNOWN`."""
    awaited = (pulumi.Output, Awaitable)
    return transform(without_none(value), lambda part: UNKNOWN if isinstance(part, awaited) else part)


def _identified(
    identity: str, kind: Kind, urn: pulumi.Input[str], spec: Mapping[str, Any]
) -> Mapping[str, Any]:
    """`apiId`, `name` and what they come from; outputs where URN or a declared field is one, known wherever they are."""
    declared = replacing_part(kind, spec)
    keys = [IDENTITY, "apiId", "name", *([] if spec.get("name") else [DERIVED_NAME])]
    if isinstance(urn, str) and not has_unknown(plain_values(declared)):
        plain = _derived(identity, kind, place_in(urn), declared)
        return {key: plain[key] for key in keys}
    fields: pulumi.Output[dict[str, Any]] = pulumi.Output.all(urn=urn, declared=declared)
    derived = fields.apply(lambda found: _derived(identity, kind, place_in(found["urn"]), found["declared"]))
    return {key: derived[key] for key in keys}


def _timeout(name: str, timeout: str | float | None) -> float | None:
    found = None if timeout is None else seconds(timeout)
    if timeout is not None and found is None:
        raise pulumi.RunError(
            f'{name}: timeout "{timeout}" is not a duration; write it as in 45m, 90s or 1h30m'
        )
    return found


def _warn_of_engine_ignore_changes(name: str, opts: pulumi.ResourceOptions | None) -> None:
    if opts is not None and opts.ignore_changes:
        pulumi.log.warn(
            f"{name}: ResourceOptions.ignore_changes sends the old value with every change; pass ignore_changes=[…] to "
            "the resource itself, which leaves the live value as it is"
        )
