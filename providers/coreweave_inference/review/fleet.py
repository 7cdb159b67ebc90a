"""All gateways, claims and deployments of the reviewed stacks at one time: before the run, or after it.

What follows from them is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from coreweave_inference.fleet import objects as fleet
from coreweave_inference.fleet.objects import Zones, zones_of
from coreweave_inference.model import Kind


@dataclass(frozen=True, kw_only=True)
class Gateway(fleet.Gateway):
    """A gateway of a reviewed stack."""

    label: str
    id: str


@dataclass(frozen=True, kw_only=True)
class Claim(fleet.Claim):
    """A capacity claim of a reviewed stack."""

    label: str


@dataclass(frozen=True, kw_only=True)
class Deployment(fleet.Deployment):
    """A deployment of a reviewed stack; `gateways` are labels, or ids of those that no reviewed stack declares, `None` where not known.

    `zones` are its gateways'; none where it may run in all, as behind a gateway that is not known. `gateway_ids` are theirs as
    it is declared.
    """

    label: str
    stack: str
    zones: Zones
    gateway_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fleet:
    """Everything by label."""

    gateways: Mapping[str, Gateway] = field(default_factory=dict)
    claims: Mapping[str, Claim] = field(default_factory=dict)
    deployments: Mapping[str, Deployment] = field(default_factory=dict)


class Labelled(Protocol):
    """What is read of a resource beside its state."""

    @property
    def kind(self) -> Kind | None:
        """The API object that it is, if it is one."""
        ...

    @property
    def label(self) -> str:
        """What it is called among everything that is read."""
        ...

    @property
    def stack(self) -> str:
        """The stack that has it."""
        ...


def fleet_of(
    states: Iterable[tuple[Labelled, Mapping[str, Any] | None]], former: Fleet | None = None
) -> Fleet:
    """The fleet of those resources that have a state. `former`: the same before a run, in which a gateway may have had
    another id, under which deployments of other stacks know it until they run too.
    """
    there = [(resource, state) for resource, state in states if state is not None]
    gateways = {r.label: _gateway(r, s) for r, s in there if r.kind is Kind.GATEWAY}
    known = former.gateways if former else {}
    replaced = {known[label].id: gateway for label, gateway in gateways.items() if label in known}
    by_id = {**replaced, **{gateway.id: gateway for gateway in gateways.values()}}
    by_id.pop("", None)
    return Fleet(
        gateways,
        {r.label: Claim(label=r.label, **Claim.values(s)) for r, s in there if r.kind is Kind.CAPACITY_CLAIM},
        {r.label: _deployment(r, s, by_id) for r, s in there if r.kind is Kind.DEPLOYMENT},
    )


def _gateway(resource: Labelled, state: Mapping[str, Any]) -> Gateway:
    return Gateway(label=resource.label, id=str(state.get("apiId") or ""), **Gateway.values(state))


def _deployment(resource: Labelled, state: Mapping[str, Any], by_id: Mapping[str, Gateway]) -> Deployment:
    values = Deployment.values(state)
    ids = values["gateways"] or ()
    labels = sorted(by_id[id_].label if id_ in by_id else id_ for id_ in ids)
    zones = zones_of(by_id.get(id_) for id_ in ids) or frozenset()
    gateways = None if values["gateways"] is None else tuple(labels)
    values |= {"gateways": gateways, "gateway_ids": ids}
    return Deployment(label=resource.label, stack=resource.stack, zones=zones, **values)
