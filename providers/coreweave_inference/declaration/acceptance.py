"""The `accept` section: findings that somebody read and lives with.

What a finding is, and whether one of these is still needed, is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from coreweave_inference.model.fields import InSchema, SomeText, Text, refuse, shortened
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.message import FieldMeta, Message

from .entries import model_faults, place_faults
from .origin import Report
from .result import Accepted

ACCEPT = "accept"
NOT_EMPTY = r"\S"
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
ACCEPTED_KINDS = (*(kind.noun for kind in Kind), "bucket")
EXAMPLE = "write - {code: the-code, object: the key, reason: why}"


def _not_empty(text: str) -> str:
    if not text.strip():
        raise refuse("is empty", "say why it is accepted")
    return text.strip()


def _accepted_object(text: str) -> str:
    *kind, key = text.split() or [""]
    if not key:
        raise refuse("is empty", "give the key of the object, or kind and key")
    if kind and " ".join(kind) not in ACCEPTED_KINDS:
        raise refuse(
            f'"{shortened(" ".join(kind))}" is not a kind of object',
            f"write one of {', '.join(ACCEPTED_KINDS)}, and the key",
        )
    return " ".join((*kind, key))


def _day(value: str) -> str:
    try:
        if re.match(DATE, value):
            date.fromisoformat(value)
            return value
    except ValueError:
        pass
    raise refuse(f'"{shortened(value)}" is not a date', "write it as in 2027-01-31")


class AcceptedSection(Message):
    """A finding that is known and lived with."""

    code: Annotated[
        SomeText,
        Field(description="The finding's code."),
        FieldMeta(do="give the code that `cw-inference check` shows"),
    ]
    object: Annotated[
        Annotated[Text, AfterValidator(_accepted_object), InSchema({"pattern": NOT_EMPTY})],
        Field(description="What the finding is about: a key, or kind and key as in `deployment chat`."),
        FieldMeta(do="give the key of the object, or kind and key"),
    ]
    reason: Annotated[
        Annotated[Text, AfterValidator(_not_empty), InSchema({"pattern": NOT_EMPTY})],
        Field(description="Why it is accepted, for whoever reads it later."),
        FieldMeta(do="say why it is accepted"),
    ]
    until: Annotated[
        Annotated[Text, AfterValidator(_day), InSchema({"pattern": DATE})] | None,
        Field(description="The last day it is accepted, as in 2027-01-31; left out: for good."),
        FieldMeta(),
    ] = None


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
    section = AcceptedSection.model_validate(
        {name: value for name, value in entry.items() if value is not None}
    )
    *kind, key = section.object.split(" ")
    until = date.fromisoformat(section.until) if section.until else None
    return Accepted(section.code, key, section.reason, report.origin(location), " ".join(kind) or None, until)
