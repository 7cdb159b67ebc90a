"""A running stack, as the checks look at it: what is read once, and which categories follow from it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from coreweave_inference.api.completions import DataPlane, Exchange
from coreweave_inference.api.objects import ApiObject
from coreweave_inference.checks import BucketFacts
from coreweave_inference.clock import Clock, system
from coreweave_inference.fleet.instances import default_prices
from coreweave_inference.fleet.routes import Route, routes_to
from coreweave_inference.fleet.values import model_name
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import get_path
from coreweave_inference.settings.resolution import Settings
from coreweave_inference.status.computed import Computed, compute
from coreweave_inference.status.costs import Costs, costs_of
from coreweave_inference.status.recorded import Recorded

from .observed import Reads as ObservedReads

NONCE_BYTES = 4
MAX_TOKENS = 32


class Reads(Protocol):
    """What the checks ask for. Each raises CoreWeaveError; what was read is kept by the caller."""

    def lists(self) -> Mapping[Kind, Sequence[ApiObject]]:
        """Everything in the account."""
        ...

    def service_time(self) -> float | None:
        """The time by the service's clock, once something was asked."""
        ...

    def bucket(self, name: str, paths: Sequence[str]) -> tuple[BucketFacts, Sequence[str]]:
        """The policy of a bucket, what lies under some paths in it, and why something could not be read."""
        ...

    def client(self, route: Route) -> DataPlane:
        """A client with the key that the gateway of a route takes. Raises SettingsError without one."""
        ...

    def observability(self) -> ObservedReads | None:
        """Logs and metrics; None where it is not known where they are."""
        ...


