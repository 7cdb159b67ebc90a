"""The objects of a stack's last state, as `pulumi stack export` writes it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreweave_inference.checks import LastObject
from coreweave_inference.model.engine_secrets import is_marked
from coreweave_inference.model.identity import place_in
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.nested import transform, whole_number
from coreweave_inference.model.normal_form import sparse
from coreweave_inference.model.resource_types import BUCKET, IGNORED, KINDS, REDUCED_FROM, own_type
from coreweave_inference.model.shape import fields_of
from coreweave_inference.model.unknown import UNKNOWN
from coreweave_inference.program.recorded import resources_of
from coreweave_inference.status.recorded import Recorded, RecordedBucket


def last_objects(state: Mapping[str, Any] | None) -> tuple[LastObject, ...] | None:
    """Gateways, claims and deployments in a state; `None` without one. Secrets in it are not known."""
    if state is None:
        return None
    return tuple(
        _last(kind, found)
        for found in resources_of(state)
        if (kind := KINDS.get(own_type(str(found.get("type"))))) and not found.get("delete")
    )


def recorded_objects(state: Mapping[str, Any] | None) -> tuple[Recorded, ...]:
    """Gateways, claims and deployments as the last run declared them; secrets in them are not known."""
    return tuple(
        _recorded(kind, found)
        for found in resources_of(state)
        if (kind := KINDS.get(own_type(str(found.get("type"))))) and not found.get("delete")
    )


def recorded_buckets(state: Mapping[str, Any] | None) -> tuple[RecordedBucket, ...]:
    """The weights buckets in a state."""
    buckets = (found for found in resources_of(state) if own_type(str(found.get("type"))) == BUCKET)
    return tuple(
        RecordedBucket(
            place_in(str(found["urn"])).key,
            str(found.get("id") or ""),
            str((found.get("outputs") or {}).get("zone") or ""),
        )
        for found in buckets
        if not found.get("delete")
    )


def _recorded(kind: Kind, resource: Mapping[str, Any]) -> Recorded:
    inputs = _plain(resource.get("inputs") or {})
    spec = {name: value for name, value in inputs.items() if name in fields_of(kind.model)}
    return Recorded(
        kind,
        place_in(str(resource["urn"])).key,
        str(resource.get("id") or "").lower(),
        str(inputs.get("name") or ""),
        sparse(kind, spec),
        tuple(inputs.get(IGNORED) or ()),
        _whole((resource.get("outputs") or {}).get(REDUCED_FROM)),
    )


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) else None


def _last(kind: Kind, resource: Mapping[str, Any]) -> LastObject:
    values = _plain(resource.get("outputs") or resource.get("inputs") or {})
    spec = {name: value for name, value in values.items() if name in fields_of(kind.model)}
    return LastObject(kind, place_in(str(resource["urn"])).key, spec, str(resource.get("id") or ""))


def _plain(value: Any) -> Any:
    return transform(value, lambda part: UNKNOWN if is_marked(part) else whole_number(part))
