"""What still bills in an account after a destroy, and whose it is. Pure.

Claims come first: each is paid in full for as long as it exists.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from coreweave_inference.fleet.instances import Prices
from coreweave_inference.importing.snapshot import DELETING
from coreweave_inference.model.kinds import Kind
from coreweave_inference.review.money import Cost
from coreweave_inference.status.report import ObjectStatus, Report, report_on
from coreweave_inference.waiting import Live

OF_STACK, KEPT, OF_OTHERS = "stack", "kept", "others"
ORDER = (Kind.CAPACITY_CLAIM, Kind.DEPLOYMENT, Kind.GATEWAY)


@dataclass(frozen=True)
class Billed:
    """An object that is there: whose it is, what it costs per hour (None: nothing of its own), and what to know of it."""

    kind: str
    name: str
    id: str
    whose: str
    cost: Cost | None = None
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredBucket:
    """A bucket that is there. `bytes` is None where it was not measured; `why` says why it could not be read."""

    name: str
    whose: str
    bytes: int | None = None
    files: int = 0
    unfinished: int = 0
    statement: bool = False
    why: str = ""


@dataclass(frozen=True)
class BillingProof:
    """What is there after a destroy. `before` and `after` are what the stack's objects cost per hour; `unread` says what could
    not be read.
    """

    objects: tuple[Billed, ...] = ()
    buckets: tuple[StoredBucket, ...] = ()
    before: Cost = field(default_factory=Cost)
    after: Cost = field(default_factory=Cost)
    unread: tuple[str, ...] = ()

    @property
    def remaining(self) -> tuple[str, ...]:
        """What of the stack is there and is not kept."""
        objects = [f'{one.kind} "{one.name}" ({one.id})' for one in self.objects if one.whose == OF_STACK]
        statements = [
            f"the stack's statement in the policy of bucket {one.name}"
            for one in self.buckets
            if one.statement
        ]
        buckets = [f"bucket {one.name}" for one in self.buckets if one.whose == OF_STACK]
        return (*objects, *statements, *buckets)

    @property
    def holds(self) -> bool | None:
        """Whether nothing of the stack remains; None where that could not be seen."""
        return False if self.remaining else None if self.unread else True


def still_there(
    lists: Mapping[Kind, Sequence[Live]],
    own: Mapping[str, str],
    kept: Collection[str],
    prices: Prices,
    *,
    now: float,
    settle_seconds: float,
) -> tuple[Billed, ...]:
    """Everything that bills, the stack's own first of each kind. `own`: by id what is to know of the objects that this stack
    made; of `kept` it says so itself. Gateways of others are left out: they have no price.
    """
    report = report_on(None, lists, prices, now=now, settle_seconds=settle_seconds)
    gateways = {live.id: live.name for live in lists.get(Kind.GATEWAY, ()) if live.id in kept}
    live = {found.id: found for items in lists.values() for found in items}
    found = [
        Billed(
            item.kind.noun,
            item.name,
            item.id,
            KEPT if item.id in kept else OF_STACK if item.id in own else OF_OTHERS,
            item.cost,
            tuple(_why(item, live[item.id], own, gateways)),
        )
        for kind in ORDER
        for item in report.objects
        if item.kind is kind
    ]
    whose = (OF_STACK, KEPT, OF_OTHERS)
    shown = [one for one in found if one.whose != OF_OTHERS or one.kind != Kind.GATEWAY.noun]
    nouns = [kind.noun for kind in ORDER]
    return tuple(sorted(shown, key=lambda one: (nouns.index(one.kind), whose.index(one.whose), one.name)))


def _why(
    item: ObjectStatus, live: Live, own: Mapping[str, str], kept_gateways: Mapping[str, str]
) -> Iterator[str]:
    if own.get(item.id):
        yield own[item.id]
    if live.status == DELETING:
        yield "is being deleted"
    if item.claim is not None and item.claim.may_run is not None and not item.claim.may_run:
        yield "idle: no deployment may run on it"
    through = [kept_gateways[id_] for id_ in live.spec.get("gatewayIds") or () if id_ in kept_gateways]
    if through and item.id not in own:
        yield f'through gateway "{", ".join(through)}", which this stack keeps'
    if item.disabled:
        yield "disabled"


def cost_of(report: Report, ids: Collection[str]) -> Cost:
    """What some objects cost per hour, as far as they have a price."""
    return _sum(found.cost for found in report.objects if found.id in ids)


def sum_of(found: Iterable[Billed]) -> Cost:
    """What some of them cost per hour, as far as they have a price."""
    return _sum(one.cost for one in found)


def _sum(costs: Iterable[Cost | None]) -> Cost:
    there = [cost for cost in costs if cost is not None and not cost.words]
    zero = Decimal(0)
    return Cost(sum((c.at_min for c in there), zero), sum((c.at_max for c in there), zero))
