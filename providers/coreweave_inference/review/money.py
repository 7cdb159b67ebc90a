"""What the stacks cost by list price, before and after, per hour and month.

Billing (documentation): a claim is paid in full for as long as it exists; replicas on claims add nothing; every other
replica is billed per GPU-hour. CUSTOMER claims are billed at the organization's own rate, and what a disabled
deployment costs is not documented; neither is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from coreweave_inference.fleet.instances import Prices
from coreweave_inference.fleet.objects import CUSTOMER

from .capacity import Load, Usage
from .fleet import Claim, Fleet
from .phrases import Sentence, say

HOURS_PER_MONTH = 730
OWN_RATE = "your own rate"
NO_LIST_PRICE = "no list price"
NOT_KNOWN = "unknown"
ON_CLAIMS = "on claims"


@dataclass(frozen=True)
class Cost:
    """Per hour at min and at max; `words` is in the place of a number that is not known."""

    at_min: Decimal = Decimal(0)
    at_max: Decimal = Decimal(0)
    words: str = ""


@dataclass(frozen=True)
class Line:
    """One claim, or the replicas of one deployment beyond the claims; `None`: not there on that side."""

    what: str
    label: str
    before: Cost | None
    after: Cost | None


@dataclass(frozen=True)
class Money:
    """Totals hold what has a list price; `notes` say what is not in them."""

    lines: tuple[Line, ...]
    before: Cost
    after: Cost
    notes: tuple[Sentence, ...]

    @property
    def changed(self) -> bool:
        """Whether any line differs between the two sides."""
        return any(line.before != line.after for line in self.lines)


def money(before: Fleet, after: Fleet, old: Usage, new: Usage, prices: Prices) -> Money:
    """The bill of both sides."""
    lines = (
        *_lines("claim", _claims(before, old, prices), _claims(after, new, prices)),
        *_lines("replicas beyond claims", _replicas(old, prices), _replicas(new, prices)),
    )
    return Money(
        lines,
        _total(line.before for line in lines),
        _total(line.after for line in lines),
        (*_notes(lines, new), *_if_held(new, prices)),
    )


def _lines(what: str, old: Mapping[str, Cost], new: Mapping[str, Cost]) -> list[Line]:
    return [Line(what, label, old.get(label), new.get(label)) for label in sorted({*old, *new})]


def _claims(fleet: Fleet, used: Usage, prices: Prices) -> dict[str, Cost]:
    return {label: _claim(claim, used.claimed[label], prices) for label, claim in fleet.claims.items()}


def _claim(claim: Claim, gpus: int | None, prices: Prices) -> Cost:
    if claim.capacity_type == CUSTOMER:
        return Cost(words=OWN_RATE)
    rate = prices.rate(claim.instance_type, frozenset([claim.zone] if claim.zone else []))
    if rate is None or gpus is None:
        return Cost(words=NO_LIST_PRICE)
    return Cost(rate * gpus, rate * gpus)


def _replicas(used: Usage, prices: Prices) -> dict[str, Cost]:
    """RESERVED adds nothing, so such a deployment has no line."""
    loads = {label: load for label, load in used.loads.items() if not load.deployment.reserved_only}
    return {label: _load(load, prices) for label, load in loads.items()}


def _load(load: Load, prices: Prices) -> Cost:
    low, high = load.at_min, load.at_max
    if low is None or high is None:
        return Cost(words=NOT_KNOWN)
    if not high.on_demand:
        return Cost(words=ON_CLAIMS)
    rate = prices.rate(load.deployment.instance_type, load.deployment.zones)
    return Cost(words=NO_LIST_PRICE) if rate is None else Cost(rate * low.on_demand, rate * high.on_demand)


def _total(costs: Iterable[Cost | None]) -> Cost:
    there = [cost for cost in costs if cost is not None]
    return Cost(
        sum((cost.at_min for cost in there), Decimal(0)), sum((cost.at_max for cost in there), Decimal(0))
    )


def _if_held(new: Usage, prices: Prices) -> tuple[Sentence, ...]:
    """What all replicas beyond claims cost more, if disabled deployments hold their GPUs; nothing where that is not known."""
    if not new.held:
        return ()
    both = (_replicas(replace(new, loads=new.held), prices), _replicas(new, prices))
    held, here = (_total(costs.values()) for costs in both)
    names = sorted(label for label, load in new.loads.items() if load.deployment.disabled)
    low, high = held.at_min - here.at_min, held.at_max - here.at_max
    if not high:
        return ()
    words = "if {names}, disabled, still hold their GPUs, that is {low} to {high} {currency} more per hour"
    return (say(words, names=names, low=f"{low:.2f}", high=f"{high:.2f}", currency=prices.currency),)


def _notes(lines: Iterable[Line], new: Usage) -> tuple[Sentence, ...]:
    after = [(line.label, line.after.words) for line in lines if line.after is not None]
    disabled = {label for label, load in new.loads.items() if load.deployment.disabled}
    reasons = (
        (OWN_RATE, "not in the sums: {names}, billed at your own rate (CUSTOMER)"),
        (NO_LIST_PRICE, "not in the sums: {names}, of which no list price is known"),
        (NOT_KNOWN, "not in the sums: {names}, whose size is not known"),
    )
    found = [
        say(words, names=names)
        for reason, words in reasons
        if (names := sorted(label for label, text in after if text == reason and label not in disabled))
    ]
    if disabled:
        words = "not in the sums: {names}, disabled; what a disabled deployment costs is not documented"
        found.append(say(words, names=sorted(disabled)))
    return tuple(found)
