"""How the objects of a stack or an account are: live objects and the recorded ones in, a report as data out. Pure.

Nothing here asks the service, reads a state or prints.
"""

from __future__ import annotations

from .computed import Computed, State, compute
from .recorded import Recorded, RecordedBucket
from .report import ClaimUse, ObjectStatus, Report, TrafficShare, report_on

__all__ = [
    "ClaimUse",
    "Computed",
    "ObjectStatus",
    "Recorded",
    "RecordedBucket",
    "Report",
    "State",
    "TrafficShare",
    "compute",
    "report_on",
]
