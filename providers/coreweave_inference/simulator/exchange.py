"""Each request's way through the simulator: request id, journal, faults, then the side of the service it is for.

What an answer says is never decided here, except by a fault.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from email.utils import formatdate
from typing import Any
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .fault_answers import (
    Answer,
    changed_answer,
    made_up_answer,
    packed_white_space,
    with_another_object,
    without_hidden,
)
from .faults import Fault, Faults
from .journal import Entry, Journal, masked
from .organisations import bearer, caller_of
from .rest import STALE_SECONDS
from .world import World

LARGEST_BODY_NOTED = 1_000_000
CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/")
OrganisationOfKey = Callable[[str], str | None]
Now = Callable[[], float]


class Exchange:
    """ASGI application around all sides of the service.

    `organisation_of_key`: whose an S3 access key is, for the journal.
    """

    def __init__(
        self,
        service: ASGIApp,
        object_storage: ASGIApp,
        control: ASGIApp,
        world: World,
        journal: Journal,
        faults: Faults,
        organisation_of_key: OrganisationOfKey,
    ) -> None:
        self._service = service
        self._object_storage = object_storage
        self._control = control
        self._world = world
        self._journal = journal
        self._faults = faults
        self._organisation_of_key = organisation_of_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = str(uuid4())
        signed = is_signed(scope)
        if scope["path"].startswith("/simulator/") and not signed:
            await self._control(scope, receive, _stamped(send, request_id, self._world.clock.now))
            return
        await run_in_threadpool(self._world.settle)
        body = await _read(receive)
        entry = self._recorded(scope, body, request_id)
        handler = self._object_storage if signed else self._service
        fault = self._faults.met(scope["method"], scope["path"])
        if fault is None:
            await handler(scope, _replayed(body, receive), _observed(send, entry, self._world.clock.now))
            return
        entry.fault = fault.action
        now = self._world.clock.now
        await _Faulty(fault, entry, handler, scope, body, receive, send, now, self._faults.hides).run()

    def _recorded(self, scope: Scope, body: bytes, request_id: str) -> Entry:
        headers = Headers(scope=scope)
        return self._journal.begin(
            request_id=request_id,
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            organisation_id=self._organisation(headers),
            body=_noted_body(body),
            simulated_at=self._world.clock.now(),
            real_at=time.time(),
        )

    def _organisation(self, headers: Headers) -> str | None:
        authorization = headers.get("authorization", "")
        key = CREDENTIAL.search(authorization)
        if key is not None:
            return self._organisation_of_key(key.group(1))
        caller = caller_of(self._world.behaviour.organisations, bearer(authorization))
        return caller.organisation_id if caller else None


def is_signed(scope: Scope) -> bool:
    """Whether a request carries an S3 signature, in a header or in the query."""
    authorization = Headers(scope=scope).get("authorization", "")
    return authorization.startswith("AWS4-HMAC-SHA256") or b"X-Amz-Signature=" in scope["query_string"]


class _Faulty:
    """One request that meets a fault."""

    def __init__(
        self,
        fault: Fault,
        entry: Entry,
        handler: ASGIApp,
        scope: Scope,
        body: bytes,
        receive: Receive,
        send: Send,
        now: Now,
        hides: Callable[[Fault, str, float], bool],
    ) -> None:
        self._now = now
        self._hides = hides
        self._fault = fault
        self._entry = entry
        self._handler = handler
        self._scope = scope
        self._body = body
        self._receive = receive
        self._send = send

    async def run(self) -> None:
        ways: dict[str, Callable[[], Awaitable[None]]] = {
            "reset": self._break,
            "lose-answer": self._handle_and_break,
            "delay": self._delay,
            "stale": self._handle_stale,
            "status": self._make_up,
            "trickle": self._trickle,
            "swell": self._swell,
            "redirect": self._make_up,
            "hide": self._hide,
            "wrong-object": self._show_another,
        }
        await ways.get(self._fault.action, self._handle_and_change)()

    async def _delay(self) -> None:
        if self._fault.when == "before":
            await asyncio.sleep(self._fault.seconds)
        answer = await self._handled()
        if self._fault.when == "after":
            await asyncio.sleep(self._fault.seconds)
        await self._answer(answer)

    async def _trickle(self) -> None:
        answer = await self._handled()
        send = _stamped(self._send, self._entry.request_id, self._now)
        await send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
        for byte in answer.body:
            await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
            await asyncio.sleep(self._fault.seconds)
        await send({"type": "http.response.body", "body": b""})

    async def _swell(self) -> None:
        answer = await self._handled()
        packed = answer.with_body(await run_in_threadpool(packed_white_space, self._fault.megabytes))
        await self._answer(replace(packed, headers=[*packed.headers, (b"content-encoding", b"gzip")]))

    async def _handle_and_break(self) -> None:
        await self._handled()
        await self._break()

    async def _handle_stale(self) -> None:
        self._scope[STALE_SECONDS] = self._fault.seconds
        await self._answer(await self._handled())

    async def _hide(self) -> None:
        answer = await self._handled()
        if self._scope["method"] == "GET":
            answer = without_hidden(answer, lambda id_: self._hides(self._fault, id_, self._now()))
            self._entry.status = answer.status
        await self._answer(answer)

    async def _show_another(self) -> None:
        answer = await self._handled()
        listed = await self._reply({**self._scope, "method": "GET", "query_string": b""}, b"")
        await self._answer(with_another_object(answer, listed))

    async def _make_up(self) -> None:
        answer = made_up_answer(
            self._fault, self._scope["path"], self._scope["query_string"].decode("latin-1")
        )
        self._entry.status = answer.status
        await self._answer(answer)

    async def _handle_and_change(self) -> None:
        await self._answer(changed_answer(self._fault, await self._handled()))

    async def _handled(self) -> Answer:
        answer = await self._reply(self._scope, self._body)
        self._entry.status = answer.status
        return answer

    async def _reply(self, scope: Scope, body: bytes) -> Answer:
        """The whole answer, uncompressed, so that it can be changed; a signature may cover any header."""
        dropped = () if is_signed(self._scope) else (b"accept-encoding",)
        plain = [(name, value) for name, value in self._scope["headers"] if name not in dropped]
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._handler({**scope, "headers": plain}, _replayed(body, self._receive), keep)
        content = b"".join(message.get("body", b"") for message in messages[1:])
        return Answer(messages[0]["status"], list(messages[0]["headers"]), content)

    async def _answer(self, answer: Answer) -> None:
        send = _stamped(self._send, self._entry.request_id, self._now)
        await send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
        await send({"type": "http.response.body", "body": answer.body})

    async def _break(self) -> None:
        """Close the connection without a word; only uvicorn's own `send` knows the connection.

        The disconnect is waited for, or the server would still try to answer.
        """
        transport: asyncio.Transport = self._send.__self__.transport  # type: ignore[attr-defined]
        transport.abort()
        await self._receive()


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body once more, then what the connection says next."""
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


def _observed(send: Send, entry: Entry, now: Now) -> Send:
    sending = _stamped(send, entry.request_id, now)

    async def observe(message: Message) -> None:
        if message["type"] == "http.response.start":
            entry.status = message["status"]
        await sending(message)

    return observe


def _stamped(send: Send, request_id: str, now: Now) -> Send:
    """With the request's id and the simulated time, since a service dates its answers by its own clock."""

    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            headers["x-request-id"], headers["date"] = request_id, formatdate(now(), usegmt=True)
        await send(message)

    return add


def _noted_body(body: bytes) -> Any:
    if not body or len(body) > LARGEST_BODY_NOTED:
        return None
    try:
        return masked(json.loads(body))
    except (ValueError, RecursionError):
        return None
