"""How time grows with the number of deployments: a fixed part, a part for each, and one for each pair. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

POWERS = (0, 1, 2)


@dataclass(frozen=True)
class Growth:
    """Seconds are `fixed + each * n + pairs * n ** 2`; no part is negative. `error` is the largest relative one of the fit."""

    fixed: float
    each: float
    pairs: float
    error: float

    def seconds(self, count: int) -> float:
        """What it says for so many."""
        return self.fixed + self.each * count + self.pairs * count**2

    def share_of_pairs(self, count: int) -> float:
        """How much of the time of so many grows with the square."""
        return self.pairs * count**2 / self.seconds(count)


def growth_of(seconds: Mapping[int, float]) -> Growth | None:
    """The fit with the smallest squares of relative errors; None where fewer than three counts are known."""
    if len(seconds) < len(POWERS):
        return None
    fits = [
        _fit(seconds, powers) for size in (3, 2, 1) for powers in combinations(POWERS, size)
    ]  # No part may be negative, so the best one without some of the parts counts.
    return min((fit for fit in fits if fit is not None), key=lambda fit: fit[0], default=(0.0, None))[1]


def _fit(seconds: Mapping[int, float], powers: Sequence[int]) -> tuple[float, Growth] | None:
    rows = [[count**power / time for power in powers] for count, time in seconds.items()]
    matrix = [[sum(row[a] * row[b] for row in rows) for b in range(len(powers))] for a in range(len(powers))]
    parts = _solved(matrix, [sum(row[a] for row in rows) for a in range(len(powers))])
    if parts is None or min(parts) < 0:
        return None
    values = dict(zip(powers, parts, strict=True))
    misses = [sum(cell * part for cell, part in zip(row, parts, strict=True)) - 1 for row in rows]
    fixed, each, pairs = (values.get(power, 0.0) for power in POWERS)
    return sum(miss**2 for miss in misses), Growth(fixed, each, pairs, max(map(abs, misses)))


def _solved(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float] | None:
    """Gauss with pivots; None for a matrix without an inverse."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for at in range(len(rows)):
        pivot = max(range(at, len(rows)), key=lambda place: abs(rows[place][at]))
        rows[at], rows[pivot] = rows[pivot], rows[at]
        if rows[at][at] == 0:
            return None
        rows[at] = [value / rows[at][at] for value in rows[at]]
        for other in range(len(rows)):
            if other != at:
                factor = rows[other][at]
                rows[other] = [a - factor * b for a, b in zip(rows[other], rows[at], strict=True)]
    return [row[-1] for row in rows]
