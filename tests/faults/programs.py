"""What the campaign declares: objects, and a whole program of them as it is in inference.yaml.

Values only: how one comes about by chance is `changes`'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

ZONE, SECOND_ZONE = "US-EAST-04A", "US-WEST-04A"
BUCKET = "acme-weights"
ORGANIZATION = "ab1cd2"
MODEL = "acme/chat"
INSTANCES = ("gd-8xh200ib-i128", "gd-8xh100ib-i128")
PATHS = ("models/chat", "models/chat-v2")
EMPTY_PATHS = ("models/late", "models/later")
PREFIXES = (("models",), ("models", "adapters"), ())
KEYS = {
    "gateways": ("public", "private", "edge"),
    "claims": ("h200", "burst"),
    "deployments": ("chat", "code", "canary"),
    "buckets": ("archive", "spare"),
}
"""Sections of a declaration, and the words that its keys begin with."""


@dataclass(frozen=True)
class Gateway:
    """A gateway as declared."""

    zones: tuple[str, ...] = (ZONE,)
    name: str = ""
    aliases: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Its entry in the declaration."""
        routing = {"bodyBasedRouting": {"apiType": "API_TYPE_OPENAI"}}
        return {"zones": list(self.zones), "coreWeaveAuth": {}, **routing, **_named(self)}


@dataclass(frozen=True)
class Claim:
    """A capacity claim as declared."""

    instance: str = INSTANCES[0]
    count: int = 1
    name: str = ""
    aliases: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Its entry in the declaration."""
        return {
            "instanceId": self.instance,
            "instanceCount": self.count,
            "capacityType": "CAPACITY_TYPE_SERVERLESS",
            "zones": [ZONE],
            **_named(self),
        }


@dataclass(frozen=True)
class Deployment:
    """A deployment as declared; `gateways` are keys of the program."""

    gateways: tuple[str, ...]
    path: str = PATHS[0]
    weight: int = 100
    most: int = 2
    length: int = 0
    disabled: bool = False
    name: str = ""
    aliases: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Its entry in the declaration."""
        engine_config = {"engineConfig": {"max-model-len": self.length}} if self.length else {}
        return {
            "gateways": list(self.gateways),
            "model": {"name": MODEL, "path": self.path, "bucket": "weights"},
            "runtime": {"engine": "vllm", **engine_config},
            "resources": {"instanceType": INSTANCES[0], "gpuCount": 1},
            "autoscaling": {"min": 1, "max": self.most},
            "traffic": {"weight": self.weight},
            **({"disabled": True} if self.disabled else {}),
            **_named(self),
        }


@dataclass(frozen=True)
class Bucket:
    """A bucket of the stack's own, without weights; it goes when it is no longer declared."""

    name: str
    team: str = ""
    served: bool = False
    aliases: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Its entry in the declaration."""
        return {
            "name": self.name,
            "zone": ZONE,
            **({"tags": {"team": self.team}} if self.team else {}),
            **({"policy": _policy(PREFIXES[0])} if self.served else {}),
            "options": {"retainOnDelete": False, "aliases": list(self.aliases)},
        }


Declared = Gateway | Claim | Deployment | Bucket


@dataclass(frozen=True)
class Program:
    """A whole declaration. There is a bucket of weights, with a policy, as long as a deployment reads from it."""

    gateways: Mapping[str, Gateway] = field(default_factory=dict)
    claims: Mapping[str, Claim] = field(default_factory=dict)
    deployments: Mapping[str, Deployment] = field(default_factory=dict)
    buckets: Mapping[str, Bucket] = field(default_factory=dict)
    prefixes: tuple[str, ...] = PREFIXES[0]
    retired: frozenset[str] = frozenset()
    """Keys that were renamed with an alias: their objects still bear the names that come from them."""

    def document(self) -> dict[str, Any]:
        """What is in inference.yaml."""
        weights = {"name": BUCKET, "zone": ZONE, "adopt": True, "policy": _policy(self.prefixes)}
        sections: dict[str, Any] = {
            "buckets": {
                **({"weights": weights} if self.deployments else {}),
                **{key: item.document() for key, item in self.buckets.items()},
            },
            "gateways": {key: item.document() for key, item in self.gateways.items()},
            "capacityClaims": {key: item.document() for key, item in self.claims.items()},
            "deployments": {key: item.document() for key, item in self.deployments.items()},
        }
        return {"version": 1, **{name: section for name, section in sections.items() if section}}

    def objects(self) -> dict[tuple[str, str], Declared]:
        """Every declared object by its section and key."""
        return {(kind, key): item for kind in KEYS for key, item in getattr(self, kind).items()}

    def with_object(self, kind: str, key: str, item: Declared | None) -> Program:
        """The program with one object in place, or without it."""
        section = {name: found for name, found in getattr(self, kind).items() if name != key}
        return replace(self, **{kind: section if item is None else {**section, key: item}})

    def settled(self) -> Program:
        """The program once its renames have been applied: aliases may go then."""
        result = self
        for (kind, key), item in self.objects().items():
            result = result.with_object(kind, key, replace(item, aliases=()))
        return result


def _policy(prefixes: tuple[str, ...]) -> dict[str, Any]:
    return {"prefixes": list(prefixes), "ownerAccess": "organization", "organizationId": ORGANIZATION}


def _named(item: Declared) -> dict[str, Any]:
    name = {"name": item.name} if item.name else {}
    return {**name, **({"options": {"aliases": list(item.aliases)}} if item.aliases else {})}
