"""Claims against those who run on them: GPUs on each side, by instance type and zones.

What a shortage means is the rules' matter. A pool is made only where every number in it is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from coreweave_inference.errors import plural
from coreweave_inference.fleet.instances import hardware_of

from .objects import Claim, Deployment
from .view import View


@dataclass(frozen=True)
class Pool:
    """One instance type in some zones (none named: all of them), with its claims and its RESERVED-only users.

    `resting` are such users that are disabled, or somebody else's and FAILED. Whether these hold GPUs is not documented,
    so rules count both ways.
    """

    instance_type: str
    zones: frozenset[str]
    gpus_each: int
    claims: tuple[Claim, ...]
    users: tuple[Deployment, ...]
    resting: tuple[Deployment, ...] = ()

    @cached_property
    def held(self) -> int:
        """GPUs that `resting` hold for their min replicas, if they hold any."""
        return sum(item.min_gpus for item in self.resting)

    @cached_property
    def supply(self) -> int:
        """GPUs of all claims."""
        return sum(item.count or 0 for item in self.claims) * self.gpus_each

    @cached_property
    def least(self) -> int:
        """GPUs of the users' min replicas."""
        return sum(item.min_gpus for item in self.users)

    @cached_property
    def most(self) -> int:
        """GPUs of the users' max replicas."""
        return sum(item.max_gpus for item in self.users)

    @property
    def place(self) -> str:
        """`gd-8xh200ib-i128 in US-EAST-04A`."""
        return f"{self.instance_type} in {', '.join(sorted(self.zones)) or 'all zones'}"

    @property
    def right_side(self) -> str:
        """`1 instance x 8 = 8 GPUs`."""
        count = sum(item.count or 0 for item in self.claims)
        return f"{plural(count, 'instance')} x {self.gpus_each} = {self.supply} GPUs"

    def left_side(self, *, of_min: bool) -> str:
        """`chat 2 x 4 + canary 1 x 4 = 12 GPUs`, as replicas times GPUs."""
        terms = [f'"{u.key}" {u.min if of_min else u.max} x {u.gpus}' for u in self.users[:6]]
        rest = [f"{len(self.users) - 6} more"] if len(self.users) > 6 else []
        return f"{' + '.join(terms + rest)} = {self.least if of_min else self.most} GPUs"


def instances(gpus: int, gpus_each: int) -> int:
    """Instances that hold so many GPUs."""
    return math.ceil(gpus / gpus_each)


def claims_are_known(view: View) -> bool:
    """Whether type, count and zone of every claim are known."""
    return all(item.instance_type and item.count is not None and item.zone for item in view.all_claims)


def is_within(zones: frozenset[str], outer: frozenset[str]) -> bool:
    """Whether a place in `zones` is always one in `outer`; no zones at all are all of them."""
    return not outer or (bool(zones) and zones <= outer)


def pools_of(view: View) -> tuple[Pool, ...]:
    """A pool for each instance type and set of zones that one of our RESERVED-only deployments runs in."""
    return view.once("pools", lambda: tuple(_pools(view)))


def _pools(view: View) -> Iterator[Pool]:
    if not claims_are_known(view):
        return
    everyone = [item for item in view.all_deployments if item.reserved_only and item.disabled is not None]
    users = [item for item in everyone if not (item.disabled or item.failed)]
    zones = {id(item): view.zones_of(item) for item in everyone}
    wanted = {
        ((item.instance_type or "").lower(), zones[id(item)]): None
        for item in users
        if item.own and item.instance_type
    }
    for instance_type, area in wanted:
        hardware = hardware_of(instance_type)
        if hardware is None or area is None:
            continue
        of_type = [item for item in users if item.is_of_type(instance_type)]
        if all(_is_counted(item) and zones[id(item)] is not None for item in of_type):
            inside = tuple(item for item in of_type if is_within(zones[id(item)] or frozenset(), area))
            yield Pool(
                instance_type,
                area,
                hardware.gpus,
                tuple(_claims_in(view.all_claims, instance_type, area)),
                inside,
                tuple(
                    item
                    for item in everyone
                    if (item.disabled or item.failed)
                    and item.is_of_type(instance_type)
                    and _is_counted(item)
                    and is_within(zones[id(item)] or frozenset(), area)
                ),
            )


def _claims_in(claims: Iterable[Claim], instance_type: str, area: frozenset[str]) -> Iterator[Claim]:
    return (
        item for item in claims if item.instance_type == instance_type and (not area or item.zone in area)
    )


def _is_counted(item: Deployment) -> bool:
    return item.min is not None and item.max is not None and item.gpus is not None


def may_use(view: View, claim: Claim) -> list[Deployment]:
    """The known deployments whose replicas may run on a claim."""
    return [item for item in view.all_deployments if view.may_run_on(item, claim)]
