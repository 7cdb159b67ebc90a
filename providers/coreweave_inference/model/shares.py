"""Shares of the requests of a traffic group, and how they are written: for checks and review alike."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def shares_of(weights: Sequence[int]) -> tuple[Fraction, ...] | None:
    """Each weight over the sum of all (documentation); `None` where they sum to 0."""
    total = sum(weights)
    return tuple(Fraction(weight, total) for weight in weights) if total > 0 else None


def percent(part: Fraction) -> str:
    """`33.3 %`; more than nothing is never `0 %`, less than all never `100 %`."""
    tenths = round(part * 1000)
    if part and not tenths:
        return "< 0.1 %"
    if part < 1 and tenths == 1000:
        return "> 99.9 %"
    whole, tenth = divmod(tenths, 10)
    return f"{whole}.{tenth} %" if tenth else f"{whole} %"
