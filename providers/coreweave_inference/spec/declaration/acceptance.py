"""The `accept` section: findings that somebody looked at and lives with.

What a finding is, and whether one of these is still needed, is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from .entries import model_faults, place_faults
from .origin import Report
from .result import Accepted
from .sections import AcceptedSection

ACCEPT = "accept"
EXAMPLE = "write - {code: the-code, object: the key, reason: why}"


def read_accepted(top: Mapping[str, Any], report: Report) -> tuple[Accepted, ...]:
    """What is accepted, in the file's order; entries that are wrong are reported and left out."""
    given = top.get(ACCEPT)
    if given is None:
        return ()
    if not isinstance(given, list):
        report.add((ACCEPT,), "is not a list", EXAMPLE)
        return ()
    found = (_accepted(place, entry, report) for place, entry in enumerate(given))
    return tuple(accepted for accepted in found if accepted)


def _accepted(place: int, entry: Any, report: Report) -> Accepted | None:
    location = (ACCEPT, place)
    if not isinstance(entry, Mapping):
        report.add(location, "is not a mapping of fields", EXAMPLE)
        return None
    faults = model_faults(AcceptedSection, entry)
    place_faults(faults, location, report)
    if faults:
        return None
    said = AcceptedSection.model_validate({name: value for name, value in entry.items() if value is not None})
    *kind, key = said.object.split(" ")
    until = date.fromisoformat(said.until) if said.until else None
    return Accepted(said.code, key, said.reason, report.origin(location), " ".join(kind) or None, until)
