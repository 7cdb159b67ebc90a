"""Dates in whole seconds tell the service's clock the more exactly the more of them there are."""

from __future__ import annotations

from email.utils import formatdate
from math import floor

import pytest
from coreweave_inference.api.service_clock import SLACK_SECONDS, DatedAnswer, ServiceClock, latest_at
from hypothesis import given
from hypothesis import strategies as st

AHEAD = 1_800_000_000.0
"""Of the service's clock before the monotonic one."""
PAUSES = st.lists(st.floats(0.0, 3.0), min_size=1, max_size=20)
WAYS = st.floats(0.0, 0.5)


def answers(
    moments: list[float], way: float = 0.0, ahead: float = AHEAD, speed: float = 1.0
) -> list[DatedAnswer]:
    """To requests sent at these monotonic moments, each of which takes `way` there and `way` back."""
    return [DatedAnswer(floor(ahead + (sent + way) * speed), sent, sent + 2 * way) for sent in moments]


@given(PAUSES, WAYS, st.floats(0.0, 1.0), st.floats(0.0, 2.0))
def test_the_clock_never_showed_more_than_that_at_the_moment(
    pauses: list[float], way: float, fraction: float, moment: float
) -> None:
    ahead, sent = AHEAD + fraction, [moment + sum(pauses[: place + 1]) for place in range(len(pauses))]

    latest = latest_at(moment, answers(sent, way, ahead))

    assert latest is not None
    assert ahead + moment <= latest <= ahead + moment + 1.0 + way + SLACK_SECONDS + 1e-6


@given(st.floats(0.0, 1.0))
def test_five_answers_within_a_second_tell_it_to_a_fifth_of_one(fraction: float) -> None:
    ahead = AHEAD + fraction

    latest = latest_at(0.0, answers([0.2, 0.4, 0.6, 0.8, 1.0], ahead=ahead))

    assert latest is not None
    assert latest - ahead <= 0.2 + SLACK_SECONDS + 1e-6


def test_what_was_sent_before_the_moment_tells_nothing_of_it() -> None:
    assert latest_at(5.0, []) is None
    assert latest_at(5.0, answers([1.0, 4.9])) is None
    assert latest_at(5.0, answers([1.0, 5.0])) == AHEAD + 6.0 + SLACK_SECONDS


@pytest.mark.parametrize("behind", [1.5, 60.0])
def test_answers_of_several_clocks_tell_nothing(behind: float) -> None:
    one, other = answers([0.1, 0.5, 0.9]), answers([0.2, 0.6], ahead=AHEAD - behind)

    assert latest_at(0.0, one) is not None
    assert latest_at(0.0, [*one, *other]) is None


def test_a_clock_of_another_speed_tells_nothing() -> None:
    assert latest_at(0.0, answers([0.1, 1.0, 2.0, 3.0], speed=10.0)) is None


def test_a_service_without_dates_or_with_strange_ones_tells_no_time() -> None:
    clock = ServiceClock()
    for date in ("", "yesterday", "Thu, 01 Jan 1970"):
        clock.note(date, 1.0, 2.0)

    assert (clock.now(3.0), clock.latest_at(0.0)) == (None, None)

    clock.note(formatdate(AHEAD, usegmt=True), 1.0, 2.0)

    assert (clock.now(3.0), clock.latest_at(0.5)) == (AHEAD + 1.0, AHEAD + 0.5 + SLACK_SECONDS)
