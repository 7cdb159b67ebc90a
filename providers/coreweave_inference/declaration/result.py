"""What a declaration says, once it is read and found right.

Only data belongs here: no reading, no judging, no resources.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from coreweave_inference.model.kinds import Kind

from .origin import Origin
from .places import Places


@dataclass(frozen=True)
class SecretReference:
    """Where a secret is to be taken from: an environment variable or the stack's configuration. Never its value."""

    source: Literal["fromEnv", "fromConfig"]
    name: str


@dataclass(frozen=True)
class ObjectOptions:
    """How the engine treats an object; `None` leaves it to the resource's own default. `timeout` is in seconds."""

    protect: bool = False
    adopt: bool = False
    aliases: tuple[str, ...] = ()
    ignore_changes: tuple[str, ...] = ()
    retain_on_delete: bool | None = None
    delete_before_replace: bool | None = None
    wait: bool = True
    timeout: float | None = None


@dataclass(frozen=True)
class PolicyDeclaration:
    """What the inference service may read: `prefixes` without slashes at their ends; none means the whole bucket."""

    prefixes: tuple[str, ...] = ()
    owner_access: Literal["organization", "none"] | None = None
    organization_id: str | None = None


@dataclass(frozen=True)
class BucketDeclaration:
    """A weights bucket; without `policy` the bucket's policy is left to others."""

    key: str
    name: str
    zone: str
    origin: Origin
    tags: dict[str, str] = field(default_factory=dict)
    policy: PolicyDeclaration | None = None
    force_destroy: bool = False
    adopt: bool = False
    options: ObjectOptions = ObjectOptions()


@dataclass(frozen=True)
class ObjectDeclaration:
    """A gateway, capacity claim or deployment.

    `spec` is the declared spec in camelCase and normal form, with `name` only if one was given; secrets in it are
    `SecretReference`s. A deployment's `spec` has no `gatewayIds` (`gateways` names them by key, own or existing ones),
    always says its `traffic.weight`, and holds the bucket's name (`UNKNOWN` where another stack tells it); `bucket` is
    the key of a bucket under `buckets` or `existing.buckets`.
    """

    key: str
    kind: Kind
    spec: dict[str, Any]
    origin: Origin
    gateways: tuple[str, ...] = ()
    bucket: str | None = None
    options: ObjectOptions = ObjectOptions()


@dataclass(frozen=True)
class ExistingObject:
    """A gateway or capacity claim that is used and never changed; exactly one of `name`, `id`, `stack` is given.

    `stack` is another Pulumi stack (`organization/project/stack`), `stack_key` the object's key there.
    """

    key: str
    kind: Kind
    origin: Origin
    name: str | None = None
    id: str | None = None
    stack: str | None = None
    stack_key: str | None = None


@dataclass(frozen=True)
class ExistingBucket:
    """A bucket that is used and never changed; exactly one of `name` and `stack` is given, `zone` only with `name`."""

    key: str
    origin: Origin
    name: str | None = None
    zone: str | None = None
    stack: str | None = None
    stack_key: str | None = None


@dataclass(frozen=True)
class Existing:
    """What the declaration uses and does not own, by kind and key."""

    gateways: dict[str, ExistingObject] = field(default_factory=dict)
    capacity_claims: dict[str, ExistingObject] = field(default_factory=dict)
    buckets: dict[str, ExistingBucket] = field(default_factory=dict)

    def objects(self) -> tuple[ExistingObject, ...]:
        """Gateways and capacity claims, in this order."""
        return (*self.gateways.values(), *self.capacity_claims.values())


@dataclass(frozen=True)
class Accepted:
    """A finding that somebody read and lives with, for the `reason` given.

    It is about the object `key`, of the `kind` (`gateway`, `capacity claim`, `deployment`, `bucket`) if that is known,
    and no longer counts once the day `until` is over.
    """

    code: str
    key: str
    reason: str
    origin: Origin
    kind: str | None = None
    until: date | None = None


@dataclass(frozen=True)
class SmokeDeclaration:
    """What is asked of each model after a rollout. `deployments` are keys, none for all; `max_latency` is in seconds."""

    prompt: str
    expect: str | None = None
    max_latency: float = 60.0
    count: int = 1
    deployments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Declaration:
    """Everything a file and its overlay declare, by kind and key, in the file's order."""

    buckets: dict[str, BucketDeclaration]
    gateways: dict[str, ObjectDeclaration]
    capacity_claims: dict[str, ObjectDeclaration]
    deployments: dict[str, ObjectDeclaration]
    existing: Existing = field(default_factory=Existing)
    accepted: tuple[Accepted, ...] = ()
    smoke: SmokeDeclaration | None = None
    places: Places = field(default_factory=Places, compare=False, repr=False)

    def objects(self) -> tuple[ObjectDeclaration, ...]:
        """Gateways, capacity claims and deployments, in this order."""
        kinds = (self.gateways, self.capacity_claims, self.deployments)
        return tuple(declared for objects in kinds for declared in objects.values())

    def origin(self, path: str) -> Origin:
        """File and line of what is at a path such as `deployments.chat.autoscaling.max`.

        What is inherited is where it was written; what nobody wrote, where the nearest thing around it is.
        Maps are written `runtime.engineConfig["max-model-len"]`, lists `gateways[0]`; the API's own paths
        (`capacityClaims.h200.resources.zones`, `deployments.chat.gatewayIds`) are understood too.
        """
        return self.places.origin(path)
