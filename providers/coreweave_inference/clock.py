"""Time as an argument: what the rest of the package knows of clocks, so that its tests neither sleep nor patch.

And whether the run was asked to stop. No waiting loops, no deadlines, no imports of this package belong here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

RUN_DIRECTORY = "COREWEAVE_RUN_DIRECTORY"
"""Environment variable: a directory where progress is appended to `progress.jsonl` and a file `stop` ends waits."""
PROGRESS = "progress.jsonl"
"""File in that directory: lines for whoever watches the run."""
OWNER = "owner"
"""File in that directory: the id of the process whose run it is."""


def stop_requested() -> bool:
    """Whether the run that this process belongs to was asked to stop (Pulumi's host ignores Cancel), or was killed."""
    directory = os.environ.get(RUN_DIRECTORY)
    return directory is not None and (
        (Path(directory) / "stop").exists() or has_ended(Path(directory) / OWNER)
    )


def has_ended(owner: Path) -> bool:
    """Whether the process of a run has ended, by the file that holds its number; False where that is not known."""
    try:
        os.kill(int(owner.read_text(encoding="ascii")), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError):
        return False
    return False


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


class WaitingClock:
    """The clock of waits in a run that can be asked to stop: then a rest ends within half a second."""

    def __init__(self, clock: Clock, stopped: Callable[[], bool]) -> None:
        self._clock = clock
        self._stopped = stopped

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Seconds since an unknown moment."""
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Come back after `seconds`, or when the run is asked to stop."""
        if not os.environ.get(RUN_DIRECTORY):
            self._clock.sleep(seconds)
            return
        while seconds > 0 and not self._stopped():
            self._clock.sleep(min(seconds, 0.5))
            seconds -= 0.5
