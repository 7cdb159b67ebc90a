"""An account at one moment: its objects, and the buckets that its deployments read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from coreweave_inference.fleet.values import weights_bucket
from coreweave_inference.model.kinds import Kind

DELETING = "DELETING"


@dataclass(frozen=True)
class LiveObject:
    """A gateway, capacity claim or deployment as the service lists it; `why` is its reason where it is FAILED or ERROR.

    `broken`: why the next run waits for it, judged as a refresh judges what served before; `lost_weights`: likewise, because
    the service may not read its weights.
    """

    kind: Kind
    id: str
    name: str
    spec: Mapping[str, Any] = field(repr=False)
    status: str = "READY"
    why: str = ""
    broken: str = ""
    lost_weights: str = ""
    organization: str = ""
    endpoints: tuple[str, ...] = ()
    created_at: str = ""
    updated_at: str = ""

    @property
    def label(self) -> str:
        """`deployment "chat"`."""
        return f'{self.kind.noun} "{self.name}"'

    @property
    def gateway_ids(self) -> tuple[str, ...]:
        """The gateways of a deployment."""
        return tuple(self.spec.get("gatewayIds") or ())

    @property
    def bucket(self) -> str:
        """The bucket of a deployment's weights; empty for other kinds."""
        return weights_bucket(self.spec)


@dataclass(frozen=True)
class LiveBucket:
    """A bucket, its tags and its policy document; `unread` says why it could not be read.

    `of_stack`: `own`, `other` or empty, by the tag of the stack that created it; `tag` is that tag. `missing`: there is none
    that the token can see.
    """

    name: str
    zone: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    policy: Mapping[str, Any] | None = None
    unread: str = ""
    of_stack: str = ""
    tag: str = ""
    missing: bool = False


@dataclass(frozen=True)
class Snapshot:
    """Everything that a token sees, objects in the order of kind and name."""

    objects: tuple[LiveObject, ...] = ()
    buckets: Mapping[str, LiveBucket] = field(default_factory=dict)

    def of_kind(self, kind: Kind) -> tuple[LiveObject, ...]:
        """The objects of a kind."""
        return tuple(live for live in self.objects if live.kind is kind)

    def by_id(self, id_: str) -> LiveObject | None:
        """The object of an id, in any case."""
        return next((live for live in self.objects if live.id == id_.lower()), None)

    def named(self, kind: Kind, name: str) -> LiveObject | None:
        """The object of a name that is not being deleted."""
        return next((o for o in self.of_kind(kind) if o.name == name and o.status != DELETING), None)

    def users(self, gateway_id: str) -> tuple[LiveObject, ...]:
        """The deployments behind a gateway, without those that are being deleted."""
        found = (o for o in self.of_kind(Kind.DEPLOYMENT) if o.status != DELETING)
        return tuple(o for o in found if gateway_id in o.gateway_ids)

    def readers(self, bucket: str) -> tuple[LiveObject, ...]:
        """The deployments whose weights lie in a bucket, without those that are being deleted."""
        found = (o for o in self.of_kind(Kind.DEPLOYMENT) if o.status != DELETING)
        return tuple(o for o in found if o.bucket == bucket)


def in_order(objects: Iterable[LiveObject]) -> tuple[LiveObject, ...]:
    """By kind and name, so that two imports write the same."""
    kinds = list(Kind)
    return tuple(sorted(objects, key=lambda live: (kinds.index(live.kind), live.name, live.id)))
