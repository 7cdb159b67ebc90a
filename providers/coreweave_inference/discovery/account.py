"""What the Inference API can tell: one LIST and one parameters call for each kind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, Protocol

from coreweave_inference.api.objects import ApiObject
from coreweave_inference.checks import LiveObject
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.fleet.catalogue import Catalogue
from coreweave_inference.model.kinds import Kind
from coreweave_inference.waiting import failure

Listed = Mapping[Kind, Sequence[ApiObject]]
GatewaysOf = Callable[[tuple[LiveObject, ...]], Collection[str]]


class Api(Protocol):
    """The two calls that are made."""

    def list(self, kind: Kind) -> list[ApiObject]:
        """Every object of a kind."""
        ...

    def parameters(self, kind: Kind, gateway_ids: Collection[str] = ()) -> dict[str, Any]:
        """What is offered for a kind; for deployments, where these gateways run."""
        ...


@dataclass(frozen=True)
class Account:
    """`live` is `None` where one of the lists could not be had: half an account would look like one without the rest."""

    catalogue: Catalogue
    live: tuple[LiveObject, ...] | None
    notes: tuple[str, ...] = ()


def account(
    api: Api, pool: Executor, listed: Listed | None = None, gateways: GatewaysOf = lambda _live: ()
) -> Account:
    """Ask for everything at once; what a program has `listed` already is not listed again.

    `gateways` says whose zones deployments run in, by their ids, once the gateways of the account are listed; where that
    is not known, what is offered for deployments is that of all of them.
    """
    known = listed or {}
    lists = {
        kind: pool.submit(_tried, lambda k: known[k] if k in known else api.list(k), kind) for kind in Kind
    }
    parameters: dict[Kind, Future[Any]] = {
        kind: pool.submit(_tried, api.parameters, kind) for kind in (Kind.GATEWAY, Kind.CAPACITY_CLAIM)
    }
    there = lists[Kind.GATEWAY].result()
    ids = () if isinstance(there, CoreWeaveError) else gateways(tuple(map(_live, there)))
    parameters[Kind.DEPLOYMENT] = pool.submit(_tried, lambda kind: api.parameters(kind, ids), Kind.DEPLOYMENT)
    offered, unread = _answers(parameters)
    found, failures = _answers(lists)
    live = tuple(_live(item) for items in found.values() for item in items)
    return Account(
        Catalogue.of_answers(
            offered, tuple(f"what is offered for {kind.noun}s could not be read: {e}" for kind, e in unread)
        ),
        None if failures else live,
        tuple(f"the account's {kind.noun}s could not be listed: {error}" for kind, error in failures),
    )


def _tried(call: Callable[[Kind], Any], kind: Kind) -> Any:
    try:
        return call(kind)
    except CoreWeaveError as error:
        return error


def _answers(
    futures: Mapping[Kind, Future[Any]],
) -> tuple[dict[Kind, Any], list[tuple[Kind, CoreWeaveError]]]:
    results = {kind: future.result() for kind, future in futures.items()}
    failures = [(kind, result) for kind, result in results.items() if isinstance(result, CoreWeaveError)]
    return {kind: r for kind, r in results.items() if not isinstance(r, CoreWeaveError)}, failures


def _live(item: ApiObject) -> LiveObject:
    why = failure(item) if item.status == "FAILED" else ""
    return LiveObject(item.kind, item.id, item.name, item.spec, item.status, item.updated, why)
