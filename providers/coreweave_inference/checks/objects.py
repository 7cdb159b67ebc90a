"""Gateways, capacity claims and deployments as rules see them, wherever they come from.

An attribute that is `None` is not known, and a rule that needs it says nothing. No rule belongs here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from coreweave_inference.declaration import ObjectOptions
from coreweave_inference.model.kinds import Kind

from .finding import About
from .values import flag, message, number, text, texts

RESERVED = "CAPACITY_CLASS_RESERVED"
ON_DEMAND = "CAPACITY_CLASS_ON_DEMAND"


class Owner(Enum):
    """Whose an object is: declared here, used here and declared elsewhere, or only there in the account."""

    OWN = "own"
    EXISTING = "existing"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class LiveObject:
    """An object as the service answered it; `updated` is in UTC, `failure` the service's reason where it is FAILED."""

    kind: Kind
    id: str
    name: str
    spec: Mapping[str, Any]
    status: str = "READY"
    updated: datetime | None = None
    failure: str = ""


@dataclass(frozen=True)
class LastObject:
    """An object as the last state has it, by the key it had in the declaration."""

    kind: Kind
    key: str
    spec: Mapping[str, Any]
    id: str = ""


@dataclass(frozen=True)
class Item:
    """What the three kinds have in common. `key` is the declaration's, or the name of what is not declared here."""

    kind: Kind
    key: str
    spec: Mapping[str, Any]
    owner: Owner = Owner.OWN
    id: str | None = None
    name: str | None = None
    options: ObjectOptions = field(default_factory=ObjectOptions)

    @property
    def own(self) -> bool:
        """Whether this declaration makes it."""
        return self.owner is Owner.OWN

    @property
    def about(self) -> About:
        """What a finding about it says it is about."""
        return About(self.kind.noun, self.key)

    @property
    def label(self) -> str:
        """`deployment "chat"`."""
        elsewhere = " (not of this stack)" if self.owner is Owner.FOREIGN else ""
        return f'{self.kind.noun} "{self.key}"{elsewhere}'

    def path(self, inner: str = "") -> str:
        """`deployments.chat.traffic.weight` for `traffic.weight`."""
        start = f"{self.kind.section}.{self.key}"
        start = f"existing.{start}" if self.owner is Owner.EXISTING else start
        return f"{start}.{inner}" if inner else start


@dataclass(frozen=True)
class Gateway(Item):
    """A gateway; `handle` is what deployments refer to it by, `zones` is empty where it runs in all of them."""

    handle: str = ""
    zones: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Claim(Item):
    """A capacity claim; `count` is in instances, `instance_type` in lower case as its case means nothing."""

    instance_type: str | None = None
    count: int | None = None
    zone: str | None = None


@dataclass(frozen=True)
class Deployment(Item):
    """A deployment; `gateways` are handles, `gpus` is per replica, `classes` is empty where both are allowed."""

    gateways: tuple[str, ...] | None = None
    bucket_key: str | None = None
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
    updated: datetime | None = field(default=None)

    @property
    def reserved_only(self) -> bool:
        """Whether its replicas run on claims and nowhere else."""
        return self.classes is not None and set(self.classes) == {RESERVED}

    @property
    def may_use_claims(self) -> bool:
        """Whether its replicas may run on a claim; so may those of which it is not known."""
        return not self.classes or RESERVED in self.classes


def gateway(item: Item, handle: str) -> Gateway:
    """The gateway that `item` is."""
    zones = texts(item.spec, "zones")
    return Gateway(
        **vars(item), handle=handle, zones=None if zones is None else tuple(zone.upper() for zone in zones)
    )


def claim(item: Item) -> Claim:
    """The capacity claim that `item` is."""
    resources = message(item.spec, "resources")
    zones = texts(resources, "zones")
    return Claim(
        **vars(item),
        instance_type=(text(resources, "instanceId") or "").lower() or None,
        count=number(resources, "instanceCount", None),
        zone=zones[0].upper() if zones and len(zones) == 1 else None,
    )


def deployment(
    item: Item,
    gateways: tuple[str, ...] | None,
    bucket_key: str | None = None,
    updated: datetime | None = None,
) -> Deployment:
    """The deployment that `item` is."""
    spec = item.spec
    model, runtime, resources = message(spec, "model"), message(spec, "runtime"), message(spec, "resources")
    autoscaling, traffic = message(spec, "autoscaling"), message(spec, "traffic")
    return Deployment(
        **vars(item),
        gateways=gateways,
        bucket_key=bucket_key,
        model_name=text(model, "name"),
        bucket=text(model, "bucket"),
        model_path=(text(model, "path") or "").strip("/") or None,
        engine=text(runtime, "engine"),
        version=text(runtime, "version"),
        config=None if runtime is None else message(runtime, "engineConfig"),
        environment=None if runtime is None else message(runtime, "engineEnv"),
        instance_type=text(resources, "instanceType"),
        gpus=number(resources, "gpuCount", None),
        min=number(autoscaling, "min", None),
        max=number(autoscaling, "max", None),
        priority=number(autoscaling, "priority"),
        concurrency=number(autoscaling, "concurrency"),
        classes=texts(autoscaling, "capacityClasses"),
        weight=number(traffic, "weight"),
        disabled=flag(spec, "disabled"),
        updated=updated,
    )
