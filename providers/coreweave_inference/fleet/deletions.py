"""What a deletion of a stack's objects would meet: protection, and deployments outside the stack that need them. Pure.

Reading the account is `resources.deletion_guard`'s; here is what follows from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import get_path
from coreweave_inference.policy.statements import inference_may_read, without

from .instances import hardware_of
from .objects import Claim, Deployment, Gateway, Listed, Zones, runs_in, zones_of

BUCKET, POLICY = "weights bucket", "inference bucket policy"
DELETES, KEEPS, PROTECTED, USED, NOT_EMPTY = "delete", "keep", "protected", "used by others", "not empty"
DESTROY_USED, KEEP_PROTECTED = "COREWEAVE_DESTROY_USED", "COREWEAVE_KEEP_PROTECTED"
MOST_NAMES = 6


class Live(Listed, Protocol):
    """An object as the service lists it."""

    @property
    def status(self) -> str:
        """READY, DELETING, …"""
        ...


@dataclass(frozen=True)
class Owned:
    """An object that a stack manages. `kind` is its noun; a bucket's and a policy's `id` is the bucket's name."""

    kind: str
    name: str
    id: str
    protect: bool = False
    keep: bool = False
    force: bool = False
    zone: str = ""
    sid: str = ""
    resources: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """`gateway "public"`."""
        return f'{self.kind} "{self.name}"'

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same object in two records."""
        return (self.kind, self.id)


@dataclass(frozen=True)
class Account:
    """What is in the account: objects by id, bucket policies by bucket, and the buckets that are known to hold objects."""

    deployments: Mapping[str, Live] = field(default_factory=dict)
    gateways: Mapping[str, Live] = field(default_factory=dict)
    claims: Mapping[str, Live] = field(default_factory=dict)
    policies: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    filled_buckets: Collection[str] = ()


@dataclass(frozen=True)
class Deletion:
    """What happens to one object, or why it cannot be deleted: `action` is one of the five words above.

    `users` are deployments that need it, or run on it, each with where it may go.
    """

    item: Owned
    action: str
    users: tuple[str, ...] = ()


def plan_deletions(items: Sequence[Owned], own: Collection[str], account: Account) -> tuple[Deletion, ...]:
    """What deleting `items` would meet, in their order. `own` are the ids of everything that the stack manages."""
    users = _Users(account, own, {item.id for item in items if not (item.keep or item.protect)})
    return tuple(_deletion(item, users) for item in items)


UP_FIRST = " and run up first"


def deletion_errors(
    plan: Iterable[Deletion],
    *,
    destroy_used: bool,
    keep_protected: bool | None = None,
    destroys: bool = False,
    from_state: bool = True,
) -> tuple[str, ...]:
    """One sentence on each object that must not be deleted, with what to do. `from_state`: an `up` has to record it first.

    `keep_protected`: the run leaves protected objects alone; None where it cannot. `destroys`: the run does nothing but delete
    all of the plan, so that a gateway in use, which the service never deletes, would end it halfway.
    """
    stops = {PROTECTED: not keep_protected, USED: not destroy_used, NOT_EMPTY: True}
    hint = (
        ""
        if keep_protected is None
        else f", or, if this run leaves it alone (--target, --exclude-protected), set {KEEP_PROTECTED}=1"
    )

    def is_final(deletion: Deletion) -> bool:
        return destroys and deletion.action == USED and deletion.item.kind == Kind.GATEWAY.noun

    return tuple(
        _sentence(deletion, final=is_final(deletion)).removesuffix("" if from_state else UP_FIRST)
        + (hint if deletion.action == PROTECTED else "")
        for deletion in plan
        if is_final(deletion) or stops.get(deletion.action, False)
    )


def evictions(plan: Iterable[Deletion]) -> tuple[str, ...]:
    """One sentence on each capacity claim that goes although replicas may run on it."""
    return tuple(
        f"{deletion.item.label}: deleting it evicts the replicas that run on it: {names_of(deletion.users)}"
        for deletion in plan
        if deletion.item.kind == Kind.CAPACITY_CLAIM.noun
        and deletion.action in (DELETES, USED)
        and deletion.users
    )


def names_of(users: Sequence[str]) -> str:
    """Names in a sentence, the first few of many."""
    more = [f"{len(users) - MOST_NAMES} more"] if len(users) > MOST_NAMES else []
    return ", ".join([*users[:MOST_NAMES], *more])


def _sentence(deletion: Deletion, *, final: bool) -> str:
    item, users = deletion.item, names_of(deletion.users)
    if deletion.action == PROTECTED:
        return f"{item.label}: is protected; set `protect: false` and run up first"
    if deletion.action == NOT_EMPTY:
        return (
            f"{item.label}: is not empty; keep it (retainOnDelete, the default), empty it, or set `forceDestroy: true` "
            "and run up first"
        )
    needs = {
        Kind.GATEWAY.noun: "is used by",
        Kind.CAPACITY_CLAIM.noun: "deleting it evicts the replicas of",
        BUCKET: "holds the weights of",
        POLICY: "lets the inference service read the weights of",
    }[item.kind]
    used = f"{item.label}: {needs} deployment {users} outside this stack; delete or move that first"
    if item.kind == Kind.GATEWAY.noun:
        rest = "" if final else f" ({DESTROY_USED}=1 lets a run do all the rest, and fail with it)"
        return f"{used}: the service deletes no gateway in use{rest}"
    return f"{used}, or set {DESTROY_USED}=1 to delete it all the same"


def _deletion(item: Owned, users: _Users) -> Deletion:
    if item.protect:
        return Deletion(item, PROTECTED)
    if item.keep:
        return Deletion(item, KEEPS)
    if item.kind == Kind.CAPACITY_CLAIM.noun:
        return users.of_claim(item)
    found = users.outside_of(item)
    if found:
        return Deletion(item, USED, found)
    if item.kind == BUCKET and not item.force and item.id in users.account.filled_buckets:
        return Deletion(item, NOT_EMPTY)
    return Deletion(item, DELETES)


class _Users:
    """The deployments that are not deleted with the stack, and what they need."""

    def __init__(self, account: Account, own: Collection[str], going: Collection[str]) -> None:
        self.account = account
        self._gateways = {id_: Gateway(**Gateway.values(live.spec)) for id_, live in account.gateways.items()}
        self._all = [_User(d, self._zones(d)) for d in _remaining(account.deployments, going)]
        self._outside = [user for user in self._all if user.live.id not in own]
        self._claims = {claim.id: (claim.name, _claim(claim)) for claim in _remaining(account.claims, going)}

    def _zones(self, live: Live) -> Zones | None:
        """Zones of those of its gateways that are known."""
        return zones_of(
            self._gateways[id_] for id_ in live.spec.get("gatewayIds") or () if id_ in self._gateways
        )

    def outside_of(self, item: Owned) -> tuple[str, ...]:
        """Names of the deployments outside the stack that need a gateway, a bucket or a policy."""
        return tuple(sorted(user.live.name for user in self._outside if self._needs(user.live, item)))

    def _needs(self, live: Live, item: Owned) -> bool:
        if item.kind == Kind.GATEWAY.noun:
            return item.id in (live.spec.get("gatewayIds") or ())
        if item.kind not in (BUCKET, POLICY) or get_path(live.spec, "model.bucket") != item.id:
            return False
        return item.kind == BUCKET or self._reads_by(live, item)

    def _reads_by(self, live: Live, item: Owned) -> bool:
        """Whether the weights can be read now, and could not be without the stack's statement."""
        if item.id not in self.account.policies:
            return False
        document = self.account.policies[item.id]
        key = f"{str(get_path(live.spec, 'model.path') or '').strip('/')}/config.json"
        now = inference_may_read(document, item.id, key)
        then = inference_may_read(without(document, item.sid), item.id, key)
        return now.allowed is True and then.allowed is False

    def of_claim(self, item: Owned) -> Deletion:
        """Who runs on a claim, and whether the claims that stay have room for those outside the stack."""
        live = self.account.claims.get(item.id)
        if live is None:
            return Deletion(item, DELETES)
        claim = _claim(live)
        on_it = [user for user in self._all if user.may_run_on(claim)]
        others = [
            (name, other)
            for id_, (name, other) in self._claims.items()
            if id_ != item.id and other.instance_type == claim.instance_type
        ]
        names = tuple(sorted(user.with_ways_out(others) for user in on_it))
        outside = any(user in self._outside for user in on_it)
        room = self._have_room([other for _, other in others if other.zone == claim.zone])
        return Deletion(item, USED if outside and not room else DELETES, names)

    def _have_room(self, claims: Sequence[Claim]) -> bool:
        """Whether claims of one type and zone have the GPUs for the min replicas of all who may run on them.

        What is not known counts as room.
        """
        hardware = hardware_of(claims[0].instance_type) if claims else None
        if hardware is None:
            return bool(claims)
        least = sum(user.deployment.min_gpus for user in self._all if user.may_run_on(claims[0]))
        return least <= sum(claim.count or 0 for claim in claims) * hardware.gpus


class _User:
    """A deployment as the service lists it, and the zones of its gateways."""

    def __init__(self, live: Live, zones: Zones | None) -> None:
        self.live = live
        self.zones = zones
        self.deployment = Deployment(**Deployment.values(live.spec))

    def may_run_on(self, claim: Claim) -> bool:
        """Whether its replicas may run there; a disabled one runs nowhere."""
        return not self.deployment.disabled and self.deployment.may_run_on(claim, self.zones)

    def with_ways_out(self, claims: Iterable[tuple[str, Claim]]) -> str:
        """`chat-dev (may go to unclaimed on-demand capacity)`; `claims` are of its instance type."""
        ways = [] if self.deployment.reserved_only else ["unclaimed on-demand capacity"]
        ways += sorted(
            f'capacity claim "{name}"' for name, claim in claims if runs_in(self.zones, claim.zone)
        )
        where = f"may go to {' or '.join(ways)}" if ways else "RESERVED only: it has nowhere to go"
        return f"{self.live.name} ({where})"


def _remaining(found: Mapping[str, Live], going: Collection[str]) -> list[Live]:
    return [live for live in found.values() if live.status != "DELETING" and live.id not in going]


def _claim(live: Live) -> Claim:
    return Claim(**Claim.values(live.spec))
