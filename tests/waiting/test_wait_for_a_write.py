"""The loop that looks again, after a change: until the write shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from coreweave_inference.api.client import Condition
from coreweave_inference.model import Kind
from coreweave_inference.waiting import Outcome, Ready, Revision, Waiting

from tests.waiting.hand_clock import HandClock
from tests.waiting.lives import BEFORE, live, target
from tests.waiting.test_wait import Service, listed, waited


def test_a_stale_ready_is_looked_through_until_the_write_shows() -> None:
    stale = live(Kind.DEPLOYMENT, "READY", id="chat", updated_at=BEFORE)
    moving = live(Kind.DEPLOYMENT, "UPDATING", id="chat", updated_at=BEFORE)
    done = live(Kind.DEPLOYMENT, "READY", id="chat")
    seen: list[type] = []
    tell: Callable[[Sequence[Outcome]], None] = lambda outcomes: seen.append(type(outcomes[0].verdict))  # noqa: E731

    waited(
        [target(Kind.DEPLOYMENT, id="chat", written_at=HandClock().monotonic())],
        Service(deployment=[listed(stale), listed(stale), listed(moving), listed(done)]),
        HandClock(),
        report=tell,
    )

    assert seen == [Waiting, Waiting, Waiting, Ready]


def test_what_becomes_known_of_the_moment_of_a_write_counts_at_the_next_look() -> None:
    clock = HandClock()
    served = live(
        Kind.DEPLOYMENT,
        "READY",
        Condition("Ready", True, last_update_time="2027-01-15T08:00:00.5Z"),
        id="chat",
    )
    known = iter([1_800_000_001.0, 1_800_000_000.6, 1_800_000_000.4])

    (outcome,) = waited(
        [
            target(
                Kind.DEPLOYMENT,
                id="chat",
                revision=Revision("f00", 0.0, "earlier"),
                written_at=clock.monotonic(),
            )
        ],
        Service(deployment=[listed(served)]),
        clock,
        refine=lambda of: replace(of, service_time=next(known)),
    )

    assert outcome.verdict == Ready()
    assert clock.slept == [0.2, 0.2]


def test_what_shows_no_write_is_looked_at_when_the_settle_time_ends() -> None:
    clock = HandClock()
    unmoved = live(Kind.DEPLOYMENT, "READY", id="chat", updated_at=BEFORE)

    (outcome,) = waited(
        [target(Kind.DEPLOYMENT, id="chat", written_at=clock.monotonic() - 1.0)],
        Service(deployment=[listed(unmoved)]),
        clock,
    )

    assert outcome.verdict == Ready()
    assert sum(clock.slept) == pytest.approx(14.0)
