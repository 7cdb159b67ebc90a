"""When a request is repeated, and after how long: one pure function over what happened.

No requests, no clock, no randomness of its own belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

PASSING_STATUSES = frozenset({500, 502, 503, 504, 520, 521, 522, 523, 524})
"""Answers of a service or proxy in passing trouble. 501 is not among them: it never becomes true."""

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0


@dataclass(frozen=True)
class Outcome:
    """How one attempt ended.

    `status` 0: no answer, or one of status 200 that cannot be read. `final`: the answer itself says that a repeat
    changes nothing (a quota, a request that cannot be parsed, a certificate that does not hold).
    """

    status: int = 0
    retry_after: float | None = None
    final: bool = False

    @property
    def unclear(self) -> bool:
        """Whether the service may have done what was asked for: no answer, or one of trouble on its side."""
        return not self.final and (self.status == 0 or self.status >= 500)


def retry_delay(
    method: str,
    attempt: int,
    outcome: Outcome,
    *,
    repeatable: bool,
    elapsed: float,
    budget: float,
    draw: float,
) -> float | None:
    """Seconds until attempt `attempt + 1`; None when there must be none.

    Repeated are lost answers, 429 and passing 5xx unless they are `final`; never a 501. GET, PATCH (always the complete spec) and DELETE may be repeated as
    they are; a POST only when `repeatable`: a second one then cannot make a second object.

    The pause doubles from half a second to ten, between half and all of it by `draw` in [0, 1); a longer
    `Retry-After` wins. A pause that would end after `budget` seconds in all is not begun.
    """
    if not _may_pass(outcome) or (method == "POST" and not repeatable):
        return None
    full = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt - 1, 10))
    delay = max(full * (0.5 + draw / 2), outcome.retry_after or 0.0)
    return delay if elapsed + delay <= budget else None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds of a `Retry-After` header, a number or an HTTP date; None where there is none that can be read."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def _may_pass(outcome: Outcome) -> bool:
    if outcome.final:
        return False
    return outcome.status == 0 or outcome.status == 429 or outcome.status in PASSING_STATUSES
