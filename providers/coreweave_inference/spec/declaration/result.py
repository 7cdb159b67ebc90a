"""What a declaration says, once it is read and found right.

Only data belongs here: no reading, no judging, no resources.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from coreweave_inference.spec.kinds import Kind

from .origin import Origin


@dataclass(frozen=True)
class SecretReference:
    """Where a secret is to be taken from: an environment variable or the stack's configuration. Never its value."""

    source: Literal["fromEnv", "fromConfig"]
    name: str


@dataclass(frozen=True)
class ObjectOptions:
    """How the engine treats an object; `None` leaves it to the resource's own default. `timeout` is in seconds."""

    protect: bool = False
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
    `SecretReference`s. A deployment's `spec` has no `gatewayIds` (`gateways` names them by key), always says its
    `traffic.weight`, and holds the bucket's name; `bucket` is the key of a bucket declared in the same file.
    """

    key: str
    kind: Kind
    spec: dict[str, Any]
    origin: Origin
    gateways: tuple[str, ...] = ()
    bucket: str | None = None
    options: ObjectOptions = ObjectOptions()


@dataclass(frozen=True)
class Declaration:
    """Everything a file declares, by kind and key, in the file's order."""

    buckets: dict[str, BucketDeclaration]
    gateways: dict[str, ObjectDeclaration]
    capacity_claims: dict[str, ObjectDeclaration]
    deployments: dict[str, ObjectDeclaration]

    def objects(self) -> tuple[ObjectDeclaration, ...]:
        """Gateways, capacity claims and deployments, in this order."""
        kinds = (self.gateways, self.capacity_claims, self.deployments)
        return tuple(declared for objects in kinds for declared in objects.values())
