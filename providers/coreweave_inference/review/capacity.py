"""GPUs by instance type and zone, before and after: how many replicas ask for, and what capacity claims cover.

The service decides where a replica runs; here whole GPUs are counted. Replicas that may run on claims alone take them
first, then the others, those bound to fewer zones before those bound to more. Whether a disabled deployment holds GPUs is
not documented, so where there is one everything is counted both ways.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from coreweave_inference.fleet.instances import Prices
from coreweave_inference.fleet.objects import Zones

from .fleet import Claim, Deployment, Fleet

ANY_ZONE = "any zone"
Place = tuple[str, str]
"""Instance type in lower case, and zone in words."""


@dataclass(frozen=True)
class Placed:
    """Where the GPUs of one deployment come from at one number of replicas.

    `covered` run on claims, `on_demand` do not, `short` have nowhere to run (claims only, and these are full).
    """

    wanted: int
    covered: int
    on_demand: int
    short: int


@dataclass(frozen=True)
class Load:
    """One deployment at its bounds; `None` where its size is not known, or it is disabled."""

    deployment: Deployment
    at_min: Placed | None
    at_max: Placed | None


@dataclass(frozen=True)
class Usage:
    """One side of the account: every deployment's load, and every claim's GPUs (`None`: size not known)."""

    loads: Mapping[str, Load] = field(default_factory=dict)
    claimed: Mapping[str, int | None] = field(default_factory=dict)
    held: Mapping[str, Load] = field(default_factory=dict)
    """The loads if disabled deployments hold their GPUs; empty where none is disabled."""


@dataclass(frozen=True)
class Side:
    """GPUs of one place: wanted at min and max, claimed in that zone, covered at min and max; `unknown` in names."""

    at_min: int = 0
    at_max: int = 0
    claimed: int = 0
    covered_at_min: int = 0
    covered_at_max: int = 0
    short_at_max: int = 0
    unknown: tuple[str, ...] = ()
    held: Side | None = None
    """The same if disabled deployments hold their GPUs, where that makes a difference."""


@dataclass(frozen=True)
class Row:
    """One instance type in one zone."""

    instance_type: str
    zone: str
    before: Side
    after: Side


def usage(fleet: Fleet, prices: Prices) -> Usage:
    """Who runs where. A claim covers replicas of its instance type whose gateways reach its zone."""
    claimed = {label: _gpus(claim, prices) for label, claim in fleet.claims.items()}
    loads = _loads(fleet, claimed)
    enabled = {label: replace(item, disabled=False) for label, item in fleet.deployments.items()}
    resting = any(item.disabled for item in fleet.deployments.values())
    held = _loads(replace(fleet, deployments=enabled), claimed) if resting else {}
    return Usage(loads, claimed, held)


def _loads(fleet: Fleet, claimed: Mapping[str, int | None]) -> dict[str, Load]:
    at_min = _placed(fleet, claimed, at_max=False)
    at_max = _placed(fleet, claimed, at_max=True)
    return {
        label: Load(deployment, at_min.get(label), at_max.get(label))
        for label, deployment in fleet.deployments.items()
    }


def rows(before: Fleet, after: Fleet, old: Usage, new: Usage) -> tuple[Row, ...]:
    """Every place that has replicas or claims on either side."""
    left, right = _sides(before, old), _sides(after, new)
    nothing = Side()
    return tuple(
        Row(place[0], place[1], left.get(place, nothing), right.get(place, nothing))
        for place in sorted({*left, *right})
    )


def zone_words(zones: Zones) -> str:
    """`US-EAST-04A`, `A or B`, `any zone`."""
    return " or ".join(sorted(zones)) or ANY_ZONE


def covers(claim: Claim, deployment: Deployment) -> bool:
    """Whether replicas of `deployment` could run on `claim`."""
    return deployment.may_run_on(claim, deployment.zones)


def _gpus(claim: Claim, prices: Prices) -> int | None:
    per_instance = prices.gpus(claim.instance_type)
    return None if per_instance is None or claim.count is None else per_instance * claim.count


def _placed(fleet: Fleet, claimed: Mapping[str, int | None], *, at_max: bool) -> dict[str, Placed]:
    free = {label: gpus for label, gpus in claimed.items() if gpus is not None}
    found = {}
    for deployment in sorted(fleet.deployments.values(), key=_who_first):
        replicas = deployment.max if at_max else deployment.min
        if deployment.disabled or replicas is None or deployment.gpus is None:
            continue
        usable = [claim for claim in fleet.claims.values() if covers(claim, deployment)]
        if any(claim.label not in free for claim in usable):
            continue
        found[deployment.label] = _place(deployment, replicas * deployment.gpus, usable, free)
    return found


def _who_first(deployment: Deployment) -> tuple[bool, bool, int, str]:
    zones = deployment.zones
    return (not deployment.reserved_only, not zones, len(zones), deployment.label)


def _place(deployment: Deployment, wanted: int, usable: Iterable[Claim], free: dict[str, int]) -> Placed:
    left = wanted
    for claim in sorted(usable, key=lambda claim: claim.label):
        taken = min(left, free[claim.label])
        free[claim.label] -= taken
        left -= taken
    only_claims = deployment.reserved_only
    return Placed(wanted, wanted - left, 0 if only_claims else left, left if only_claims else 0)


def _sides(fleet: Fleet, used: Usage) -> dict[Place, Side]:
    found = _counted(fleet, used, used.loads)
    if not used.held:
        return found
    held = _counted(fleet, used, used.held)
    both = ((place, side, held[place]) for place, side in found.items())
    return {place: side if side == other else replace(side, held=other) for place, side, other in both}


def _counted(fleet: Fleet, used: Usage, loads: Mapping[str, Load]) -> dict[Place, Side]:
    found: dict[Place, Side] = {}
    for load in loads.values():
        place = ((load.deployment.instance_type or "").lower(), zone_words(load.deployment.zones))
        found[place] = _with_load(found.get(place, Side()), load)
    for label, claim in fleet.claims.items():
        place = (claim.instance_type or "", claim.zone or ANY_ZONE)
        found[place] = _with_claim(found.get(place, Side()), label, used.claimed[label])
    return found


def _with_load(side: Side, load: Load) -> Side:
    low, high = load.at_min, load.at_max
    if load.deployment.disabled:
        return side
    if low is None or high is None:
        return Side(**{**vars(side), "unknown": tuple(sorted((*side.unknown, load.deployment.label)))})
    return Side(
        side.at_min + low.wanted,
        side.at_max + high.wanted,
        side.claimed,
        side.covered_at_min + low.covered,
        side.covered_at_max + high.covered,
        side.short_at_max + high.short,
        side.unknown,
    )


def _with_claim(side: Side, label: str, gpus: int | None) -> Side:
    if gpus is None:
        return Side(**{**vars(side), "unknown": tuple(sorted((*side.unknown, label)))})
    return Side(**{**vars(side), "claimed": side.claimed + gpus})
