"""What can be known before anything runs: rules over the whole declaration, and what is known of the account.

Pure. Nothing here may talk to a network, know Pulumi, read the clock or the environment; whoever runs the checks
gathers the facts and hands them over as a `View`.
"""

from __future__ import annotations

from .building import Known, PlainObject, view_of, view_of_specs
from .facts import BucketFacts, Folder
from .finding import Finding, Severity
from .loading import WeightsFile, index_among
from .memory import headers_decide, question_of
from .objects import LastObject, LiveObject
from .ownership import Identity
from .registry import RULES
from .report import Report, run
from .view import View
from .weights_access import UNREADABLE_CODES

__all__ = [
    "RULES",
    "UNREADABLE_CODES",
    "BucketFacts",
    "Finding",
    "Folder",
    "Identity",
    "Known",
    "LastObject",
    "LiveObject",
    "PlainObject",
    "Report",
    "Severity",
    "View",
    "WeightsFile",
    "headers_decide",
    "index_among",
    "question_of",
    "run",
    "view_of",
    "view_of_specs",
]
