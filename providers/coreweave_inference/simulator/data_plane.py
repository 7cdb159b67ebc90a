"""The OpenAI-compatible side of gateways: who may call, which model, which deployment answers.

It sees gateways and deployments only through `Directory`, whose owner decides what exists and what serves; nothing of
the control plane's REST forms and nothing of object storage may enter. Meant to be mounted below a prefix: the first
segment that is left is the gateway's id, and `<mount>/<gateway id>` is the gateway's endpoint.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from .data_plane_completions import (
    ChatRequest,
    complete,
    completion_body,
    completion_events,
    error_body,
    model_list,
    read_chat_request,
)
from .data_plane_traffic import TrafficSplit

SIMULATE_SECONDS_HEADER = "x-simulate-seconds"
SERVED_BY_HEADER = "x-served-by"
LONGEST_SIMULATED_SECONDS = 30.0


@dataclass(frozen=True)
class GatewayView:
    """A gateway as its clients meet it. `header_name` is set where `routing` is "header"."""

    id: str
    organisation_id: str
    ready: bool
    routing: Literal["body", "header", "path"]
    header_name: str | None = None
    auth: Literal["coreweave", "weights-and-biases"] = "coreweave"


@dataclass(frozen=True)
class MemberView:
    """A deployment on a gateway.

    `serving`: it takes new requests now (not disabled, has had replicas running, not being deleted).
    `weights_readable`: the inference service may read its weights; if not, its requests end in 520.
    """

    deployment_id: str
    name: str
    model_name: str
    weight: int
    serving: bool
    weights_readable: bool


class Directory(Protocol):
    """What the data plane asks of the simulated world; called at each request, so it is never stale."""

    def gateway(self, gateway_id: str) -> GatewayView | None:
        """The gateway, or None where there is none (any more)."""
        ...

    def members(self, gateway_id: str) -> list[MemberView]:
        """All deployments on the gateway, serving or not, in a stable order."""
        ...

    def organisation_of(self, token: str) -> str | None:
        """The organisation that a bearer token (for a W&B gateway: a W&B key) represents, or None."""
        ...


class DataPlane:
    """ASGI application: `GET /{gateway}/v1/models`, `POST /{gateway}/v1/chat/completions`, and both below
    `/{gateway}/{model name, URL-encoded}/` on a gateway with path-based routing.

    Answers carry `x-served-by` (deployment name) and `system_fingerprint` (deployment id). The request header
    `x-simulate-seconds` keeps a request in flight that long (at most 30 s); who answers was decided before.
    `sleep` waits real seconds; `now` (epoch seconds) dates the completions; `answered` hears of each request which deployment
    answered it, with which status, and how many simulated seconds it took.
    """

    def __init__(
        self,
        directory: Directory,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.time,
        answered: Callable[[str, int, float], None] = lambda deployment_id, status, seconds: None,
    ) -> None:
        self._directory = directory
        self._sleep = sleep
        self._now = now
        self._answered = answered
        self._split = TrafficSplit()
        every_method = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
        self._router = Router(
            routes=[Route("/{gateway_id}/{rest:path}", self._answer, methods=every_method)],
            default=_no_such_page,
            redirect_slashes=False,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._router(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            gateway = self._open(request)
            model, operation = _parse_target(gateway, _segments_below_gateway(request))
            if operation == ["v1", "models"]:
                _require_method(request, "GET")
                return self._list_models(gateway, model)
            _require_method(request, "POST")
            return await self._chat(request, gateway, model)
        except _Refused as error:
            return error.response

    def _open(self, request: Request) -> GatewayView:
        """The gateway, if it exists, is ready, and lets the caller in."""
        gateway_id = request.path_params["gateway_id"]
        gateway = self._directory.gateway(gateway_id)
        if gateway is None:
            raise _Refused(404, f'no gateway "{gateway_id}"', "not_found_error", "gateway_not_found")
        if not gateway.ready:
            raise _Refused(503, f'gateway "{gateway_id}" is not ready', "server_error", "gateway_not_ready")
        organisation = self._organisation_of_caller(request)
        if organisation is None:
            raise _Refused(401, _unauthenticated(gateway), "authentication_error", "invalid_api_key")
        if organisation != gateway.organisation_id:
            message = "the API key belongs to an organization that does not own this gateway"
            raise _Refused(403, message, "permission_error", "forbidden")
        return gateway

    def _organisation_of_caller(self, request: Request) -> str | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return None
        return self._directory.organisation_of(token.strip())

    def _list_models(self, gateway: GatewayView, model: str | None) -> Response:
        served: dict[str, list[str]] = {}
        for member in self._directory.members(gateway.id):
            if member.serving and model in (None, member.model_name):
                served.setdefault(member.model_name, []).append(member.name)
        return JSONResponse(model_list(sorted(served.items()), gateway.organisation_id))

    async def _chat(self, request: Request, gateway: GatewayView, path_model: str | None) -> Response:
        seconds = _simulated_seconds(request)
        try:
            chat = read_chat_request(await request.body())
        except ValueError as error:
            raise _Refused(400, str(error), "invalid_request_error", "invalid_request") from error
        model = _routed_model(request, gateway, path_model, chat)
        member = self._choose(gateway, model)
        if seconds:
            await self._sleep(seconds)
        answer = (
            _completion_response(model, member, chat, self._now())
            if member.weights_readable
            else _unreadable_weights(member)
        )
        self._answered(member.deployment_id, answer.status_code, seconds)
        return answer

    def _choose(self, gateway: GatewayView, model: str) -> MemberView:
        group = [member for member in self._directory.members(gateway.id) if member.model_name == model]
        if not group:
            message = f"The model `{model}` does not exist."
            raise _Refused(404, message, "invalid_request_error", "model_not_found", param="model")
        serving = {member.deployment_id: member for member in group if member.serving}
        weights = {deployment_id: member.weight for deployment_id, member in serving.items()}
        chosen = self._split.choose((gateway.id, model), weights)
        if chosen is None:
            message = f"no deployment of model `{model}` takes traffic at present"
            raise _Refused(503, message, "server_error", "no_serving_deployment")
        return serving[chosen]


class _Refused(Exception):
    """A request that ends here, with an OpenAI error body."""

    def __init__(self, status: int, message: str, kind: str, code: str, param: str | None = None) -> None:
        super().__init__(message)
        headers = {"www-authenticate": "Bearer"} if status == 401 else None
        self.response = JSONResponse(error_body(message, kind, code, param), status, headers)


def _segments_below_gateway(request: Request) -> list[str]:
    """Path segments after the gateway's id, still encoded: a model name may hold a slash, written %2F."""
    raw_path = request.scope.get("raw_path") or quote(request.scope["path"]).encode("ascii")
    encoded = raw_path.decode("latin-1").partition("?")[0]
    below_mount = encoded.removeprefix(quote(request.scope.get("root_path", "")))
    return below_mount.strip("/").split("/")[1:]


