"""One simulator for all tests of this folder, empty at the start of each; its clock is stepped by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from coreweave_inference.simulator import Behaviour, Simulator
from coreweave_inference.simulator.clock import Clock

from tests.resources.service import Run, run_against
from tests.simulator.inference_fixtures import emptied, put_weights


@pytest.fixture(scope="session")
def _simulator() -> Iterator[Simulator]:
    with Simulator(Behaviour(), clock=Clock(speed=0, start=1_800_000_000.0)) as simulator:
        put_weights(simulator)
        yield simulator


@pytest.fixture
def simulator(_simulator: Simulator) -> Simulator:
    """The service without objects, requests and faults; the default weights are there and readable."""
    return emptied(_simulator)


@pytest.fixture
def run(simulator: Simulator) -> Iterator[Run]:
    """A run against it."""
    with run_against(simulator) as run:
        yield run
