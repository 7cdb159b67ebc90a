"""A clock that moves only when somebody sleeps on it, and notes for how long."""

from __future__ import annotations

from collections.abc import Callable


class HandClock:
    """`then` runs after each sleep: where a story changes the world as time passes."""

    def __init__(self, start: float = 1_800_000_000.0, then: Callable[[float], None] | None = None) -> None:
        self.time = start
        self.slept: list[float] = []
        self._then = then

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time - 1_000_000_000.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.time += seconds
        if self._then is not None:
            self._then(self.time)