@dataclass
class Running:
    """What is read. `only` narrows it to some deployments; `completions` says whether models are asked; `reachable` are gateways
    whose route was proven, `observed` are logs and metrics that can be read.
    """

    settings: Settings
    recorded: tuple[Recorded, ...] | None
    reads: Reads
    only: str = ""
    clock: Clock = system
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    retry_seconds: float = 5.0
    completions: bool = True
    completion_seconds: float = 60.0
    reachable: set[str] = field(default_factory=set)
    observed: ObservedReads | None = None
    metric_names: tuple[str, ...] = ()

    @cached_property
    def lists(self) -> Mapping[Kind, Sequence[ApiObject]]:
        """Everything in the account, asked for once."""
        return self.reads.lists()

    @cached_property
    def by_id(self) -> Mapping[str, ApiObject]:
        """All objects by id."""
        return {found.id: found for items in self.lists.values() for found in items}

    @cached_property
    def costs(self) -> Costs:
        """Who may run on which claim."""
        return costs_of(self.lists, default_prices())

    @property
    def now(self) -> float:
        """By the service's clock where it tells the time."""
        now = self.reads.service_time()
        return self.clock.now() if now is None else now

    def state_of(self, live: ApiObject) -> Computed:
        """What an object is doing now."""
        return compute(live.kind, live, self.now, self.settings.settle_seconds)

    @cached_property
    def all_shown(self) -> tuple[Recorded, ...]:
        """The stack's objects, or with no stack all of the account."""
        if self.recorded is not None:
            return self.recorded
        return tuple(
            Recorded(kind, found.name, found.id, found.name)
            for kind, listed in self.lists.items()
            for found in listed
        )

    @cached_property
    def shown(self) -> tuple[Recorded, ...]:
        """Those that are read: with `only` the deployments of that name and their gateways."""
        if not self.only:
            return self.all_shown
        wanted = [item for item in self.all_shown if item.kind is Kind.DEPLOYMENT and self._is_asked(item)]
        used = {id_ for item in wanted for id_ in self.gateway_ids(item)}
        return tuple(item for item in self.all_shown if item in wanted or item.id in used)

    def _is_asked(self, item: Recorded) -> bool:
        live = self.by_id.get(item.id)
        names = {item.key, item.name, *((live.name, str(get_path(live.spec, "model.name"))) if live else ())}
        return self.only in names

    def of(self, kind: Kind) -> list[Recorded]:
        """The looked-at objects of one kind."""
        return [item for item in self.shown if item.kind is kind]

    def gateway_ids(self, item: Recorded) -> list[str]:
        """The gateways of a deployment, as it is live or else as it is recorded."""
        live = self.by_id.get(item.id)
        spec = live.spec if live is not None else item.spec or {}
        return [str(id_).lower() for id_ in spec.get("gatewayIds") or ()]

    @cached_property
    def gateways(self) -> tuple[str, ...]:
        """Ids of the gateways that are read: those of the stack, and those that its deployments use."""
        own = [item.id for item in self.of(Kind.GATEWAY)]
        used = [id_ for item in self.of(Kind.DEPLOYMENT) for id_ in self.gateway_ids(item)]
        return tuple(dict.fromkeys((*own, *used)))

    def label(self, kind: Kind, id_: str) -> str:
        """`gateway "public"`: by the key in the stack, else the name, else the id."""
        key = next((item.key for item in self.recorded or () if item.id == id_), "")
        live = self.by_id.get(id_)
        return f'{kind.noun} "{key or (live.name if live else id_)}"'

    def probe_model(self, gateway_id: str) -> str:
        """A model of a gateway that is read: path routing has its name in the address."""
        found = (
            model_name(live.spec)
            for live in self.lists[Kind.DEPLOYMENT]
            if gateway_id in (live.spec.get("gatewayIds") or ())
        )
        return next(filter(None, found), "")

    def routes(self, gateway_id: str, model: str) -> tuple[Route, ...]:
        """How a model is called on a gateway."""
        gateway = self.by_id.get(gateway_id)
        return () if gateway is None else routes_to(gateway, model)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The traffic groups that looked-at deployments are members of."""
        found: dict[tuple[str, str], list[Recorded]] = {}
        for item in self.of(Kind.DEPLOYMENT):
            live = self.by_id.get(item.id)
            if live is not None:
                for gateway_id in self.gateway_ids(item):
                    found.setdefault((gateway_id, model_name(live.spec)), []).append(item)
        return tuple(Group(self, gateway_id, model, tuple(own)) for (gateway_id, model), own in found.items())

    @cached_property
    def weights(self) -> tuple[tuple[Recorded, str, str], ...]:
        """Each looked-at deployment with its bucket and path, as they are live."""
        return tuple(
            (item, str(bucket), str(get_path(live.spec, "model.path") or "").strip("/"))
            for item in self.of(Kind.DEPLOYMENT)
            if (live := self.by_id.get(item.id)) is not None
            and (bucket := get_path(live.spec, "model.bucket"))
        )

    def facts(self, bucket: str) -> tuple[BucketFacts, Sequence[str]]:
        """What a bucket has of the models read, and why something could not be read; read once."""
        known = self._buckets
        if bucket not in known:
            paths = {path for _, name, path in self.weights if name == bucket}
            known[bucket] = self.reads.bucket(bucket, sorted(paths))
        return known[bucket]

    @cached_property
    def _buckets(self) -> dict[str, tuple[BucketFacts, Sequence[str]]]:
        return {}


@dataclass(frozen=True)
class Group:
    """The deployments of one model on one gateway; `own` are those that are read."""

    running: Running
    gateway_id: str
    model: str
    own: tuple[Recorded, ...]

    @property
    def label(self) -> str:
        """`model "acme/chat" on gateway "public"`."""
        return f'model "{self.model}" on {self.running.label(Kind.GATEWAY, self.gateway_id)}'

    @property
    def members(self) -> list[ApiObject]:
        """All of them, others' too, but for those that are being deleted."""
        return [
            found
            for found in self.running.lists[Kind.DEPLOYMENT]
            if found.status != "DELETING"
            and self.gateway_id in (found.spec.get("gatewayIds") or ())
            and get_path(found.spec, "model.name") == self.model
        ]

    @property
    def routes(self) -> tuple[Route, ...]:
        """How the model is called there."""
        return self.running.routes(self.gateway_id, self.model)


@dataclass(frozen=True)
class Subject:
    """One object that a check is about."""

    running: Running
    item: Recorded

    @property
    def live(self) -> ApiObject | None:
        """As it is in the account."""
        return self.running.by_id.get(self.item.id)


@dataclass(frozen=True)
class GatewaySubject:
    """One gateway that a check is about; it may be of another stack."""

    running: Running
    id: str

    @property
    def live(self) -> ApiObject | None:
        """As it is in the account."""
        return self.running.by_id.get(self.id)

    @property
    def items(self) -> list[Recorded]:
        """It, where it is the stack's, and the stack's deployments that name it."""
        running = self.running
        users = (item for item in running.of(Kind.DEPLOYMENT) if self.id in running.gateway_ids(item))
        return [*(item for item in running.of(Kind.GATEWAY) if item.id == self.id), *users]

    @property
    def route(self) -> Route | None:
        """One route through it."""
        return next(iter(self.running.routes(self.id, self.running.probe_model(self.id))), None)


def nonce() -> str:
    """Something that no cache can have seen."""
    return secrets.token_hex(NONCE_BYTES)


def ask(group: Group, client: DataPlane, route: Route) -> Exchange:
    """One short completion of a group's model. Raises Unreachable."""
    prompt = f"Answer with the word hello. ({nonce()})"
    return client.complete(route, prompt, max_tokens=MAX_TOKENS, seconds=group.running.completion_seconds)
