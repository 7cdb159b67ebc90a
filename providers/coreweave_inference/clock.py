"""Time as an argument: what the rest of the package knows of clocks, so that its tests neither sleep nor patch.

Nothing else belongs here: no waiting loops, no deadlines, no imports of this package.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where a function takes the time from."""

    def now(self) -> float:
        """Seconds since the epoch; may jump when the machine's clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds since an unknown moment; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Come back after `seconds`."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since an unknown moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Come back after `seconds`; at once when there is nothing to wait for."""
        time.sleep(max(0.0, seconds))


system: Clock = SystemClock()
"""The clock of a run that is not a test."""
