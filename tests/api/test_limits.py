"""A request has a time and an answer a size; a run that was asked to stop waits for neither."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from coreweave_inference.api.client import InferenceApi
from coreweave_inference.errors import NotFound, Unreachable
from coreweave_inference.model import Kind
from coreweave_inference.settings.secret import Secret
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.faults import Fault

ID = "11111111-1111-4111-8111-111111111111"


@pytest.fixture(scope="module")
def service() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(service: Simulator) -> Iterator[Simulator]:
    yield service
    service.faults.clear()


def api(simulator: Simulator, **options: Any) -> InferenceApi:
    return InferenceApi(simulator.url, Secret(simulator.token), **{"retry_seconds": 0.0, **options})


def test_an_answer_that_trickles_ends_with_the_time_of_the_request(simulator: Simulator) -> None:
    simulator.faults.add(Fault("trickle", "GET", "/parameters$", seconds=0.3, count=None))
    started = time.monotonic()

    with (
        api(simulator, timeout_seconds=1.0) as client,
        pytest.raises(Unreachable, match="no whole answer within 1 s"),
    ):
        client.parameters(Kind.GATEWAY)

    assert time.monotonic() - started < 4.0


def test_an_answer_that_swells_when_it_is_unpacked_is_refused_once(simulator: Simulator) -> None:
    simulator.faults.add(Fault("swell", "GET", "/gateways$", megabytes=100, count=None))
    simulator.journal.clear()

    with api(simulator, retry_seconds=60.0) as client, pytest.raises(Unreachable, match="larger than 64 MiB"):
        client.list(Kind.GATEWAY)

    assert len(simulator.journal.entries("GET", "/gateways$")) == 1


@pytest.mark.parametrize("size", [1, 60])
def test_an_answer_within_the_size_is_unpacked_as_a_whole(simulator: Simulator, size: int) -> None:
    simulator.faults.add(Fault("swell", "GET", "/gateways$", megabytes=size, count=1))

    with api(simulator) as client, pytest.raises(Unreachable, match="not JSON"):
        client.list(Kind.GATEWAY)


def test_a_stopped_run_gives_a_hanging_read_up_at_once_and_sends_neither_a_repeat_nor_another_read(
    simulator: Simulator,
) -> None:
    simulator.faults.add(Fault("delay", "GET", "/gateways$", seconds=20.0, count=None))
    simulator.journal.clear()
    started = time.monotonic()

    with api(simulator, retry_seconds=60.0, stopped=lambda: True) as client:
        for _ in range(5):  # As many resources of a run look one after the other.
            with pytest.raises(Unreachable) as caught:
                client.list(Kind.GATEWAY)
        with pytest.raises(NotFound):
            client.delete(Kind.GATEWAY, ID)

    assert time.monotonic() - started < 2.0 + 1.0
    assert "not known" not in str(caught.value)
    assert len(simulator.journal.entries("GET", "/gateways$")) == 1


def test_a_stopped_run_says_that_what_became_of_a_write_is_not_known(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coreweave_inference.network.limits.GRACE_OF_A_WRITE", 0.3)
    simulator.faults.add(Fault("delay", "DELETE", "/gateways/", seconds=20.0, count=None))

    with (
        api(simulator, stopped=lambda: True) as client,
        pytest.raises(Unreachable, match="did it is not known"),
    ):
        client.delete(Kind.GATEWAY, ID)


def test_a_stopped_run_does_not_repeat_what_was_refused_in_passing(simulator: Simulator) -> None:
    simulator.faults.add(Fault("status", "GET", "/gateways$", count=None))
    simulator.journal.clear()

    with (
        api(simulator, retry_seconds=60.0, stopped=lambda: True) as client,
        pytest.raises(Exception, match="503"),
    ):
        client.list(Kind.GATEWAY)

    assert len(simulator.journal.entries("GET", "/gateways$")) == 1


def test_the_services_own_time_is_read_from_its_answers(simulator: Simulator) -> None:
    with api(simulator) as client:
        before = client.service_time()
        client.list(Kind.GATEWAY)
        after = client.service_time()

    assert before is None
    assert after is not None
    assert abs(after - simulator.clock.now()) < 5.0
