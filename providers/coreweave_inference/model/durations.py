"""Durations as people write them."""

from __future__ import annotations

import math
import re
from typing import Any

DURATION = re.compile(
    r"(?:(?P<hours>[0-9]{1,4})h)?(?:(?P<minutes>[0-9]{1,6})m)?(?:(?P<seconds>[0-9]{1,8})s)?\Z"
)


def seconds(value: Any) -> float | None:
    """Seconds of `45m`, `90s`, `1h30m` or a number; `None` if it is no duration above zero."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) and value > 0 else None
    match = DURATION.match(value) if isinstance(value, str) else None
    if not match:
        return None
    hours, minutes, rest = (int(part or 0) for part in match.groups())
    return float(hours * 3600 + minutes * 60 + rest) or None
