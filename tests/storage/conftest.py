"""Object storage of a simulator on a loopback port, and a clock whose sleeps move simulated time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from coreweave_inference.api.client import InferenceApi
from coreweave_inference.settings.secret import Secret
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.clock import Clock as SimulatedClock
from coreweave_inference.storage.client import ObjectStorage
from coreweave_inference.storage.credentials import minted

ZONE = "US-EAST-04A"


class SimulatedTime:
    """The product's view of a simulator's time: sleeping moves it on."""

    def __init__(self, simulator: Simulator) -> None:
        self._clock = simulator.clock
        self.slept: list[float] = []

    def now(self) -> float:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._clock.advance(seconds)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(clock=SimulatedClock(speed=0)) as running:
        yield running


@pytest.fixture
def clock(simulator: Simulator) -> SimulatedTime:
    return SimulatedTime(simulator)


@pytest.fixture
def connect(simulator: Simulator, clock: SimulatedTime) -> Iterator[Callable[..., ObjectStorage]]:
    """Make object storage whose keys are minted with a token."""
    apis = []

    def made(token: str = simulator.token, zone: str = ZONE) -> ObjectStorage:
        api = InferenceApi(simulator.url, Secret(token), clock=clock)
        apis.append(api)
        return ObjectStorage(simulator.url, minted(api, clock), zone, clock=clock)

    yield made
    for api in apis:
        api.close()


@pytest.fixture
def storage(connect: Callable[..., ObjectStorage]) -> ObjectStorage:
    return connect()
