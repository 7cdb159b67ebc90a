"""All gateways, claims and deployments of the reviewed stacks at one time: before the run, or after it.

Typed values read from properties; `None` is a value that is not known. What follows from them is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from coreweave_inference.model import Kind
from coreweave_inference.model.normal_form import get_path

from .reading import Resource

RESERVED = "CAPACITY_CLASS_RESERVED"
ON_DEMAND = "CAPACITY_CLASS_ON_DEMAND"
CUSTOMER = "CAPACITY_TYPE_CUSTOMER"


@dataclass(frozen=True)
class Gateway:
    """An address; no zones means all of them."""

    label: str
    id: str
    zones: tuple[str, ...]


@dataclass(frozen=True)
class Claim:
    """Instances set aside; `instance_type` in lower case, since the service ignores it there."""

    label: str
    instance_type: str
    count: int | None
    zone: str
    capacity_type: str


@dataclass(frozen=True)
class Deployment:
    """One member of a traffic group for each of its gateways."""

    label: str
    model: str | None
    gateways: tuple[str, ...]
    zones: tuple[str, ...]
    weight: int | None
    instance_type: str
    gpus: int | None
    least: int | None
    most: int | None
    classes: tuple[str, ...]
    disabled: bool
    bucket: str | None
    path: str | None

    @property
    def on_claims_only(self) -> bool:
        """RESERVED and nothing else."""
        return set(self.classes) == {RESERVED}

    @property
    def may_use_claims(self) -> bool:
        """No class named means all capacity (documentation)."""
        return not self.classes or RESERVED in self.classes


@dataclass(frozen=True)
class Fleet:
    """Everything by label."""

    gateways: Mapping[str, Gateway] = field(default_factory=dict)
    claims: Mapping[str, Claim] = field(default_factory=dict)
    deployments: Mapping[str, Deployment] = field(default_factory=dict)


def landscape(states: Iterable[tuple[Resource, Mapping[str, Any] | None]]) -> Fleet:
    """The landscape of those resources that have a state."""
    there = [(resource, state) for resource, state in states if state is not None]
    gateways = {r.label: _gateway(r, s) for r, s in there if r.kind is Kind.GATEWAY}
    by_id = {gateway.id: gateway for gateway in gateways.values() if gateway.id}
    return Fleet(
        gateways,
        {r.label: _claim(r, s) for r, s in there if r.kind is Kind.CAPACITY_CLAIM},
        {r.label: _deployment(r, s, by_id) for r, s in there if r.kind is Kind.DEPLOYMENT},
    )


def _gateway(resource: Resource, state: Mapping[str, Any]) -> Gateway:
    return Gateway(resource.label, text(state, "apiId") or "", _zones(state.get("zones")))


def _claim(resource: Resource, state: Mapping[str, Any]) -> Claim:
    zones = _zones(get_path(state, "resources.zones"))
    return Claim(
        resource.label,
        (text(state, "resources.instanceId") or "").lower(),
        number(state, "resources.instanceCount"),
        zones[0] if zones else "",
        text(state, "resources.capacityType") or "",
    )


def _deployment(resource: Resource, state: Mapping[str, Any], by_id: Mapping[str, Gateway]) -> Deployment:
    ids = _texts(state.get("gatewayIds"))
    own = [by_id[id_] for id_ in ids if id_ in by_id]
    everywhere = len(own) < len(ids) or any(not gateway.zones for gateway in own)
    return Deployment(
        label=resource.label,
        model=text(state, "model.name"),
        gateways=tuple(sorted(by_id[id_].label if id_ in by_id else id_ for id_ in ids)),
        zones=() if everywhere else tuple(sorted({zone for gateway in own for zone in gateway.zones})),
        weight=number(state, "traffic.weight", 0),
        instance_type=(text(state, "resources.instanceType") or "").lower(),
        gpus=number(state, "resources.gpuCount"),
        least=number(state, "autoscaling.min"),
        most=number(state, "autoscaling.max"),
        classes=_texts(get_path(state, "autoscaling.capacityClasses")),
        disabled=state.get("disabled") is True,
        bucket=text(state, "model.bucket"),
        path=text(state, "model.path"),
    )


def number(state: Mapping[str, Any], path: str, missing: int | None = None) -> int | None:
    """A whole number; `missing` where there is none, `None` where it is not known."""
    value = get_path(state, path)
    if value is None:
        return missing
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def text(state: Mapping[str, Any], path: str) -> str | None:
    """A text; `None` where there is none, or it is not known."""
    value = get_path(state, path)
    return value if isinstance(value, str) else None


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, (list, tuple)) else ()


def _zones(value: Any) -> tuple[str, ...]:
    return tuple(sorted(zone.upper() for zone in _texts(value)))
