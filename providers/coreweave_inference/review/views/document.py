"""A review as JSON data: camelCase keys, plain values, texts as they are."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from coreweave_inference.review.capacity import Row, Side
from coreweave_inference.review.drift import Drift, drifted_objects
from coreweave_inference.review.findings import FoundProblem
from coreweave_inference.review.groups import Group, Membership
from coreweave_inference.review.money import HOURS_PER_MONTH, Cost, Line
from coreweave_inference.review.phrases import shown
from coreweave_inference.review.reviewing import Change, Review


def as_document(review: Review) -> dict[str, Any]:
    """The whole review; texts by others are not escaped, since JSON is not shown."""
    return {
        "version": 1,
        "outcome": review.outcome.value,
        "stacks": list(review.stacks),
        "counts": {
            **review.counts,
            "dangerous": len(review.dangerous),
            "drift": drifted_objects(review.drift),
        },
        "errors": [{"stack": e.stack, "errors": list(e.errors)} for e in review.errors],
        "warnings": [{"stack": e.stack, "warnings": list(e.errors)} for e in review.warnings],
        "changes": [_change(change) for change in review.changes],
        "unchanged": [{"kind": noun, "name": name} for noun, name in review.unchanged],
        "trafficGroups": [_group(group) for group in review.groups],
        "capacity": [_row(row) for row in review.capacity],
        "money": _money(review),
        "memory": [
            {"object": item.object, "before": item.before, "after": item.after, "why": item.why}
            for item in review.findings.moved_memory
        ],
        "drift": [_drift(item) for item in review.drift],
        "findings": {
            "new": [_finding(item) for item in review.findings.new],
            "old": [_finding(item) for item in review.findings.old],
            "gone": [_finding(item) for item in review.findings.fixed],
            "missing": list(review.findings.missing),
            "compared": review.findings.compared,
        },
        "incomplete": list(review.incomplete),
        "notRefreshed": list(review.not_refreshed),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "stack": change.stack,
        "kind": change.noun,
        "name": change.label,
        "operation": change.operation,
        "danger": change.danger.value,
        "consequences": [{"danger": c.danger.value, "text": str(c.sentence)} for c in change.consequences],
    }


def _group(group: Group) -> dict[str, Any]:
    members = [{"name": m.label, "before": _share(m.before), "after": _share(m.after)} for m in group.members]
    return {"gateway": group.gateway, "model": group.model, "changed": group.changed, "members": members}


def _share(share: Membership) -> dict[str, Any] | None:
    return {"weight": share.weight, "share": share.text} if share.there else None


def _row(row: Row) -> dict[str, Any]:
    return {
        "instanceType": row.instance_type,
        "zone": row.zone,
        "before": _side(row.before),
        "after": _side(row.after),
    }


def _side(side: Side) -> dict[str, Any]:
    return {
        "gpus": {"min": side.at_min, "max": side.at_max},
        "claimed": side.claimed,
        "covered": {"min": side.covered_at_min, "max": side.covered_at_max},
        "unknown": list(side.unknown),
        **({"ifDisabledHoldGpus": _side(side.held)} if side.held else {}),
    }


def _money(review: Review) -> dict[str, Any]:
    return {
        "currency": review.prices.currency,
        "date": review.prices.date.isoformat(),
        "source": review.prices.source,
        "hoursPerMonth": HOURS_PER_MONTH,
        "perHour": {"before": _cost(review.money.before), "after": _cost(review.money.after)},
        "perMonth": {
            "before": _cost(review.money.before, HOURS_PER_MONTH),
            "after": _cost(review.money.after, HOURS_PER_MONTH),
        },
        "lines": [_line(line) for line in review.money.lines],
        "notes": [str(note) for note in review.money.notes],
    }


def _line(line: Line) -> dict[str, Any]:
    return {"what": line.what, "name": line.label, "before": _cost(line.before), "after": _cost(line.after)}


def _cost(cost: Cost | None, hours: int = 1) -> Any:
    if cost is None or cost.words:
        return cost.words if cost else None
    return {"min": _amount(cost.at_min * hours), "max": _amount(cost.at_max * hours)}


def _amount(amount: Decimal) -> str:
    return f"{amount:.2f}"


def _drift(item: Drift) -> dict[str, Any]:
    return {
        "kind": item.noun,
        "name": item.label,
        "path": item.path,
        "recorded": shown(item.recorded),
        "live": shown(item.live),
        "declared": shown(item.declared),
        "what": item.what,
    }


def _finding(finding: FoundProblem) -> dict[str, Any]:
    return vars(finding)
