"""The machine's own clock."""

from __future__ import annotations

import time

from coreweave_inference.clock import system


def test_the_system_clock_has_the_machines_time():
    before = time.time(), time.monotonic()

    read = system.now(), system.monotonic()

    assert before[0] <= read[0] <= time.time()
    assert before[1] <= read[1] <= time.monotonic()


def test_a_sleep_of_a_time_that_is_over_comes_back_at_once():
    before = time.monotonic()

    system.sleep(-5)

    assert time.monotonic() - before < 1
