"""The simulated time: it can run faster than the real one, stop, or be stepped by hand.

Nothing that waits, sleeps or starts a thread belongs here; whoever asks for the time gets a number.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from math import isinf

NANOSECONDS = 1_000_000_000


class Clock:
    """Simulated epoch seconds, `speed` times as fast as `monotonic`; a speed of 0 stops it until `advance`."""

    def __init__(
        self,
        speed: float = 1.0,
        start: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._anchor_simulated = time.time() if start is None else start
        self._anchor_real = monotonic()
        self._speed = _checked_speed(speed)

    def now(self) -> float:
        """The simulated time in seconds since 1970-01-01T00:00:00Z."""
        return moment(self._anchor_simulated + (self._monotonic() - self._anchor_real) * self._speed)

    def advance(self, seconds: float) -> None:
        """Step the simulated time forward; raises ValueError for a negative step, since time never runs back."""
        if seconds < 0:
            raise ValueError(f"cannot advance the clock by {seconds} s: time never runs back")
        self._anchor_simulated = moment(self._anchor_simulated + seconds)

    @property
    def speed(self) -> float:
        """Simulated seconds per real second."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        now = self.now()
        self._speed = _checked_speed(speed)
        self._anchor_simulated, self._anchor_real = now, self._monotonic()


def _checked_speed(speed: float) -> float:
    if not 0 <= speed < float("inf"):
        raise ValueError(
            f"speed is {speed}, but time never runs back and never jumps: give 0 (stopped) or a finite number above"
        )
    return speed


def moment(seconds: float) -> float:
    """Epoch seconds on a grid of microseconds: moments that are meant to be equal compare as equal."""
    return seconds if isinf(seconds) else round(seconds, 6)


def timestamp(seconds: float) -> str:
    """The proto JSON form of a time: UTC with none, three, six or nine decimals and `Z`."""
    whole, nanoseconds = divmod(round(seconds * NANOSECONDS), NANOSECONDS)
    text = datetime.fromtimestamp(whole, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}{_fraction(nanoseconds)}Z"


def _fraction(nanoseconds: int) -> str:
    if nanoseconds == 0:
        return ""
    digits = f"{nanoseconds:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f".{digits}"


def parse_timestamp(text: str) -> float:
    """Seconds of an RFC 3339 text such as `2026-11-21T20:47:14.995953457Z`; raises ValueError for any other text."""
    head, _, fraction = text.removesuffix("Z").partition(".")
    try:
        if not text.endswith("Z") or (fraction and not fraction.isdigit()):
            raise ValueError("no Z at the end, or decimals that are no digits")
        whole = datetime.strptime(head, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise ValueError(f"invalid google.protobuf.Timestamp value {text!r}") from error
    return whole.timestamp() + (float(f"0.{fraction}") if fraction else 0.0)
