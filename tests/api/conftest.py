"""A clock moved by hand, and an API client whose server is a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from coreweave_inference.api.client import InferenceApi
from coreweave_inference.settings.secret import Secret

TOKEN = "CW-SECRET-abcdef"


class HandClock:
    """Stands still except for sleeps, which it notes."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def connect(clock: HandClock) -> Callable[..., InferenceApi]:
    """Make a client of a handler; pauses are at their shortest."""

    def made(handler: Callable[[httpx.Request], httpx.Response], **options: Any) -> InferenceApi:
        return InferenceApi(
            "https://api.example",
            Secret(TOKEN),
            token_source="CW_API_TOKEN",
            transport=httpx.MockTransport(handler),
            clock=clock,
            **{"draw": lambda: 0.0, **options},
        )

    return made
