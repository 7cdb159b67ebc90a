"""What the Inference API answers, as values: tolerant of every form the service may take.

Missing keys, nulls, empty lists, shown zero values, unknown fields and enum prefixes are all accepted here,
so that nothing above has to ask. No requests and no judgement (is it ready?) belong here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.nested import without_none

STATUSES = frozenset({"UNSPECIFIED", "CREATING", "UPDATING", "DELETING", "ERROR", "FAILED", "READY"})
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))")


class UnreadableAnswer(Exception):
    """An answer of status 200 that is not the object asked for: cut short, not JSON, or something else."""


@dataclass(frozen=True)
class Condition:
    """One line of `status.conditions`; `status` is None where the service says neither true nor false."""

    type: str
    status: bool | None = None
    reason: str = ""
    message: str = ""
    zone: str = ""
    last_update_time: str = ""

    @property
    def updated(self) -> datetime | None:
        """`last_update_time` to the microsecond, in UTC; None where it was not sent or is not a time."""
        return parsed_time(self.last_update_time)


@dataclass(frozen=True)
class ApiObject:
    """A gateway, capacity claim or deployment as the service last answered it.

    `spec` is the answer's own, without its nulls and with fields this package does not know. `status` is
    without `STATUS_` (`READY`); one that the schema does not have stays as sent. Times are strings as sent. `id` and the
    spec's `gatewayIds` are in lower case, as ids compare.
    """

    kind: Kind
    id: str
    name: str
    spec: dict[str, Any]
    status: str = "UNSPECIFIED"
    conditions: tuple[Condition, ...] = ()
    created_at: str = ""
    updated_at: str = ""
    endpoints: tuple[str, ...] = ()
    allocated_instances: int = 0
    pending_instances: int = 0
    organization_id: str = ""

    @property
    def created(self) -> datetime | None:
        """`created_at` to the microsecond, in UTC; None where it was not sent or is not a time."""
        return parsed_time(self.created_at)

    @property
    def updated(self) -> datetime | None:
        """`updated_at` to the microsecond, in UTC; None where it was not sent or is not a time."""
        return parsed_time(self.updated_at)


def object_in(kind: Kind, answer: object) -> ApiObject:
    """The object of `kind` in an answer, wrapped (`{"gateway": {…}}`) or not.

    Raises UnreadableAnswer when there is no `spec` in it.
    """
    outer = _mapping(answer)
    wrapped = _mapping(outer.get(kind.wrapper))
    inner = wrapped or outer
    spec = without_none(_mapping(inner.get("spec")))
    if not spec:
        raise UnreadableAnswer(f"the answer holds no {kind.wrapper}")
    if gateway_ids := _sequence(spec.get("gatewayIds")):
        spec["gatewayIds"] = [_text(id_).lower() for id_ in gateway_ids]
    status = _mapping(inner.get("status"))
    return ApiObject(
        kind=kind,
        id=_text(spec.get("id") or inner.get("id")).lower(),
        name=_text(spec.get("name")),
        spec=spec,
        status=normal_status(status.get("status")),
        conditions=tuple(_condition(_mapping(c)) for c in _sequence(status.get("conditions"))),
        created_at=_text(status.get("createdAt")),
        updated_at=_text(status.get("updatedAt")),
        endpoints=tuple(_text(e) for e in _sequence(status.get("endpoints")) if e),
        allocated_instances=_count(status.get("allocatedInstances")),
        pending_instances=_count(status.get("pendingInstances")),
        organization_id=_text(spec.get("organizationId")),
    )


def objects_in(kind: Kind, answer: object) -> list[ApiObject]:
    """The objects of a LIST answer; `{}`, an absent or null list and an empty one all mean none."""
    if not isinstance(answer, Mapping):
        raise UnreadableAnswer("the answer is not a JSON object")
    items = answer.get(kind.list_key)
    if items is None:
        items = answer.get("items")
    if items is not None and not isinstance(items, (list, Mapping)):
        raise UnreadableAnswer(f"`{kind.list_key}` is not a list")
    return [object_in(kind, item) for item in _sequence(items)]


def normal_status(value: object) -> str:
    """`READY` from `STATUS_READY`, `READY` or `ready`; UNSPECIFIED from nothing; anything else as it is."""
    text = _text(value)
    bare = text.upper().removeprefix("STATUS_")
    return bare if bare in STATUSES else text or "UNSPECIFIED"


def parsed_time(text: str) -> datetime | None:
    """A moment in UTC from an RFC 3339 time of up to nine decimals; decimals beyond the sixth are cut."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    day, clock, decimals, sign, hours, minutes = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=timezone.utc)
        moment += timedelta(microseconds=int((decimals or "0")[:6].ljust(6, "0")))
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            moment = moment - offset if sign == "+" else moment + offset
    except (ValueError, OverflowError):
        return None
    return moment


def _condition(answer: Mapping[str, Any]) -> Condition:
    truth = _text(answer.get("status")).upper().removeprefix("STATUS_")
    return Condition(
        type=_text(answer.get("type")),
        status={"TRUE": True, "FALSE": False}.get(truth),
        reason=_text(answer.get("reason")),
        message=_text(answer.get("message")),
        zone=_text(answer.get("zone")),
        last_update_time=_text(answer.get("lastUpdateTime")),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _count(value: object) -> int:
    try:
        return int(value) if isinstance(value, (int, float, str)) else 0
    except (ValueError, OverflowError):
        return 0
