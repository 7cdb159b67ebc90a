"""A hundred objects that become ready at any time: how long the wait is, and how often it looks."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from coreweave_inference.api.client import ApiObject
from coreweave_inference.model import Kind
from coreweave_inference.waiting import Ready, wait
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.waiting.hand_clock import HandClock
from tests.waiting.test_wait import named, on

POLL = 15.0
MOMENTS = st.lists(st.floats(0.0, 2700.0), min_size=1, max_size=100)


class Service:
    """Shows each object READY from its own moment on."""

    def __init__(self, moments: list[float], clock: HandClock) -> None:
        self._moments = moments
        self._clock = clock
        self._start = clock.time
        self.looks: list[float] = []

    def look(self, kind: Kind) -> Mapping[str, ApiObject]:
        now = self._clock.time - self._start
        self.looks.append(now)
        return {
            str(place): named(kind, str(place), "READY" if now >= moment else "CREATING")
            for place, moment in enumerate(self._moments)
        }


@settings(max_examples=30)
@given(MOMENTS)
@example([0.0])
@example([1.0] * 100)
@example([60.0, 600.0, 2700.0])
def test_a_wait_ends_within_one_look_of_the_last_one_and_looks_less_often_the_longer_it_lasts(
    moments: list[float],
) -> None:
    clock = HandClock()
    service = Service(moments, clock)
    targets = [on(Kind.DEPLOYMENT, str(place), 4000.0) for place in range(len(moments))]

    outcomes = wait(targets, service.look, clock, poll_seconds=POLL, settle_seconds=15.0)

    last, end = max(moments), service.looks[-1]
    assert {outcome.verdict for outcome in outcomes} == {Ready()}
    assert last <= end <= last + max(0.2, min(POLL, last / 10 + 0.01)) + 1e-6
    pauses = [later - earlier for earlier, later in zip(service.looks, service.looks[1:], strict=False)]
    assert pauses == sorted(pauses, key=lambda pause: round(pause, 6))
    assert len(service.looks) <= 12 + 45 + last / POLL


@pytest.mark.parametrize(("takes", "rest"), [(0.05, 0.2), (2.0, 2.0), (60.0, POLL)])
def test_a_look_that_takes_long_is_followed_by_as_long_a_rest_at_most_the_longest(
    takes: float, rest: float
) -> None:
    clock = HandClock()
    service = Service([takes + 0.01], clock)

    def slow(kind: Kind) -> Mapping[str, ApiObject]:
        found = service.look(kind)
        clock.time += takes
        return found

    wait([on(Kind.DEPLOYMENT, "0", 4000.0)], slow, clock, poll_seconds=POLL, settle_seconds=15.0)

    assert clock.slept[0] == pytest.approx(rest, abs=0.001)