def _parse_target(gateway: GatewayView, segments: list[str]) -> tuple[str | None, list[str]]:
    """(model name of the path, operation). Raises where there is no such page on this kind of gateway."""
    operations = (["v1", "models"], ["v1", "chat", "completions"])
    if gateway.routing == "path" and segments[1:] in operations:
        return unquote(segments[0]), segments[1:]
    if segments == operations[0] or (segments in operations and gateway.routing != "path"):
        return None, segments
    hint = " (put the URL-encoded model name before /v1)" if gateway.routing == "path" else ""
    message = f"no page /{'/'.join(segments)} on this gateway{hint}"
    raise _Refused(404, message, "invalid_request_error", "not_found")


def _require_method(request: Request, method: str) -> None:
    if request.method != method:
        message = f"method {request.method} is not allowed here, use {method}"
        raise _Refused(405, message, "invalid_request_error", "method_not_allowed")


def _routed_model(request: Request, gateway: GatewayView, path_model: str | None, chat: ChatRequest) -> str:
    if path_model is not None:
        return path_model
    if gateway.routing == "header":
        header = gateway.header_name or ""
        if not request.headers.get(header):
            message = f'header "{header}" must carry the model name on this gateway'
            raise _Refused(400, message, "invalid_request_error", "missing_model_header")
        return request.headers[header]
    if chat.model is None:
        message = "you must provide a model parameter"
        raise _Refused(400, message, "invalid_request_error", "missing_model", param="model")
    return chat.model


def _simulated_seconds(request: Request) -> float:
    written = request.headers.get(SIMULATE_SECONDS_HEADER, "0")
    try:
        seconds = float(written)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_SIMULATED_SECONDS:
        message = f"{SIMULATE_SECONDS_HEADER} must be a number from 0 to {LONGEST_SIMULATED_SECONDS:g}, not {written!r}"
        raise _Refused(400, message, "invalid_request_error", "invalid_header")
    return seconds


def _completion_response(model: str, member: MemberView, chat: ChatRequest, now: float) -> Response:
    completion = complete(model, member.deployment_id, chat, now)
    headers = {SERVED_BY_HEADER: member.name}
    if chat.stream:
        return StreamingResponse(
            completion_events(completion), headers=headers, media_type="text/event-stream"
        )
    return JSONResponse(completion_body(completion), headers=headers)


def _unreadable_weights(member: MemberView) -> Response:
    """Documentation: a READY deployment whose bucket has no policy for the service ends in 520 or a timeout."""
    text = f'520: deployment "{member.name}" has no model loaded: its weights could not be read from the bucket\n'
    return PlainTextResponse(text, 520, {SERVED_BY_HEADER: member.name})


def _unauthenticated(gateway: GatewayView) -> str:
    wanted = "a W&B API key" if gateway.auth == "weights-and-biases" else "a CoreWeave API access token"
    return f"missing or unknown API key: send {wanted} as a bearer token"


async def _no_such_page(scope: Scope, receive: Receive, send: Send) -> None:
    body = error_body("no gateway id in the path", "not_found_error", "gateway_not_found")
    await JSONResponse(body, 404)(scope, receive, send)
