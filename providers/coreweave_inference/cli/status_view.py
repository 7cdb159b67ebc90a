"""A status as lines of text and as a JSON document. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from coreweave_inference.fleet.shares import Share
from coreweave_inference.review.money import Cost
from coreweave_inference.status.computed import State
from coreweave_inference.status.report import ClaimUse, ObjectStatus, Report, TrafficShare
from coreweave_inference.waiting import Condition

from .live_account import Scope
from .wrapping import wrapped

HEADER = ("object", "state", "status", "drift", "replicas", "traffic", "per hour")
MOST_NAMES = 6


def lines(scope: Scope, report: Report, width: int) -> list[str]:
    """One screen: a row for each object with what explains it below, then buckets, drift, cost and what is not known."""
    return list(wrapped(_lines(scope, report, width), width))


def _lines(scope: Scope, report: Report, width: int) -> list[str]:
    found = [scope.title]
    header, *rows = _table([HEADER, *(_row(found) for found in report.objects)], width)
    if report.objects:
        found += header
    for item, row in zip(report.objects, rows, strict=True):
        found += row
        found.extend(f"    {text}" for text in _details(item))
    if not report.objects:
        found.append(
            "no objects" + (" recorded in the state; `cw-inference up` makes them" if scope.stack else "")
        )
    found += [f'weights bucket "{b.key}": {b.name} ({b.zone or "zone not known"})' for b in report.buckets]
    return [*found, *_summary(scope, report)]


def _table(rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    """The lines of each row, the first one the header: one, or two where names are too long for one within `width`."""
    used = [at for at in range(len(HEADER)) if at < 3 or any(row[at] for row in rows[1:])]
    widths = {at: max(len(row[at]) for row in rows) for at in used}

    def line(row: Sequence[str], columns: Sequence[int]) -> str:
        return "  ".join(f"{row[at]:<{widths[at]}}" for at in columns).rstrip()

    if sum(widths.values()) + 2 * len(used) - 2 <= width:
        return [[line(row, used)] for row in rows]
    return [[row[0], f"  {line(row, used[1:])}"] for row in rows]


def _summary(scope: Scope, report: Report) -> Iterator[str]:
    counts = ((state.value, report.count(state)) for state in State)
    yield "state: " + (", ".join(f"{count} {name}" for name, count in counts if count) or "nothing")
    if scope.recorded is not None:
        names = ", ".join(found.label for found in report.drifted)
        unknown = "" if report.drift_is_known else " (not every object could be compared)"
        yield (
            f"drift: yes, {names}; `cw-inference preview` shows all of it" if names else f"drift: no{unknown}"
        )
    if report.prices is not None and (report.cost.at_max or any(f.cost for f in report.objects)):
        yield (
            f"cost: {cost_text(report.cost)} {report.prices.currency} per hour "
            f"(list price of {report.prices.date}, not your contract)"
        )
    if scope.recorded is not None and report.others:
        yield f"also in the account: {report.others} that this state does not have (`cw-inference status --account`)"
    yield from (f"note: {note}" for note in report.notes)


def _row(found: ObjectStatus) -> tuple[str, ...]:
    drift = {None: "", False: "no", True: "yes"}[None if found.drift is None else bool(found.drift)]
    return (
        found.label,
        found.computed.state.value,
        found.status,
        drift,
        "disabled" if found.disabled else "-".join(map(str, dict.fromkeys(found.replicas or ()))),
        " / ".join(dict.fromkeys(_share(entry.share) for entry in found.traffic)),
        "" if found.cost is None else found.cost.words or cost_text(found.cost),
    )


def _share(share: Share | None) -> str:
    return "not known" if share is None else str(share)


def cost_text(cost: Cost) -> str:
    """`2.00-8.00`, in USD per hour."""
    low, high = (f"{value:.2f}" for value in (cost.at_min, cost.at_max))
    return low if low == high else f"{low}-{high}"


def _details(found: ObjectStatus) -> Iterator[str]:
    if found.computed.reason:
        yield found.computed.reason
    reason = found.computed.reason
    for condition in found.conditions:
        text = _condition(condition)
        if not condition.status and text not in reason:
            yield text
    for difference in found.drift or ():
        yield f"drift: {difference} (recorded -> live)"
    if found.claim is not None:
        yield from _claim(found.claim, reason)
    for entry in found.traffic:
        if entry.members > 1:
            yield f"weight {entry.weight} of {entry.model} on {entry.gateway}: {_share(entry.share)}"
    yield from found.endpoints


def _claim(claim: ClaimUse, reason: str) -> Iterator[str]:
    counts = f"{claim.allocated} allocated, {claim.pending} pending of {claim.declared}"
    if counts not in reason:
        yield counts
    if claim.reduction and claim.reduction not in reason:
        yield claim.reduction
    if claim.may_run is None:
        return
    names = claim.may_run[:MOST_NAMES]
    more = f" and {len(claim.may_run) - MOST_NAMES} more" if len(claim.may_run) > MOST_NAMES else ""
    yield f"may run there: {', '.join(names)}{more}" if names else "nobody may run there"


def _condition(condition: Condition) -> str:
    words = ": ".join(part for part in (condition.reason, condition.message) if part)
    state = {True: "True", False: "False", None: "?"}[condition.status]
    return f"{condition.type}={state} {words}".strip() + (f" ({condition.zone})" if condition.zone else "")


def document(scope: Scope, report: Report) -> dict[str, Any]:
    """As JSON."""
    return {
        "ok": not report.count(State.FAILED, State.UNKNOWN, State.NOT_FOUND),
        "errors": [],
        "findings": [],
        "project": scope.project,
        "stack": scope.stack,
        "endpoint": scope.settings.endpoint,
        "counts": {state.value: report.count(state) for state in State if report.count(state)},
        "drift": None if scope.recorded is None else bool(report.drifted),
        "objects": [_object(found) for found in report.objects],
        "buckets": [{"key": b.key, "name": b.name, "zone": b.zone} for b in report.buckets],
        "others": report.others,
        "cost": {
            **cost_document(report.cost),
            "currency": report.prices.currency if report.prices else "",
            "listPriceOf": str(report.prices.date) if report.prices else "",
        },
        "notes": list(report.notes),
    }


def _object(found: ObjectStatus) -> dict[str, Any]:
    return {
        "kind": found.kind.noun,
        "key": found.key,
        "name": found.name,
        "id": found.id,
        "state": found.computed.state.value,
        "reason": found.computed.reason,
        "status": found.status,
        "conditions": [
            {"type": c.type, "status": c.status, "reason": c.reason, "message": c.message, "zone": c.zone}
            for c in found.conditions
        ],
        "updatedAt": found.updated_at,
        "drift": None if found.drift is None else [difference.path for difference in found.drift],
        "disabled": found.disabled,
        "replicas": None if found.replicas is None else {"min": found.replicas[0], "max": found.replicas[1]},
        "traffic": [_traffic(entry) for entry in found.traffic],
        "claim": None if found.claim is None else _claim_document(found.claim),
        "endpoints": list(found.endpoints),
        "costPerHour": None if found.cost is None else cost_document(found.cost),
    }


def _traffic(entry: TrafficShare) -> dict[str, Any]:
    share = entry.share
    return {
        "gateway": entry.gateway,
        "gatewayId": entry.gateway_id,
        "model": entry.model,
        "weight": entry.weight,
        "members": entry.members,
        "share": None if share is None else {"min": float(share.least), "max": float(share.most)},
    }


def _claim_document(claim: ClaimUse) -> dict[str, Any]:
    return {
        "declared": claim.declared,
        "allocated": claim.allocated,
        "pending": claim.pending,
        "reduction": claim.reduction,
        "mayRun": None if claim.may_run is None else list(claim.may_run),
    }


def cost_document(cost: Cost) -> dict[str, Any]:
    """As JSON, in USD per hour."""
    low, high = (
        None if cost.words else float(value.quantize(Decimal("0.0001")))
        for value in (cost.at_min, cost.at_max)
    )
    return {"min": low, "max": high, "words": cost.words}
