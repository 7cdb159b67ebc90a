"""The API's REST side: paths, methods, query, body and token, in; JSON out. What a method does is in `service`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from . import service
from .clock import parse_timestamp
from .error_answers import (
    Refused,
    RefusedAsText,
    invalid,
    no_such_path,
    not_permitted,
    unknown,
    unknown_token,
    wrong_content_type,
    wrong_method,
)
from .organisations import Caller, bearer, caller_of
from .presentation import Presenter
from .records import Record, Spec
from .resource_kinds import KINDS, ResourceKind
from .schema.constraints import Violations
from .schema.messages import UnknownField, Unparsable, decode
from .world import World

PREFIX = "/v1alpha1/inference/"
CONTENT_TYPES = (None, "application/json", "application/json; charset=utf-8")
STALE_SECONDS = "simulator.stale_seconds"
"""Scope key by which a fault keeps the old status of the object that a PATCH changes."""


class RestApi:
    """ASGI application of everything under `/v1alpha1/inference/`."""

    def __init__(self, world: World, presenter: Presenter) -> None:
        self._world = world
        self._presenter = presenter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        response = await run_in_threadpool(self._answer, request, body)
        await response(scope, receive, send)

    def _answer(self, request: Request, body: bytes) -> Response:
        try:
            answer = self._handle(request, body)
        except (Refused, RefusedAsText) as error:
            return error.response()
        return json_response(answer, request.headers.get("accept-encoding", ""), self._world.behaviour.gzip)

    def _handle(self, request: Request, body: bytes) -> Mapping[str, Any]:
        kind, object_id = _target(request.scope["path"])
        parameters = object_id == "parameters" and request.method == "GET"
        _require_method(request.method, object_id)
        caller = authenticated(self._world, request)
        _require_content_type(request, body)
        if caller.role == "read-only" and request.method != "GET":
            raise not_permitted(f"{request.method} {kind.kind}")
        query = _query(request, _allowed_query(kind, object_id, request.method))
        if request.method in ("GET", "DELETE") and body:
            raise unknown(f"request should have no body; instead got {len(body)} bytes")
        if parameters:
            return self._presenter.parameters(self._parameters(kind, caller, query))
        if object_id is None and request.method == "GET":
            return self._presenter.many(kind, self._listed(kind, caller, query))
        return self._presenter.one(kind, self._one(request, kind, caller, object_id, body))

    def _one(
        self, request: Request, kind: ResourceKind, caller: Caller, object_id: str | None, body: bytes
    ) -> Record:
        if object_id is None:
            return service.create(self._world, kind, caller, self._decoded(kind, body, creating=True))
        if request.method == "PATCH":
            spec = self._decoded(kind, body, creating=False)
            stale_seconds = request.scope.get(STALE_SECONDS)
            return service.update(self._world, kind, caller, object_id, spec, stale_seconds)
        method = service.get if request.method == "GET" else service.delete
        return method(self._world, kind, caller, object_id)

    def _decoded(self, kind: ResourceKind, body: bytes, creating: bool) -> Spec:
        behaviour = self._world.behaviour
        other_build = behaviour.strict_fields or behaviour.emit_zero_values
        content_type = "application/proto" if other_build else "application/json"
        message = kind.create if creating else kind.update
        try:
            return decode(message, _text(body), behaviour.strict_fields)
        except UnknownField as error:
            raise Refused(500, 2, str(error), bare=True, content_type=content_type) from error
        except Unparsable as error:
            if creating and not other_build:
                raise Refused(400, 3, str(error)) from error
            raise Refused(500, 2, str(error), content_type=content_type) from error

    def _parameters(
        self, kind: ResourceKind, caller: Caller, query: Mapping[str, list[str]]
    ) -> Mapping[str, Any]:
        if kind.kind == "gateways":
            return service.gateway_parameters(self._world)
        if kind.kind == "capacityclaims":
            return service.claim_parameters(self._world)
        gateway_ids = query.get("gateway_ids", [])
        violations = Violations()
        violations.unique(gateway_ids, "gateway_ids")
        for index, gateway_id in enumerate(gateway_ids):
            violations.uuid(gateway_id, f"gateway_ids[{index}]")
        if violations:
            raise invalid(violations.found)
        return service.deployment_parameters(self._world, caller, gateway_ids)

    def _listed(self, kind: ResourceKind, caller: Caller, query: Mapping[str, list[str]]) -> list[Record]:
        records = self._world.records(kind.kind, caller.organisation_id)
        if self._world.behaviour.lists_hide_deleting:
            records = [record for record in records if record.deleted_at is None]
        for gateway_id in query.get("parent_gateway_id", []):
            violations = Violations()
            violations.uuid(gateway_id, "parent_gateway_id")
            if violations:
                raise invalid(violations.found)
            records = [record for record in records if gateway_id in record.spec["gatewayIds"]]
        for text in query.get("updated_after", []):
            after = _moment(text)
            records = [record for record in records if self._world.shown(record).updated_at > after]
        return records


def authenticated(world: World, request: Request) -> Caller:
    """Who asks; raises an error answer for no token or an unknown one."""
    caller = caller_of(world.behaviour.organisations, bearer(request.headers.get("authorization")))
    if caller is None:
        raise unknown_token()
    return caller


def json_response(answer: Mapping[str, Any], accept_encoding: str, may_compress: bool) -> Response:
    """A success, gzipped if the client accepts it and the service does so."""
    body = json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()
    headers = {"content-type": "application/json", "vary": "Accept-Encoding"}
    if may_compress and "gzip" in accept_encoding:
        body = gzip.compress(body, compresslevel=1)
        headers["content-encoding"] = "gzip"
    return Response(body, 200, headers)


def _target(path: str) -> tuple[ResourceKind, str | None]:
    """Kind and id of a path; None for the collection, an empty id for a collection with a slash behind it."""
    if not path.startswith(PREFIX):
        raise no_such_path()
    segments = path.removeprefix(PREFIX).split("/")
    kind = next((kind for kind in KINDS.values() if kind.kind == segments[0]), None)
    if kind is None or len(segments) > 2:
        raise no_such_path()
    return kind, segments[1] if len(segments) == 2 else None


def _require_method(method: str, object_id: str | None) -> None:
    allowed = ("GET", "POST") if object_id is None else ("GET", "PATCH", "DELETE")
    if method not in allowed:
        raise wrong_method()


def _require_content_type(request: Request, body: bytes) -> None:
    if (body or request.method in ("POST", "PATCH")) and request.headers.get(
        "content-type"
    ) not in CONTENT_TYPES:
        raise wrong_content_type()


def _allowed_query(kind: ResourceKind, object_id: str | None, method: str) -> dict[str, str]:
    """Query names, in both spellings, to the schema's field."""
    fields: tuple[str, ...] = ()
    if method == "GET" and object_id is None:
        fields = ("updatedAfter", "parentGatewayId") if kind.kind == "deployments" else ("updatedAfter",)
    elif method == "GET" and object_id == "parameters" and kind.kind == "deployments":
        fields = ("gatewayIds",)
    snake = {
        "updatedAfter": "updated_after",
        "parentGatewayId": "parent_gateway_id",
        "gatewayIds": "gateway_ids",
    }
    return {spelling: snake[field] for field in fields for spelling in (field, snake[field])}


def _query(request: Request, allowed: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        if name not in allowed:
            raise unknown(f'unknown query parameter "{name}"')
        found.setdefault(allowed[name], []).append(value)
    return found


def _moment(text: str) -> float:
    try:
        return parse_timestamp(text)
    except ValueError as error:
        raise Refused(400, 3, f"updated_after: {error}") from error


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Unparsable("unmarshal message: proto: invalid UTF-8") from error
