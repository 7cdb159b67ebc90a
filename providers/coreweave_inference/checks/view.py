"""Everything that rules may look at, in one frozen value: the declaration and what is known around it.

What is not known is `None`. Nothing here judges; what several rules ask for alike is computed once, when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

from coreweave_inference.declaration import Accepted, BucketDeclaration, ExistingBucket, Origin
from coreweave_inference.fleet.catalogue import Catalogue
from coreweave_inference.fleet.objects import Zones, zones_of
from coreweave_inference.fleet.values import texts
from coreweave_inference.model.identity import place_in, replacing_part
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import Difference, differences, has_unknown, sparse
from coreweave_inference.model.shape import replacing_fields

from .facts import BucketFacts, Folder
from .memory import VLLM, Memory, MemoryVerdict, memory_of
from .objects import (
    Claim,
    Deployment,
    Gateway,
    Item,
    LastObject,
    LiveObject,
    Owner,
    claim,
    deployment,
    gateway,
)
from .ownership import Identity

T = TypeVar("T")
Locate = Callable[[str], Origin | None]


def nowhere(_path: str) -> Origin | None:
    """For what no file says."""
    return None


@dataclass(frozen=True)
class View:
    """`gateways`, `claims` and `deployments` are this declaration's own and those it uses (`existing`).

    `live` has every object of the account, `last` every one of the last state; both may be unknown. `stores` are the
    buckets that could be read, by name.
    """

    gateways: tuple[Gateway, ...] = ()
    claims: tuple[Claim, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    buckets: Mapping[str, BucketDeclaration] = field(default_factory=dict)
    existing_buckets: Mapping[str, ExistingBucket] = field(default_factory=dict)
    accepted: tuple[Accepted, ...] = ()
    catalogue: Catalogue = field(default_factory=Catalogue)
    live: tuple[LiveObject, ...] | None = None
    last: tuple[LastObject, ...] | None = None
    stores: Mapping[str, BucketFacts] = field(default_factory=dict)
    identity: Identity | None = None
    today: date = date.max
    locate: Locate = nowhere

    def origin(self, path: str) -> Origin | None:
        """Where what is at `path` was written."""
        return self.locate(path) if path else None

    @cached_property
    def own_claims(self) -> tuple[Claim, ...]:
        """The claims that this declaration makes."""
        return tuple(item for item in self.claims if item.own)

    @cached_property
    def foreign_deployments(self) -> tuple[Deployment, ...]:
        """Live deployments that are not this declaration's, nor were the last state's."""
        found = (live for live in self._foreign(Kind.DEPLOYMENT, self.deployments))
        return tuple(deployment(_item(live), texts(live.spec, "gatewayIds"), live=live) for live in found)

    @cached_property
    def foreign_claims(self) -> tuple[Claim, ...]:
        """Live claims that this declaration neither makes nor uses, and that are not the last state's."""
        return tuple(claim(_item(live)) for live in self._foreign(Kind.CAPACITY_CLAIM, self.claims))

    @cached_property
    def knows_all_claims(self) -> bool:
        """Whether the account's claims are known, and which of them are others'."""
        return self.live is not None and all(item.id is not None for item in self.claims)

    @cached_property
    def all_claims(self) -> tuple[Claim, ...]:
        """Every claim that is known."""
        return (*self.claims, *self.foreign_claims)

    @cached_property
    def all_deployments(self) -> tuple[Deployment, ...]:
        """Every deployment that is known, own ones first."""
        return (*self.deployments, *self.foreign_deployments)

    @cached_property
    def by_handle(self) -> Mapping[str, Gateway]:
        """The gateways that are known, by what deployments refer to them by; live ones of others too."""
        known = {item.handle: item for item in self.gateways}
        foreign = {live.id: live for live in self.live or () if live.kind is Kind.GATEWAY}
        others = {
            handle: gateway(_item(live), handle) for handle, live in foreign.items() if handle not in known
        }
        return {**others, **known}

    def zones_of(self, item: Deployment) -> Zones | None:
        """The zones that its gateways run in; empty where one of them runs in all, `None` where that is not known."""
        return zones_of(self.by_handle.get(handle) for handle in item.gateways or ())

    def may_run_on(self, item: Deployment, claim: Claim) -> bool:
        """Whether its replicas may run on a claim."""
        return item.may_run_on(claim, self.zones_of(item))

    def live_gateways_of(self, item: Deployment) -> tuple[str, ...] | None:
        """The ids of its gateways as they are live; `None` where one is not there yet, its zones change, or that is not known.

        What the service offers in a gateway's zones as they are says nothing of those that it will have.
        """
        found = []
        for handle in item.gateways or ("",):
            declared = self.by_handle.get(handle)
            live = self._live_by_id.get(handle) or self._live_by_id.get(
                (declared.id if declared else None) or ""
            )
            zones = texts(live.spec, "zones") if live else None
            then = declared.zones if declared and declared.own else zones
            if live is None or zones is None or then is None:
                return None
            if {zone.upper() for zone in zones} != {zone.upper() for zone in then}:
                return None
            found.append(live.id)
        return tuple(found)

    def asks_for_gateways_of(self, item: Deployment) -> bool:
        """Whether what the service offers for deployments was asked of this one's gateways and no others."""
        own = self.live_gateways_of(item)
        return own is not None and all(self.live_gateways_of(other) == own for other in self.deployments)

    def live_of(self, item: Item) -> LiveObject | None:
        """The object as it is live; `None` where it is not there, or that is not known."""
        found = self._live_by_id.get(item.id or "")
        return found if found or item.own else self._live_by_name.get((item.kind, item.name or ""))

    def last_of(self, item: Item) -> LastObject | None:
        """The object in the last state, under its key or under one that it had before."""
        keys = (item.key, *map(former_key, item.options.aliases))
        found = (self.last_by_key.get((item.kind, key)) for key in keys)
        return next((last for last in found if last), None)

    def before(self, item: Item) -> Mapping[str, Any] | None:
        """The spec that the object had before this run, in normal form: the last state's, else the live one."""
        return self.once(("before", item.kind, item.key), lambda: self._spec_before(item))

    def _spec_before(self, item: Item) -> Mapping[str, Any] | None:
        found = self.last_of(item) or self.live_of(item)
        return sparse(item.kind, found.spec) if found else None

    @cached_property
    def computed_once(self) -> dict[object, Any]:
        """What several rules ask for alike, by what was asked."""
        return {}

    def once(self, asked: object, compute: Callable[[], T]) -> T:
        """The answer to what was asked, computed the first time."""
        known: dict[object, T] = self.computed_once
        if asked not in known:
            known[asked] = compute()
        return known[asked]

    def is_new(self, item: Item) -> bool | None:
        """Whether this run makes it; `None` where that is not known."""
        if self.last is None and (self.live is None or item.id is None):
            return None
        return self.before(item) is None

    def last_keys(self, kind: Kind) -> frozenset[str]:
        """The keys that objects of a kind had in the last state."""
        return self.once(
            ("keys", kind), lambda: frozenset(key for found, key in self.last_by_key if found is kind)
        )

    def removed(self, kind: Kind) -> Iterator[LastObject]:
        """Objects of the last state that are not declared any more, under their own key or as an alias."""
        declared = {
            Kind.GATEWAY: self.gateways,
            Kind.CAPACITY_CLAIM: self.claims,
            Kind.DEPLOYMENT: self.deployments,
        }
        items = [item for item in declared[kind] if item.own]
        aliases = {former_key(alias) for item in items for alias in item.options.aliases}
        keys = {item.key for item in items} | aliases
        return (found for (of, key), found in self.last_by_key.items() if of is kind and key not in keys)

    def last_deployment(self, found: LastObject) -> Deployment:
        """A deployment as the last state has it."""
        item = Item(Kind.DEPLOYMENT, found.key, found.spec, id=found.id or None)
        return self.once(("last", found.key), lambda: deployment(item, texts(found.spec, "gatewayIds")))

    def last_claim(self, found: LastObject) -> Claim:
        """A claim as the last state has it."""
        return claim(Item(Kind.CAPACITY_CLAIM, found.key, found.spec, id=found.id or None))

    def is_replaced(self, item: Item) -> bool:
        """Whether a field has changed that replaces the object, against the last state under the same key."""
        last = self.last_of(item)
        if last is None:
            return False
        now, was = replacing_part(item.kind, item.spec), replacing_part(item.kind, last.spec)
        now["name"] = item.spec.get("name") or item.name or last.spec.get("name")
        return any(
            not has_unknown((found.left, found.right))
            for found in differences(item.kind, was, now)
            if found.path in replacing_fields(item.kind.model)
        )

    def is_released_first(self, item: Item) -> bool:
        """Whether a replaced object is deleted before the new one is created: it keeps a name of its own, or says so."""
        named = item.spec.get("name") is not None and self.keeps_name(item)
        return item.options.delete_before_replace or named

    def keeps_name(self, item: Item) -> bool:
        """Whether the object has the name that it had in the last state."""
        last = self.last_of(item)
        return last is not None and last.spec.get("name") == (item.spec.get("name") or item.name)

    def declares_otherwise(self, item: Item, before: Mapping[str, Any], name: str) -> bool:
        """Whether a message of the declared spec differs from what it was; what is left to others does not."""
        return any(
            found.path.split(".")[0] == name
            and found.path != "runtime.version"
            and not has_unknown((found.left, found.right))
            for found in self._changes(item, before)
        )

    def is_kept(self, item: Item, *paths: str) -> bool:
        """Whether the object was there before this run, and has the values that it had in these fields."""
        before = self.before(item)
        return before is not None and not any(found.path in paths for found in self._changes(item, before))

    def is_unchanged(self, item: Deployment) -> bool:
        """Whether a deployment was there before this run and is declared as it was, so that nothing of it is sent."""
        before = self.before(item)
        parts = ("model", "runtime", "resources", "autoscaling", "traffic", "disabled")
        return before is not None and not any(self.declares_otherwise(item, before, name) for name in parts)

    def _changes(self, item: Item, before: Mapping[str, Any]) -> tuple[Difference, ...]:
        return differences(item.kind, before, item.spec, write_only=False)

    @cached_property
    def memory(self) -> tuple[tuple[Deployment, Memory], ...]:
        """What the deployments need of their GPUs, for those of which it can be asked."""
        found = ((item, self._memory_of(item)) for item in self.deployments)
        return tuple((item, memory) for item, memory in found if memory is not None)

    def memory_verdicts(self) -> tuple[MemoryVerdict, ...]:
        """The verdicts of `memory`, with those from before this run."""
        found = []
        for item, memory in self.memory:
            was = self.was(item)
            earlier = self._memory_of(was) if was else None
            before = earlier.fit.verdict if earlier else None
            found.append(MemoryVerdict(item.label, memory.fit.verdict, memory.fit.why, before))
        return tuple(found)

    def _memory_of(self, item: Deployment) -> Memory | None:
        """What the deployment needs, once for all that are asked alike."""
        folder, newest = self.folder(item), self.catalogue.newest.get(VLLM)
        runs = (item.engine, item.version, repr(item.config), repr(item.environment))
        asked = ("memory", id(folder), item.instance_type, item.gpus, *runs)
        return self.once(asked, lambda: memory_of(item, folder, newest))

    def was(self, item: Deployment) -> Deployment | None:
        """The deployment as it was before this run."""
        return self.once(("was", item.key), lambda: self._deployment_before(item))

    def _deployment_before(self, item: Deployment) -> Deployment | None:
        spec = self.before(item)
        if spec is None:
            return None
        return deployment(Item(item.kind, item.key, spec, item.owner, item.id, item.name), item.gateways)

    def folder(self, item: Deployment) -> Folder | None:
        """What lies below the deployment's model path, where that could be listed."""
        store = self.stores.get(item.bucket or "")
        return store.folders.get(item.model_path or "") if store else None

    @cached_property
    def last_by_key(self) -> Mapping[tuple[Kind, str], LastObject]:
        """The objects of the last state."""
        return {(found.kind, found.key): found for found in self.last or ()}

    @cached_property
    def _live_by_id(self) -> Mapping[str, LiveObject]:
        return {found.id: found for found in self.live or () if found.id}

    @cached_property
    def _live_by_name(self) -> Mapping[tuple[Kind, str], LiveObject]:
        return {(found.kind, found.name): found for found in self.live or () if found.name}

    def _foreign(self, kind: Kind, ours: Iterable[Item]) -> Iterator[LiveObject]:
        """What is live and of others; nothing where it is not known which of the live ones are ours: that is what is
        in the state, and what has an id of this stack's.
        """
        items = tuple(ours)
        if any(item.id is None for item in items):
            return
        ids = {item.id for item in items} | {found.id for found in self.last or () if found.id}
        replaced = [item for item in items if item.own and self.live_of(item) is None]
        for found in self.live or ():
            if found.kind is not kind or found.id in ids or found.status == "DELETING":
                continue
            if self.identity is None or not self.identity.made(found, replaced):
                yield found


def former_key(alias: str) -> str:
    """The key that an alias tells, which is a name or a whole URN."""
    return place_in(alias).key


def _item(live: LiveObject) -> Item:
    return Item(live.kind, live.name or live.id, live.spec, Owner.FOREIGN, live.id, live.name)
