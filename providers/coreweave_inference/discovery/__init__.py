"""Gathers what the checks may know: asks the service and the buckets once for each thing, and reads the last state.

The thin edge around `checks`: it judges nothing, and whatever cannot be read becomes a note and is not known.
"""

from __future__ import annotations

from .gathering import Recent, Sources, checks_for, checks_for_objects, view_for
from .last_state import last_objects, recorded_buckets, recorded_objects
from .other_stacks import with_ids

__all__ = [
    "Recent",
    "Sources",
    "checks_for",
    "checks_for_objects",
    "last_objects",
    "recorded_buckets",
    "recorded_objects",
    "view_for",
    "with_ids",
]
