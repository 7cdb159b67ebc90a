"""The simulated service for provider processes; its time runs twenty times as fast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from coreweave_inference.simulator import Behaviour, Simulator
from coreweave_inference.simulator.clock import Clock

from tests.provider_process.client import Host
from tests.simulator.inference_fixtures import emptied, environment_of, put_weights

Start = Callable[..., Host]


@pytest.fixture(scope="session")
def _simulator() -> Iterator[Simulator]:
    with Simulator(Behaviour(), clock=Clock(speed=20)) as simulator:
        put_weights(simulator)
        yield simulator


@pytest.fixture
def simulator(_simulator: Simulator) -> Simulator:
    """The service without objects, requests and faults; the default weights are there."""
    return emptied(_simulator)


@pytest.fixture
def start(simulator: Simulator) -> Iterator[Start]:
    """Starts a provider process against the service; keywords are further environment variables."""
    with ExitStack() as hosts:

        def started(config: dict[str, str] | None = None, **environ: str) -> Host:
            return hosts.enter_context(Host({**usual_environment(simulator), **environ}, config))

        yield started


@pytest.fixture(scope="module")
def shared_host(_simulator: Simulator) -> Iterator[Host]:
    """One process for the tests of a file that do not mind what it remembers."""
    with Host(usual_environment(_simulator)) as host:
        yield host


def usual_environment(simulator: Simulator) -> dict[str, str]:
    return environment_of(
        simulator,
        COREWEAVE_POLL_SECONDS="0.2",
        COREWEAVE_SETTLE_SECONDS="0.5",
        COREWEAVE_RETRY_SECONDS="2",
    )
