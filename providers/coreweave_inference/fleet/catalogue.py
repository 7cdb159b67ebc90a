"""What the service offers, and how the answers of its parameters calls become it. Pure.

An empty list means "not known": the service lists instance types only once a gateway exists (documentation), so nothing
can be concluded from one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.versions import newest

from .values import mapping, names


@dataclass(frozen=True)
class Catalogue:
    """What the three parameters calls answer; `unread` has one sentence for each call that failed."""

    zones: tuple[str, ...] = ()
    claim_types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    instance_types: tuple[str, ...] = ()
    versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    config_keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    environment_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()

    @cached_property
    def newest(self) -> Mapping[str, str | None]:
        """The newest version of each engine."""
        return {engine: newest(versions) for engine, versions in self.versions.items()}

    @classmethod
    def of_answers(cls, answers: Mapping[Kind, Any], unread: tuple[str, ...] = ()) -> Catalogue:
        """The catalogue in the answers of the parameters calls, whatever is missing in them."""
        gateways, claims, deployments = (
            mapping(answers.get(kind)) for kind in (Kind.GATEWAY, Kind.CAPACITY_CLAIM, Kind.DEPLOYMENT)
        )
        runtime = mapping(deployments.get("runtimeParameters"))
        return cls(
            zones=tuple(zone.upper() for zone in names(gateways.get("zones"))),
            claim_types=_lists(claims.get("zoneInstanceTypes"), "instanceIds", upper=True),
            instance_types=names(mapping(deployments.get("resourceParameters")).get("instanceTypes")),
            versions=_lists(runtime.get("runtimeVersions"), "versions"),
            config_keys=_lists(runtime.get("runtimeConfigOptions"), "allowedKeys"),
            environment_names=_lists(runtime.get("engineEnvOptions"), "allowedNames"),
            unread=unread,
        )


def _lists(by_name: Any, inner: str, *, upper: bool = False) -> dict[str, tuple[str, ...]]:
    """`{"vllm": {"versions": […]}}` as `{"vllm": (…)}`."""
    found = {str(name): names(mapping(entry).get(inner)) for name, entry in mapping(by_name).items()}
    return {name.upper() if upper else name: listed for name, listed in found.items()}
