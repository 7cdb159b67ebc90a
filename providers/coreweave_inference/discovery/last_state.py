"""The objects of a stack's last state, as `pulumi stack export` writes it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreweave_inference.checks import LastObject
from coreweave_inference.model.engine_secrets import is_marked
from coreweave_inference.model.identity import place_in
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.nested import transform, whole_number
from coreweave_inference.model.shape import fields_of
from coreweave_inference.model.unknown import UNKNOWN
from coreweave_inference.program.last_state import resources_of

TYPES = {
    f"pulumi-python:dynamic/coreweave/inference:{name}": kind
    for name, kind in (
        ("Gateway", Kind.GATEWAY),
        ("CapacityClaim", Kind.CAPACITY_CLAIM),
        ("Deployment", Kind.DEPLOYMENT),
    )
}


def last_objects(state: Mapping[str, Any] | None) -> tuple[LastObject, ...] | None:
    """Gateways, claims and deployments in a state; `None` without one. Secrets in it are not known."""
    if state is None:
        return None
    return tuple(
        _last(TYPES[found["type"]], found)
        for found in resources_of(state)
        if found.get("type") in TYPES and not found.get("delete")
    )


def _last(kind: Kind, resource: Mapping[str, Any]) -> LastObject:
    values = _plain(resource.get("outputs") or resource.get("inputs") or {})
    spec = {name: value for name, value in values.items() if name in fields_of(kind.model)}
    return LastObject(kind, place_in(str(resource["urn"])).key, spec, str(resource.get("id") or ""))


def _plain(value: Any) -> Any:
    return transform(value, lambda part: UNKNOWN if is_marked(part) else whole_number(part))
