"""What live objects cost per hour by list price, by object. Pure.

The sums are the review's (`review.money`): they need the whole account, since claims cover replicas of every stack.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coreweave_inference.fleet.instances import Prices
from coreweave_inference.model.kinds import Kind
from coreweave_inference.review.capacity import covers, usage
from coreweave_inference.review.fleet import Fleet, fleet_of
from coreweave_inference.review.money import Cost, Money, money
from coreweave_inference.waiting import Live

REPLICAS, CLAIM = "replicas beyond claims", "claim"
LINES = {Kind.CAPACITY_CLAIM: CLAIM, Kind.DEPLOYMENT: REPLICAS}

Lists = Mapping[Kind, Sequence[Live]]


@dataclass(frozen=True)
class _Labelled:
    """An object as `fleet_of` reads it; its id is its label, since names may repeat."""

    kind: Kind
    label: str
    stack: str = ""


@dataclass(frozen=True)
class Costs:
    """Costs of objects by their ids, and who may run on which claim."""

    money: Money
    fleet: Fleet

    def of(self, kind: Kind, object_id: str) -> Cost | None:
        """The cost of one object; None where it has none of its own (gateways, replicas that run on claims alone)."""
        found = (
            line.after
            for line in self.money.lines
            if line.what == LINES.get(kind) and line.label == object_id
        )
        return next(found, None)

    def may_run_on(self, claim_id: str) -> tuple[str, ...]:
        """Ids of the enabled deployments whose replicas may run on a claim."""
        claim = self.fleet.claims.get(claim_id)
        if claim is None:
            return ()
        return tuple(
            id_
            for id_, found in self.fleet.deployments.items()
            if not found.disabled and covers(claim, found)
        )


def costs_of(lists: Lists, prices: Prices) -> Costs:
    """The costs of everything in the account; a claim whose reduction is pending counts with what is still allocated."""
    objects = (
        (_Labelled(kind, live.id), _state(kind, live))
        for kind, found in lists.items()
        for live in found
        if live.status != "DELETING"
    )
    fleet = fleet_of(objects)
    used = usage(fleet, prices)
    return Costs(money(fleet, fleet, used, used, prices), fleet)


def total(costs: Iterable[Cost]) -> Cost:
    """The sum of those that have a price."""
    there = [cost for cost in costs if not cost.words]
    low, high = (sum(getattr(cost, side) for cost in there) for side in ("at_min", "at_max"))
    return Cost(low, high) if there else Cost()


def _state(kind: Kind, live: Live) -> dict[str, Any]:
    spec = {**live.spec, "apiId": live.id}
    resources = spec.get("resources")
    if kind is Kind.CAPACITY_CLAIM and isinstance(resources, Mapping):
        count = max(live.allocated_instances, int(resources.get("instanceCount") or 0))
        spec["resources"] = {**resources, "instanceCount": count}
    return spec
