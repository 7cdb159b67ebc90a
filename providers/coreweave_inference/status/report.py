"""The status of a stack or an account: each object with its state, drift, traffic, claim and cost. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from coreweave_inference.fleet.instances import Prices
from coreweave_inference.fleet.shares import NO_SHARE, Share, shares_of
from coreweave_inference.fleet.values import model_name
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import Difference, get_path
from coreweave_inference.model.unknown import has_unknown
from coreweave_inference.review.money import Cost
from coreweave_inference.waiting import Condition, Live, Revision, Target, reduction_pending, wrong_fields

from .computed import Computed, State, compute
from .costs import Costs, costs_of, total
from .recorded import Recorded, RecordedBucket


@dataclass(frozen=True)
class TrafficShare:
    """The part of a model's requests on one gateway that a deployment gets; None: not known."""

    gateway: str
    gateway_id: str
    model: str
    weight: int
    share: Share | None
    members: int


@dataclass(frozen=True)
class ClaimUse:
    """Instances of a claim. `reduction` says what is pending and what is still billed; `may_run` are deployments,
    None where they could not be listed.
    """

    declared: int
    allocated: int
    pending: int
    reduction: str = ""
    may_run: tuple[str, ...] | None = ()


@dataclass(frozen=True)
class ObjectStatus:
    """One object. `drift` is None where the state has no spec to compare with, or the object is not there."""

    kind: Kind
    key: str
    id: str
    name: str
    computed: Computed
    status: str = ""
    conditions: tuple[Condition, ...] = ()
    updated_at: str = ""
    drift: tuple[Difference, ...] | None = None
    replicas: tuple[int, int] | None = None
    disabled: bool = False
    traffic: tuple[TrafficShare, ...] = ()
    claim: ClaimUse | None = None
    endpoints: tuple[str, ...] = ()
    cost: Cost | None = None

    @property
    def label(self) -> str:
        """`deployment "chat"`."""
        return f'{self.kind.noun} "{self.key}"'


@dataclass(frozen=True)
class Report:
    """Everything that is shown. `others` counts objects of the account that are not shown; `notes` say what is not known."""

    objects: tuple[ObjectStatus, ...]
    buckets: tuple[RecordedBucket, ...] = ()
    others: int = 0
    cost: Cost = field(default_factory=Cost)
    prices: Prices | None = None
    notes: tuple[str, ...] = ()

    def count(self, *states: State) -> int:
        """Objects in one of these states."""
        return sum(found.computed.state in states for found in self.objects)

    @property
    def drifted(self) -> tuple[ObjectStatus, ...]:
        """The objects that are not as the state records them."""
        return tuple(
            found for found in self.objects if found.drift or found.computed.state is State.NOT_FOUND
        )

    @property
    def drift_is_known(self) -> bool:
        """Whether every object could be compared."""
        return all(
            found.drift is not None or found.computed.state is State.NOT_FOUND for found in self.objects
        )


def report_on(
    recorded: Sequence[Recorded] | None,
    lists: Mapping[Kind, Sequence[Live]],
    prices: Prices,
    *,
    now: float,
    settle_seconds: float,
    buckets: Iterable[RecordedBucket] = (),
    unread: Mapping[Kind, str] | None = None,
) -> Report:
    """The status of the recorded objects of a stack, or with None of all in the account.

    `lists` hold the whole account: shares, claims and costs depend on objects of others too. `unread` says why a kind
    could not be listed.
    """
    unread = unread or {}
    live = {kind: {found.id: found for found in lists.get(kind, ())} for kind in Kind}
    if recorded is None:
        shown = [
            Recorded(kind, found.name, found.id, found.name) for kind in Kind for found in live[kind].values()
        ]
    else:
        order = list(Kind)
        shown = sorted(recorded, key=lambda item: (order.index(item.kind), item.key))
    costs = costs_of(lists, prices)
    names = {(item.kind, item.id): item.key for item in shown}
    context = _Context(live, costs, names, now, settle_seconds, unread)
    objects = tuple(context.status(item) for item in shown)
    ids = {item.id for item in shown}
    return Report(
        objects,
        tuple(buckets),
        sum(found.id not in ids for kind in Kind for found in live[kind].values()),
        total(found.cost for found in objects if found.cost is not None),
        prices,
        _notes(objects, unread),
    )


def _notes(objects: Iterable[ObjectStatus], unread: Mapping[Kind, str]) -> tuple[str, ...]:
    reasons: dict[str, list[str]] = {}
    for found in objects:
        if found.cost is not None and found.cost.words and found.cost.words != "on claims":
            reasons.setdefault(found.cost.words, []).append(found.label)
    without = [f"not in the sum: {', '.join(labels)} ({why})" for why, labels in reasons.items()]
    return (*(f"{kind.noun}s could not be listed: {why}" for kind, why in unread.items()), *without)


