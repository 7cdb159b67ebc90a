"""Changing a live object: one look, one complete PATCH, one comparison with what came back (see "A PATCH is the whole spec" in docs/architecture.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from coreweave_inference.api.client import ApiObject
from coreweave_inference.errors import ChangedOutside, Failed
from coreweave_inference.model import Kind
from coreweave_inference.model.normal_form import (
    Difference,
    complete,
    differences,
    patch_body,
    unknown_fields,
    with_unknown_fields,
)
from coreweave_inference.waiting import Revision

from .session import Session

Form = Callable[[ApiObject], dict[str, Any]]
"""A live object as normal form, seen the way the state will record it."""

Patch = Callable[[dict[str, Any]], ApiObject]


@dataclass(frozen=True)
class WriteResult:
    """The object after a write (or as it was, where nothing had to be sent), and the revision to wait for."""

    live: ApiObject
    revision: Revision


class NotTaken(Failed):
    """The service accepted a write and left a field as it was."""

    def __init__(self, message: str, written: WriteResult) -> None:
        self.written = written
        super().__init__(message)


def put(
    run: Session,
    kind: Kind,
    what: str,
    desired: Mapping[str, Any],
    live: ApiObject,
    now: Mapping[str, Any],
    form: Form,
    patch: Patch,
) -> WriteResult:
    """Bring `live` to `desired`; `what` names the object in errors.

    `now` is the live normal form before the write as far as the state knows it, `form` gives the one after it.
    Raises NotTaken where the service answered 200 and did not take a field.
    """
    if not differences(kind, now, desired):
        # Perhaps the answer to the same write was lost a moment ago: so nothing that shows now may count yet.
        return WriteResult(live, run.wrote(live, live.updated_at))
    answer = patch(request_body(kind, desired, live))
    run.memory.written.add(live.id)
    # The answer of a PATCH shows the date of before it. Where an earlier attempt was not answered, that is a later one.
    written = WriteResult(answer, run.wrote(live, answer.updated_at or live.updated_at))
    if left := differences(kind, desired, form(answer)):
        raise NotTaken(
            f"{what}: the service accepted the change and did not take {_listed(left)} (declared -> live); "
            "it may not know the field, or another version of it may be meant",
            written,
        )
    return written


def request_body(kind: Kind, desired: Mapping[str, Any], live: ApiObject) -> dict[str, Any]:
    """Every field written out, and what a newer API has beside them sent back as it is."""
    body = with_unknown_fields(complete(kind, desired), unknown_fields(kind, live.spec))
    return patch_body(kind, body)


def refuse_foreign_changes(
    kind: Kind, what: str, recorded: Mapping[str, Any], desired: Mapping[str, Any], now: Mapping[str, Any]
) -> None:
    """Raise ChangedOutside if a write of `desired` would undo what others changed since `recorded` was seen."""
    undone = {difference.path for difference in differences(kind, now, desired)}
    foreign = [d for d in differences(kind, recorded, now) if d.path in undone]
    if foreign:
        raise ChangedOutside(
            f"{what} was changed outside since the last refresh: {_listed(foreign)} (last seen -> live); nothing was "
            "written, because it would undo that; run again with --refresh to see it in the preview first"
        )


def _listed(found: list[Difference] | tuple[Difference, ...]) -> str:
    return "; ".join(str(difference) for difference in found)
