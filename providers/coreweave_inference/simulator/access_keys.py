"""The two REST paths that mint S3 keys for an API token. How a key is made and checked is in `credentials`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .error_answers import Refused, RefusedAsText, no_such_path, not_permitted, wrong_method
from .rest import authenticated, json_response
from .world import World

ACCESS_KEY = "/v1/cwobject/access-key"
TEMPORARY = "/v1/cwobject/temporary-credentials/api-token"
METHODS = {ACCESS_KEY: "POST", TEMPORARY: "GET"}


class Mint(Protocol):
    """Who makes the keys."""

    def mint(self, organisation_id: str, duration_seconds: int) -> dict[str, Any]:
        """A key pair that lasts so long; 0 is for ever."""
        ...

    def mint_temporary(self, organisation_id: str) -> dict[str, Any]:
        """A key pair with a session token, in the container-credentials form."""
        ...


class AccessKeys:
    """ASGI application of everything under `/v1/cwobject/`."""

    def __init__(self, world: World, mint: Mint) -> None:
        self._world = world
        self._mint = mint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = self._answer(request, await request.body())
        await response(scope, receive, send)

    def _answer(self, request: Request, body: bytes) -> Response:
        try:
            answer = self._minted(request, body)
        except (Refused, RefusedAsText) as error:
            return error.response()
        return json_response(answer, request.headers.get("accept-encoding", ""), self._world.behaviour.gzip)

    def _minted(self, request: Request, body: bytes) -> Mapping[str, Any]:
        path = request.scope["path"]
        if path not in METHODS:
            raise no_such_path()
        if request.method != METHODS[path]:
            raise wrong_method()
        caller = authenticated(self._world, request)
        if caller.role == "read-only":
            raise not_permitted("mint access keys")
        if path == TEMPORARY:
            return self._mint.mint_temporary(caller.organisation_id)
        return self._mint.mint(caller.organisation_id, _duration(body))


def _duration(body: bytes) -> int:
    """Seconds asked for; raises an error answer for a body that names no number of them."""
    try:
        asked = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise Refused(400, 3, f"unmarshal message: {error}") from error
    seconds = asked.get("durationSeconds", 0) if isinstance(asked, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0:
        raise Refused(400, 3, "durationSeconds must be a number of seconds, 0 for a key that lasts for ever")
    return seconds
