"""The service's logs and metrics over HTTP, as Prometheus and Loki answer: enough for a client that discovers names and asks
for sums of counters and for the newest lines.

Names of metrics and labels are published nowhere, so those here are this simulator's own, and the label's is a setting. What
was measured is `telemetry`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from .organisations import bearer, caller_of
from .records import Record
from .telemetry import Telemetry
from .world import World

METRICS: dict[str, Callable[[int, float], float]] = {
    "vllm:request_success_total": lambda status, _: float(status == 200),
    "inference_request_errors_total": lambda status, _: float(status != 200),
    "vllm:e2e_request_latency_seconds_sum": lambda _, seconds: seconds,
    "vllm:e2e_request_latency_seconds_count": lambda *_: 1.0,
}
SELECTOR = re.compile(r"(?P<name>[A-Za-z_:][\w:]*)?\{(?P<matchers>[^}]*)\}")
MATCHER = re.compile(r'(?P<label>\w+)\s*(?P<sign>=~|=)\s*"(?P<value>(?:[^"\\]|\\.)*)"')
SUM = re.compile(r"sum\(increase\((?P<selector>.*)\[(?P<minutes>\d+)m\]\)\)")
NANO = 1_000_000_000
LINES = 100


class Observability:
    """ASGI application for `/api/v1/…` (Prometheus) and `/loki/api/v1/…` (Loki)."""

    def __init__(self, world: World, telemetry: Telemetry) -> None:
        self._world = world
        self._telemetry = telemetry
        pages: dict[str, Callable[[Request], Any]] = {
            "/api/v1/label/__name__/values": lambda _: list(METRICS),
            "/api/v1/labels": lambda _: ["__name__", self._label, "cluster"],
            "/api/v1/series": self._series,
            "/api/v1/query": self._query,
            "/loki/api/v1/labels": lambda _: ["cluster", "container", self._label],
            "/loki/api/v1/label/{name}/values": self._values,
            "/loki/api/v1/query_range": self._lines,
        }
        self._router = Router(
            routes=[Route(path, self._page(page), methods=["GET"]) for path, page in pages.items()]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._router(scope, receive, send)

    @property
    def _label(self) -> str:
        return self._world.behaviour.observability_label

    def _page(self, page: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            caller = caller_of(
                self._world.behaviour.organisations, bearer(request.headers.get("authorization", ""))
            )
            if caller is None:
                return JSONResponse({"status": "error", "error": "missing or unknown API token"}, 401)
            if not caller.observability:
                return JSONResponse(
                    {"status": "error", "error": "the role Observability Viewer is needed"}, 403
                )
            request.state.organisation = caller.organisation_id
            try:
                return JSONResponse({"status": "success", "data": page(request)})
            except ValueError as error:
                return JSONResponse({"status": "error", "errorType": "bad_data", "error": str(error)}, 400)

        return answer

    def _records(self, request: Request) -> list[Record]:
        return self._world.records("deployments", request.state.organisation)

    def _values(self, request: Request) -> list[str]:
        name = unquote(request.path_params["name"])
        own = [record.id for record in self._records(request)]
        return {self._label: own, "cluster": ["inference-us-east"], "container": ["engine"]}.get(name, [])

    def _series(self, request: Request) -> list[dict[str, str]]:
        name, matchers = _selector(request.query_params.get("match[]", ""))
        return [
            {"__name__": metric, self._label: record.id, "cluster": "inference-us-east"}
            for metric in METRICS
            if name in (None, metric)
            for record in self._records(request)
            if _matches(matchers, {self._label: record.id, "__name__": metric})
        ]

    def _query(self, request: Request) -> dict[str, Any]:
        query = request.query_params.get("query", "")
        found = SUM.fullmatch(query.strip())
        if found is None:
            raise ValueError(f"this simulator evaluates sum(increase(NAME{{…}}[Nm])) alone, not {query!r}")
        name, matchers = _selector(found["selector"])
        if name not in METRICS:
            return {"resultType": "vector", "result": []}
        now = self._world.clock.now()
        own = {record.id for record in self._records(request)}
        counted = [
            METRICS[name](each.status, each.seconds)
            for each in self._telemetry.requests(now - 60 * int(found["minutes"]))
            if each.deployment_id in own and _matches(matchers, {self._label: each.deployment_id})
        ]
        result = [{"metric": {}, "value": [now, str(sum(counted))]}] if counted else []
        return {"resultType": "vector", "result": result}

    def _lines(self, request: Request) -> dict[str, Any]:
        _, matchers = _selector(request.query_params.get("query", ""))
        limit = int(request.query_params.get("limit", LINES))
        start = float(request.query_params.get("start", 0)) / NANO
        streams = []
        for record in self._records(request):
            labels = {self._label: record.id, "cluster": "inference-us-east", "container": "engine"}
            if not _matches(matchers, labels):
                continue
            conditions = [(c.holds, c.reason, c.message) for c in self._world.shown(record).conditions]
            lines = [line for line in self._telemetry.lines(record, conditions) if line.at >= start]
            newest = sorted(lines, key=lambda line: line.at, reverse=True)[:limit]
            streams.append(
                {"stream": labels, "values": [[str(int(line.at * NANO)), line.text] for line in newest]}
            )
        return {"resultType": "streams", "result": streams}


def _selector(text: str) -> tuple[str | None, list[tuple[str, str, str]]]:
    """Name and matchers of `NAME{label="value"}`. Raises ValueError for what is none."""
    found = SELECTOR.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"parse error: {text!r} is no selector")
    return found["name"], [(m["label"], m["sign"], m["value"]) for m in MATCHER.finditer(found["matchers"])]


def _matches(matchers: list[tuple[str, str, str]], labels: Mapping[str, str]) -> bool:
    return all(
        re.fullmatch(value, labels.get(label, "")) is not None
        if sign == "=~"
        else labels.get(label, "") == value
        for label, sign, value in matchers
    )
