"""The service's clock, by the `Date` of its answers: each in whole seconds, and many of them more exactly."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

STEP_SECONDS = 1.0
"""A `Date` has whole seconds: the service's clock shows less than this more."""
SLACK_SECONDS = 0.05
"""For two clocks that do not run equally fast."""
REMEMBERED = 256


@dataclass(frozen=True)
class DatedAnswer:
    """The `Date` of one answer, and the monotonic moments when its request was sent and when it was received."""

    date: float
    sent: float
    received: float


def latest_at(moment: float, answers: Iterable[DatedAnswer]) -> float | None:
    """The latest that the service's clock can have shown at a monotonic `moment`, by the answers to what was sent after it.

    None where there is no such answer, and where they contradict each other: then they come from several clocks, or from
    one that runs at another speed.
    """
    later = [one for one in answers if one.sent >= moment]
    if not later:
        return None
    latest = min(one.date + STEP_SECONDS - (one.sent - moment) for one in later)
    earliest = max(one.date - (one.received - moment) for one in later)
    return latest + SLACK_SECONDS if earliest <= latest else None


class ServiceClock:
    """What the answers to one client show. Safe to share between threads."""

    def __init__(self) -> None:
        self._answers: deque[DatedAnswer] = deque(maxlen=REMEMBERED)
        self._lock = threading.Lock()

    def note(self, date: str, sent: float, received: float) -> None:
        """An answer had this `Date`; what is no date shows nothing."""
        try:
            moment = parsedate_to_datetime(date).timestamp()
        except (ValueError, TypeError, OverflowError):
            return
        with self._lock:
            self._answers.append(DatedAnswer(moment, sent, received))

    def now(self, moment: float) -> float | None:
        """Epoch seconds at a monotonic `moment` after the newest answer, at most a second and the way of that too early."""
        with self._lock:
            newest = self._answers[-1] if self._answers else None
        return None if newest is None else newest.date + moment - newest.received

    def latest_at(self, moment: float) -> float | None:
        """As the function of that name, by the newest answers."""
        with self._lock:
            answers = tuple(self._answers)
        return latest_at(moment, answers)