@dataclass(frozen=True)
class _Context:
    live: Mapping[Kind, Mapping[str, Live]]
    costs: Costs
    names: Mapping[tuple[Kind, str], str]
    now: float
    settle_seconds: float
    unread: Mapping[Kind, str]

    def status(self, item: Recorded) -> ObjectStatus:
        live = self.live[item.kind].get(item.id)
        if live is None and item.kind in self.unread:
            return ObjectStatus(
                item.kind, item.key, item.id, item.name, Computed(State.UNKNOWN, self.unread[item.kind])
            )
        computed = compute(item.kind, live, self.now, self.settle_seconds)
        if live is None:
            return ObjectStatus(item.kind, item.key, item.id, item.name, computed)
        shows_former = _shows_former_count(item, live)
        reduction = reduction_pending(item.kind, live, item.spec if shows_former else None)
        if reduction and computed.state is State.CURRENT:
            computed = Computed(State.CURRENT, reduction)
        return ObjectStatus(
            item.kind,
            item.key,
            item.id,
            live.name,
            computed,
            live.status,
            tuple(live.conditions),
            live.updated_at,
            drift_of(item, live),
            _replicas(live) if item.kind is Kind.DEPLOYMENT else None,
            bool(live.spec.get("disabled")),
            self._traffic(live) if item.kind is Kind.DEPLOYMENT else (),
            self._claim(live, item, reduction) if item.kind is Kind.CAPACITY_CLAIM else None,
            tuple(getattr(live, "endpoints", ())),
            self.costs.of(item.kind, item.id),
        )

    def name_of(self, kind: Kind, id_: str) -> str:
        """The key in the stack, else the name in the account, else the id."""
        live = self.live[kind].get(id_)
        return self.names.get((kind, id_)) or (live.name if live else id_)

    @cached_property
    def _groups(self) -> Mapping[tuple[str, str], Mapping[str, Share | None]]:
        """The share of each member by its id, of each traffic group; one that is being deleted has no part of the sum."""
        members: dict[tuple[str, str], list[Live]] = {}
        for live in self.live[Kind.DEPLOYMENT].values():
            for gateway_id in dict.fromkeys(live.spec.get("gatewayIds") or ()):
                members.setdefault((gateway_id, model_name(live.spec)), []).append(live)
        return {place: _shares(found) for place, found in members.items()}

    def _traffic(self, live: Live) -> tuple[TrafficShare, ...]:
        model = model_name(live.spec)
        found = []
        for gateway_id in dict.fromkeys(live.spec.get("gatewayIds") or ()):
            shares = self._groups[gateway_id, model]
            name = self.name_of(Kind.GATEWAY, gateway_id)
            share = shares.get(live.id, NO_SHARE)
            found.append(
                TrafficShare(name, gateway_id, model, weight_of(live), share, len({*shares, live.id}))
            )
        return tuple(found)

    def _claim(self, live: Live, item: Recorded, reduction: str) -> ClaimUse:
        return ClaimUse(
            int(get_path(item.spec or live.spec, "resources.instanceCount") or 0),
            live.allocated_instances,
            live.pending_instances,
            reduction,
            None
            if Kind.DEPLOYMENT in self.unread
            else tuple(sorted(self.name_of(Kind.DEPLOYMENT, id_) for id_ in self.costs.may_run_on(live.id))),
        )


def _shows_former_count(item: Recorded, live: Live) -> bool:
    """Whether a claim that the stack reduced still shows the count from before."""
    return item.reduced_from is not None and _count_of(live) == item.reduced_from


def _count_of(live: Live) -> int | None:
    value = get_path(live.spec, "resources.instanceCount")
    return int(value) if isinstance(value, (int, float)) else None


def _shares(members: Sequence[Live]) -> dict[str, Share | None]:
    there = [found for found in members if found.status != "DELETING"]
    shares = shares_of([(weight_of(found), bool(found.spec.get("disabled"))) for found in there])
    return {found.id: None if shares is None else shares[at] for at, found in enumerate(there)}


def weight_of(live: Live) -> int:
    """The traffic weight of a deployment; what a spec leaves out is 0."""
    value = get_path(live.spec, "traffic.weight")
    return int(value) if isinstance(value, (int, float)) else 0


def _replicas(live: Live) -> tuple[int, int] | None:
    bounds = (get_path(live.spec, "autoscaling.min"), get_path(live.spec, "autoscaling.max"))
    low, high = (int(value) if isinstance(value, (int, float)) else None for value in bounds)
    return None if low is None or high is None else (low, high)


def drift_of(item: Recorded, live: Live) -> tuple[Difference, ...] | None:
    """Fields in which a live object is not as the last run declared it; None where the state has no spec.

    What a claim that the stack reduced still shows is no drift; a count that others raised is.
    """
    if item.spec is None:
        return None
    if _shows_former_count(item, live) and reduction_pending(item.kind, live, item.spec):
        return ()
    revision = Revision("", 0.0, "")
    target = Target(item.kind, item.id, item.key, revision, 0.0, declared=item.spec, ignored=item.ignored)
    return tuple(found for found in wrong_fields(target, live) if not has_unknown(found.left))
