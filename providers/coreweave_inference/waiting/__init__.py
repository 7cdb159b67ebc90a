"""Judging whether an object serves what was written, and the one loop that looks again.

`judge` is pure: an object and what was seen of it before go in, a verdict comes out. `wait` owns time: it
looks at everything it waits for at once, so N objects take as long as the slowest one. Neither writes to
the service, prints, or knows Pulumi; looking, the clock and the reporting are arguments.
"""

from __future__ import annotations

from .health import broken
from .judging import (
    ON_THE_WAY,
    describe_unmet_conditions,
    failure,
    judge,
    pending_counts,
    reduction_pending,
    unlike,
    wrong_fields,
)
from .observations import (
    LASTING_LOOKS,
    Condition,
    Failed,
    History,
    Live,
    Outcome,
    Ready,
    Revision,
    Streak,
    Target,
    Verdict,
    Waiting,
    newest_condition,
)
from .watching import pauses, wait

__all__ = [
    "LASTING_LOOKS",
    "ON_THE_WAY",
    "Condition",
    "Failed",
    "History",
    "Live",
    "Outcome",
    "Ready",
    "Revision",
    "Streak",
    "Target",
    "Verdict",
    "Waiting",
    "broken",
    "describe_unmet_conditions",
    "failure",
    "judge",
    "newest_condition",
    "pauses",
    "pending_counts",
    "reduction_pending",
    "unlike",
    "wait",
    "wrong_fields",
]
