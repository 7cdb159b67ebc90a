"""Shares of the requests of a traffic group, and how they are written.

A share is a weight over the sum of the group's weights (documentation). Two things are not documented: whether a disabled
member keeps its part of the sum, and who answers where the only enabled member has weight 0. A share then has two values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Share:
    """A part of the requests, 0 to 1: `least` and `most` differ where the documentation leaves it open."""

    least: Fraction
    most: Fraction

    @property
    def certain(self) -> bool:
        """Whether the documentation says how much it is."""
        return self.least == self.most

    def __str__(self) -> str:
        return " or ".join(dict.fromkeys((percent(self.least), percent(self.most))))


NO_SHARE = Share(Fraction(0), Fraction(0))
NONE_OR_ALL = Share(Fraction(0), Fraction(1))
"""An enabled member with weight 0 and no other one: the documentation says both "stops traffic" and "normalised"."""


def shares_of(members: Sequence[tuple[int | None, bool | None]]) -> tuple[Share, ...] | None:
    """The share of each member of a group, given as its weight and whether it is disabled.

    `None` where a weight, or whether a member is disabled, is not known.
    """
    known = [
        (weight, disabled) for weight, disabled in members if weight is not None and disabled is not None
    ]
    if len(known) < len(members):
        return None
    enabled = [weight for weight, disabled in known if not disabled]
    least, most = sum(weight for weight, _ in known), sum(enabled)
    if not most:
        alone = NONE_OR_ALL if len(enabled) == 1 else NO_SHARE
        return tuple(NO_SHARE if disabled else alone for _, disabled in known)
    return tuple(
        NO_SHARE if disabled else Share(Fraction(weight, least), Fraction(weight, most))
        for weight, disabled in known
    )


def percent(part: Fraction) -> str:
    """`33.3 %`; more than nothing is never `0 %`, less than all never `100 %`."""
    tenths = round(part * 1000)
    if part and not tenths:
        return "< 0.1 %"
    if part < 1 and tenths == 1000:
        return "> 99.9 %"
    whole, tenth = divmod(tenths, 10)
    return f"{whole}.{tenth} %" if tenth else f"{whole} %"
