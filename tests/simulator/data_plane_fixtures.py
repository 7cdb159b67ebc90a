"""A data plane on a real loopback port over a directory that a test fills by hand."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx
from coreweave_inference.simulator.data_plane import DataPlane, GatewayView, MemberView
from starlette.routing import Mount, Router

from tests.simulator.storage_fixtures import OWNER, STRANGER, served

TOKEN = "CW-SECRET-simulator-admin"
FOREIGN_TOKEN = "CW-SECRET-simulator-stranger"


def gateway(**elements: Any) -> GatewayView:
    return GatewayView(**{"id": "g1", "organisation_id": OWNER, "ready": True, "routing": "body", **elements})


def member(name: str, **elements: Any) -> MemberView:
    every = {
        "deployment_id": f"id-{name}",
        "name": name,
        "model_name": "acme/chat",
        "weight": 100,
        "serving": True,
        "weights_readable": True,
    }
    return MemberView(**{**every, **elements})


class HandmadeDirectory:
    """Gateways and members as the test puts them here."""

    def __init__(self) -> None:
        self.gateways: dict[str, GatewayView] = {}
        self.members_by_gateway: dict[str, list[MemberView]] = {}

    def put(self, view: GatewayView, *members: MemberView) -> None:
        self.gateways[view.id] = view
        self.members_by_gateway[view.id] = list(members)

    def gateway(self, gateway_id: str) -> GatewayView | None:
        return self.gateways.get(gateway_id)

    def members(self, gateway_id: str) -> list[MemberView]:
        return self.members_by_gateway[gateway_id]

    def organisation_of(self, token: str) -> str | None:
        return {TOKEN: OWNER, FOREIGN_TOKEN: STRANGER}.get(token)


class Caller:
    """A client of one gateway."""

    def __init__(self, directory: HandmadeDirectory, client: httpx.Client) -> None:
        self.directory = directory
        self.http = client

    def chat(
        self, text: str = "hello there", path: str = "g1/v1", model: str | None = "acme/chat", **headers: str
    ) -> httpx.Response:
        named = {} if model is None else {"model": model}
        body = {**named, "messages": [{"role": "user", "content": text}]}
        return self.http.post(f"{path}/chat/completions", json=body, headers=headers)

    def chat_through_path(self, model: str) -> httpx.Response:
        return self.chat(path=f"g1/{quote(model, safe='')}/v1", model=None)

    def shares(self, requests: int) -> Counter[str]:
        """How often each deployment answered."""
        return Counter(self.chat().headers["x-served-by"] for _ in range(requests))


class Gate:
    """A sleep that lasts until the test lets it end."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.entered = threading.Event()
        self.leave = threading.Event()

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.entered.set()
        await asyncio.to_thread(self.leave.wait, 10)


@contextmanager
def data_plane(sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> Iterator[Caller]:
    directory = HandmadeDirectory()
    with served(Router(routes=[Mount("/gateways", DataPlane(directory, sleep))])) as url:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=f"{url}/gateways/", headers=headers, trust_env=False) as client:
            yield Caller(directory, client)


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """The HTTP status and the code in an OpenAI error body."""
    return answer.status_code, answer.json()["error"]["code"]


def events_of(answer: httpx.Response) -> list[Any]:
    """The documents of a stream of server-sent events; its last line as it is."""
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]
