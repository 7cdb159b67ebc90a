"""Simulators on loopback ports for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulator.inference_fixtures import Api, emptied, gateway, put_weights, simulated
from tests.simulator.storage_fixtures import StorageWorld, storage_world


@pytest.fixture(scope="session")
def _running() -> Iterator[Api]:
    with simulated() as api:
        put_weights(api.simulator)
        yield api


@pytest.fixture
def api(_running: Api) -> Api:
    """A simulator without objects, requests and faults; the clock is stepped by hand, the default weights are there."""
    emptied(_running.simulator)
    return _running


@pytest.fixture(scope="module")
def shared_api() -> Iterator[Api]:
    """One simulator for all tests of a file, with one READY gateway; for requests that change nothing."""
    with simulated() as api:
        api.create("gateways", gateway())
        api.simulator.clock.advance(10)
        yield api


@pytest.fixture
def world() -> Iterator[StorageWorld]:
    """An object storage without buckets, and what a client needs for it."""
    with storage_world() as running:
        yield running
