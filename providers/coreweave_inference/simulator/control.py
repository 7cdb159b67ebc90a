"""The simulator's own paths, under `/simulator/`: behaviour, clock, faults, journal, account, changes from outside.

Only for callers on the same machine, without a token. Nothing here is part of the simulated service.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from .acceptance import require_schema
from .error_answers import Refused
from .faults import Faults, fault_from_json
from .journal import Journal
from .presentation import Presenter
from .records import FOREVER, Condition, Kind, Spec
from .resource_kinds import KINDS
from .schema.messages import UnknownField, Unparsable
from .telemetry import Telemetry
from .world import World

Answering = Callable[[Any], Any]
"""From what was asked (the body of the request, or its query) to a JSON value."""


class Buckets(Protocol):
    """What the account view asks of object storage."""

    def buckets(self) -> list[dict[str, Any]]:
        """Every bucket of every organisation."""
        ...


class Control:
    """The simulator's own requests."""

    def __init__(
        self,
        world: World,
        journal: Journal,
        faults: Faults,
        presenter: Presenter,
        storage: Buckets,
        telemetry: Telemetry,
    ) -> None:
        self._telemetry = telemetry
        self._world = world
        self._journal = journal
        self._faults = faults
        self._presenter = presenter
        self._storage = storage

    def application(self) -> ASGIApp:
        """The ASGI application, paths starting with `/simulator/`."""
        table: list[tuple[str, str, Answering]] = [
            ("GET", "behaviour", lambda _: self._world.behaviour.as_json()),
            ("PUT", "behaviour", self._change_behaviour),
            ("GET", "clock", lambda _: self._time()),
            ("POST", "clock", self._change_clock),
            ("GET", "requests", self._requests),
            ("DELETE", "requests", lambda _: self._journal.clear()),
            ("GET", "faults", lambda _: [fault.as_json() for fault in self._faults.in_force()]),
            ("POST", "faults", self._add_faults),
            ("DELETE", "faults", lambda _: self._faults.clear()),
            ("GET", "account", lambda _: self.account()),
            ("POST", "edit", self._edit),
            ("POST", "status", self._set_status),
            ("POST", "hardware", self._release_hardware),
            ("POST", "logs", lambda asked: self.write_log(asked["id"], asked["line"])),
            ("POST", "revive", lambda asked: self._world.revive(asked["id"])),
        ]
        routes = [
            Route(f"/simulator/{path}", _endpoint(answer), methods=[method]) for method, path, answer in table
        ]
        return Router(routes=routes)

    def account(self) -> dict[str, Any]:
        """All live objects and buckets of all organisations."""
        objects: dict[str, Any] = {
            kind: [self._presenter.object(record) for record in self._world.records(kind)] for kind in KINDS
        }
        return {**objects, "buckets": self._storage.buckets()}

    def write_log(self, deployment_id: str, line: str) -> None:
        """Add a line to a deployment's engine log."""
        self._telemetry.write(deployment_id, line)

    def _change_behaviour(self, asked: Any) -> dict[str, Any]:
        self._world.behaviour = self._world.behaviour.changed(asked)
        return self._world.behaviour.as_json()

    def _time(self) -> dict[str, float]:
        return {"now": self._world.clock.now(), "speed": self._world.clock.speed}

    def _change_clock(self, asked: Mapping[str, float]) -> dict[str, float]:
        if "speed" in asked:
            self._world.clock.speed = asked["speed"]
        self._world.clock.advance(asked.get("advance", 0))
        return self._time()

    def _requests(self, asked: Mapping[str, str]) -> list[dict[str, Any]]:
        found = self._journal.entries(asked.get("method"), asked.get("path"))
        return [entry.as_json() for entry in found]

    def _add_faults(self, asked: Any) -> list[dict[str, Any]]:
        for fault in [fault_from_json(item) for item in (asked if isinstance(asked, list) else [asked])]:
            self._faults.add(fault)
        return [fault.as_json() for fault in self._faults.in_force()]

    def _edit(self, asked: Mapping[str, Any]) -> None:
        self._world.edit(asked["id"], asked["changes"], self._require)

    def _require(self, kind: Kind, spec: Spec) -> None:
        require_schema(self._world.behaviour, kind, spec, creating=False)

    def _set_status(self, asked: Mapping[str, Any]) -> None:
        conditions = [_condition(condition) for condition in asked.get("conditions", [])]
        seconds = asked.get("forSeconds", FOREVER)
        self._world.set_status(asked["id"], asked["status"], conditions, seconds)

    def _release_hardware(self, asked: Mapping[str, Any]) -> None:
        self._world.release_hardware(asked.get("id"))


def _condition(asked: Mapping[str, Any]) -> Condition:
    """A condition as a GET shows it; `holds` may say in the place of `status` whether it is met. The time is set by what it does."""
    texts = {name: str(asked.get(name, "")) for name in ("type", "reason", "message", "zone")}
    holds = asked.get("holds", asked.get("status") == "STATUS_TRUE")
    unknown = sorted(asked.keys() - texts.keys() - {"holds", "status", "lastUpdateTime"})
    if unknown or not texts["type"]:
        raise ValueError(
            f"a condition has type, status, reason, message and zone; not {', '.join(unknown) or 'no type'}"
        )
    if asked.get("status", "STATUS_TRUE") not in ("STATUS_TRUE", "STATUS_FALSE"):
        raise ValueError(f"the status of a condition is STATUS_TRUE or STATUS_FALSE, not {asked['status']}")
    return Condition(holds=bool(holds), **texts)


def _endpoint(answer: Answering) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        if not _is_loopback(request):
            return JSONResponse({"error": "only for callers on the same machine"}, 403)
        try:
            asked = await request.json() if await request.body() else dict(request.query_params)
            return JSONResponse(await run_in_threadpool(answer, asked))
        except Refused as error:
            return error.response()
        except (
            *(KeyError, TypeError, ValueError, AttributeError, RecursionError),
            *(Unparsable, UnknownField),
        ) as error:
            words = error.args[0] if isinstance(error, KeyError) and error.args else error
            return JSONResponse({"error": str(words)}, 400)

    return endpoint


def _is_loopback(request: Request) -> bool:
    return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
