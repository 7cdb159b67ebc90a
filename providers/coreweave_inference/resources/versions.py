"""Which engine version a deployment runs when it does not say. Pure: catalogue and members in, a version out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import semver

from coreweave_inference.api import ApiObject
from coreweave_inference.spec import has_unknown

LATEST = "latest"


def newest(versions: Iterable[str]) -> str | None:
    """The highest release by semantic versioning; a pre-release only where there is nothing else.

    Build metadata (`0.22.0+crwv.2`) has no rank in semantic versioning; CoreWeave counts in it, so it breaks ties.
    """
    parsed = [semver.Version.parse(text) for text in versions if semver.Version.is_valid(text)]
    releases = [version for version in parsed if not version.prerelease]
    return (
        str(max(releases or parsed, key=lambda version: (version, _build_rank(version.build))))
        if parsed
        else None
    )


def _build_rank(build: str | None) -> tuple[tuple[int, int, str], ...]:
    parts = (build or "").split(".")
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)


def offered(parameters: Mapping[str, Any], engine: str) -> Sequence[str]:
    """Versions of `engine` in the answer of the deployment parameters call; none means unknown."""
    by_engine = (parameters.get("runtimeParameters") or {}).get("runtimeVersions") or {}
    return tuple((by_engine.get(engine) or {}).get("versions") or ())


def of_group(spec: Mapping[str, Any], live: Iterable[ApiObject]) -> str | None:
    """The version that most of the traffic of the new member's group runs: same model name, gateway and engine."""
    if has_unknown((spec.get("model"), spec.get("gatewayIds"))):
        return None
    model, gateways = (spec.get("model") or {}).get("name"), set(spec.get("gatewayIds") or ())
    members = [
        other
        for other in live
        if other.status != "DELETING"
        and (other.spec.get("model") or {}).get("name") == model
        and gateways & set(other.spec.get("gatewayIds") or ())
        and (other.spec.get("runtime") or {}).get("engine") == (spec.get("runtime") or {}).get("engine")
    ]
    heaviest = max(
        members, key=lambda other: (other.spec.get("traffic") or {}).get("weight") or 0, default=None
    )
    return None if heaviest is None else (heaviest.spec.get("runtime") or {}).get("version")
