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
from coreweave_inference.fleet import objects as fleet
from coreweave_inference.model.kinds import Kind

from .finding import About


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
class Gateway(Item, fleet.Gateway):
    """A gateway; `handle` is what deployments refer to it by."""

    handle: str = ""


@dataclass(frozen=True)
class Claim(Item, fleet.Claim):
    """A capacity claim."""


@dataclass(frozen=True)
class Deployment(Item, fleet.Deployment):
    """A deployment; its `gateways` are handles, `bucket_key` the bucket's key in this declaration, `failed` whether it is
    somebody else's and FAILED: our own gets another attempt by the run.
    """

    bucket_key: str | None = None
    updated: datetime | None = None
    failed: bool = False


def gateway(item: Item, handle: str) -> Gateway:
    """The gateway that `item` is."""
    return Gateway(**vars(item), **Gateway.values(item.spec), handle=handle)


def claim(item: Item) -> Claim:
    """The capacity claim that `item` is."""
    return Claim(**vars(item), **Claim.values(item.spec))


def deployment(
    item: Item,
    gateways: tuple[str, ...] | None,
    bucket_key: str | None = None,
    live: LiveObject | None = None,
) -> Deployment:
    """The deployment that `item` is; `live` where it is somebody else's."""
    values = {**Deployment.values(item.spec), "gateways": gateways, "bucket_key": bucket_key}
    if live is not None:
        values |= {"updated": live.updated, "failed": live.status == "FAILED"}
    return Deployment(**vars(item), **values)
