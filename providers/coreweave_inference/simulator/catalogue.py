"""What the simulated service offers: zones, instance types, engines. Data only; no rule and no request belongs here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

VLLM_KEYS = (
    "max-model-len",
    "reasoning-parser",
    "enable-auto-tool-choice",
    "tool-call-parser",
    "max-num-batched-tokens",
    "structured-outputs-config.backend",
    "max-num-seqs",
    "gpu-memory-utilization",
    "kv-cache-dtype",
    "enable-prefix-caching",
    "enforce-eager",
)
VLLM_ENVIRONMENT = ("VLLM_LOGGING_LEVEL", "VLLM_USE_V1", "VLLM_ATTENTION_BACKEND", "HF_HUB_OFFLINE")


@dataclass(frozen=True)
class Engine:
    """One runtime engine: its versions, newest first, and the names it allows in engineConfig and engineEnv."""

    versions: tuple[str, ...]
    config_keys: tuple[str, ...] = VLLM_KEYS
    environment_names: tuple[str, ...] = VLLM_ENVIRONMENT


def _default_instance_types() -> dict[str, tuple[str, ...]]:
    return {
        "RNO2A": ("gd-8xh100ib-i128", "gd-8xl40s-i128"),
        "US-EAST-04A": ("gd-8xh100ib-i128", "gd-8xh200ib-i128", "gb200-4x"),
        "US-WEST-04A": ("gd-8xh100ib-i128", "gd-8xh200ib-i128", "gd-8xa100-i128"),
    }


def _default_engines() -> dict[str, Engine]:
    return {
        "vllm": Engine(versions=("0.22.0+crwv.2", "0.21.1+crwv.1", "0.20.0")),
        "dynamo-vllm": Engine(versions=("1.1.0+crwv.1", "1.0.2+crwv.1")),
    }


@dataclass(frozen=True)
class Catalogue:
    """Instance types by zone, and engines by name."""

    instance_types: Mapping[str, tuple[str, ...]] = field(default_factory=_default_instance_types)
    engines: Mapping[str, Engine] = field(default_factory=_default_engines)

    @property
    def zones(self) -> list[str]:
        """All zones, sorted."""
        return sorted(self.instance_types)

    def instance_types_in(self, zones: Iterable[str]) -> list[str]:
        """The instance types that at least one of the zones offers, sorted."""
        return sorted({name for zone in zones for name in self.instance_types.get(zone, ())})

    def offered(self, zone: str, instance_id: str) -> str | None:
        """The instance type as the zone spells it, found whatever its case; None when the zone does not have it."""
        wanted = instance_id.lower()
        return next((name for name in self.instance_types.get(zone, ()) if name.lower() == wanted), None)
