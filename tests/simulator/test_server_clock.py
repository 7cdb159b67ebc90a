"""The simulated time and its JSON form."""

from __future__ import annotations

import pytest
from coreweave_inference.simulator.clock import Clock, parse_timestamp, timestamp


class RealTime:
    """A real time that a test moves."""

    def __init__(self) -> None:
        self.seconds = 5.0

    def __call__(self) -> float:
        return self.seconds


def test_simulated_time_runs_by_its_speed() -> None:
    real = RealTime()
    clock = Clock(speed=60, start=1000, monotonic=real)

    real.seconds += 2

    assert clock.now() == 1120


def test_a_step_comes_on_top_of_what_has_passed() -> None:
    real = RealTime()
    clock = Clock(start=1000, monotonic=real)
    real.seconds += 1

    clock.advance(10)

    assert clock.now() == 1011


def test_a_new_speed_counts_from_now_on() -> None:
    real = RealTime()
    clock = Clock(start=1000, monotonic=real)
    real.seconds += 1
    clock.speed = 10
    real.seconds += 1

    assert (clock.now(), clock.speed) == (1011, 10)


def test_time_never_runs_back() -> None:
    clock = Clock()

    with pytest.raises(ValueError, match="never runs back"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="never runs back"):
        clock.speed = -1
    with pytest.raises(ValueError, match="never runs back"):
        Clock(speed=-1)


def test_small_steps_add_up_to_the_whole() -> None:
    clock = Clock(speed=0, start=1_800_000_000.0)

    for _ in range(10):
        clock.advance(0.1)

    assert clock.now() == 1_800_000_001.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1_800_000_000, "2027-01-15T08:00:00Z"),
        (1_800_000_000.5, "2027-01-15T08:00:00.500Z"),
        (1_800_000_000.000_015_258_789, "2027-01-15T08:00:00.000015360Z"),
    ],
)
def test_a_timestamp_has_no_more_decimals_than_it_needs_in_threes(seconds: float, text: str) -> None:
    assert timestamp(seconds) == text
    assert parse_timestamp(text) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize("text", ["", "yesterday", "2027-01-15T08:00:00", "2027-01-15T08:00:00.5xZ"])
def test_a_text_in_another_form_is_no_timestamp(text: str) -> None:
    with pytest.raises(ValueError, match="invalid google"):
        parse_timestamp(text)
