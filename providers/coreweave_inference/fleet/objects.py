"""Gateways, capacity claims and deployments as their specs describe them, for checks, reviews and deletions alike.

An attribute that is `None` is not known, and whoever needs it says nothing. Shapes and zones only; nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from .values import flag, message, number, text, texts

RESERVED = "CAPACITY_CLASS_RESERVED"
ON_DEMAND = "CAPACITY_CLASS_ON_DEMAND"
CUSTOMER = "CAPACITY_TYPE_CUSTOMER"

Zones = frozenset[str]
"""Zones in upper case; none at all are all of them."""


class Listed(Protocol):
    """What every object has that the service lists."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def name(self) -> str:
        """Its name in the account."""
        ...

    @property
    def spec(self) -> Mapping[str, Any]:
        """Its spec as listed."""
        ...


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """A gateway; `zones` in upper case, none where it runs in all of them."""

    zones: tuple[str, ...] | None = None

    @classmethod
    def values(cls, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The attributes that its spec gives."""
        zones = texts(spec, "zones")
        return {"zones": None if zones is None else tuple(zone.upper() for zone in zones)}


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A capacity claim of `count` instances; `instance_type` in lower case, as its case means nothing (documentation)."""

    instance_type: str | None = None
    count: int | None = None
    zone: str | None = None
    capacity_type: str | None = None

    @classmethod
    def values(cls, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The attributes that its spec gives."""
        resources = message(spec, "resources")
        zones = texts(resources, "zones")
        return {
            "instance_type": (text(resources, "instanceId") or "").lower() or None,
            "count": number(resources, "instanceCount", None),
            "zone": zones[0].upper() if zones and len(zones) == 1 else None,
            "capacity_type": text(resources, "capacityType"),
        }


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A deployment; `gateways` are what it is distinguished by, `gpus` is per replica, `classes` is empty where all are allowed."""

    gateways: tuple[str, ...] | None = None
    model_name: str | None = None
    bucket: str | None = None
    model_path: str | None = None
    engine: str | None = None
    version: str | None = None
    config: Mapping[str, Any] | None = None
    environment: Mapping[str, Any] | None = None
    instance_type: str | None = None
    gpus: int | None = None
    min: int | None = None
    max: int | None = None
    priority: int | None = None
    concurrency: int | None = None
    classes: tuple[str, ...] | None = None
    weight: int | None = None
    disabled: bool | None = None

    @classmethod
    def values(cls, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The attributes that its spec gives; `gateways` are ids there."""
        model, runtime = message(spec, "model"), message(spec, "runtime")
        resources, autoscaling = message(spec, "resources"), message(spec, "autoscaling")
        return {
            "gateways": texts(spec, "gatewayIds"),
            "model_name": text(model, "name"),
            "bucket": text(model, "bucket"),
            "model_path": (text(model, "path") or "").strip("/") or None,
            "engine": text(runtime, "engine"),
            "version": text(runtime, "version"),
            "config": None if runtime is None else message(runtime, "engineConfig"),
            "environment": None if runtime is None else message(runtime, "engineEnv"),
            "instance_type": text(resources, "instanceType"),
            "gpus": number(resources, "gpuCount", None),
            "min": number(autoscaling, "min", None),
            "max": number(autoscaling, "max", None),
            "priority": number(autoscaling, "priority"),
            "concurrency": number(autoscaling, "concurrency"),
            "classes": texts(autoscaling, "capacityClasses"),
            "weight": number(message(spec, "traffic"), "weight"),
            "disabled": flag(spec, "disabled"),
        }

    @property
    def reserved_only(self) -> bool:
        """Whether its replicas run on claims and nowhere else."""
        return self.classes is not None and set(self.classes) == {RESERVED}

    @property
    def on_demand_only(self) -> bool:
        """Whether its replicas never run on claims."""
        return self.classes is not None and set(self.classes) == {ON_DEMAND}

    @property
    def min_gpus(self) -> int:
        """GPUs that its min replicas need, as far as is known."""
        return (self.min or 0) * (self.gpus or 0)

    @property
    def max_gpus(self) -> int:
        """GPUs that its max replicas need, as far as is known."""
        return (self.max or 0) * (self.gpus or 0)

    def is_of_type(self, instance_type: str | None) -> bool:
        """Whether it runs on that instance type, its case aside."""
        return (self.instance_type or "").lower() == instance_type

    def may_run_on(self, claim: Claim, zones: Zones | None) -> bool:
        """Whether its replicas may run on a claim; `zones` are its gateways'. Allowed is what is not known of its classes."""
        return not self.on_demand_only and self.is_of_type(claim.instance_type) and runs_in(zones, claim.zone)


def zones_of(gateways: Iterable[Gateway | None]) -> Zones | None:
    """The zones that replicas behind these gateways run in; `None` where a gateway, or its zones, are not known."""
    found = [gateway.zones if gateway else None for gateway in gateways]
    known = [zones for zones in found if zones is not None]
    if not known or len(known) < len(found):
        return None
    return frozenset(zone for zones in known for zone in zones) if all(known) else frozenset()


def runs_in(zones: Zones | None, zone: str | None) -> bool:
    """Whether something in `zones` may run in `zone`; no where that is not known."""
    return zones is not None and (not zones or zone in zones)


D = TypeVar("D", bound=Deployment)


def by_group(deployments: Iterable[D]) -> dict[tuple[str, str], list[D]]:
    """The members of each traffic group, by gateway and model name (documentation: what shares both is one group)."""
    members: dict[tuple[str, str], list[D]] = {}
    for item in deployments:
        for gateway in dict.fromkeys(item.gateways or ()):
            if item.model_name is not None:
                members.setdefault((gateway, item.model_name), []).append(item)
    return members
