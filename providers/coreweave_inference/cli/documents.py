"""Results and steps as JSON documents. Pure: data in, data out."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from coreweave_inference.engine.events import Change, Step, type_of
from coreweave_inference.engine.results import Result, verb_of
from coreweave_inference.fleet.deletions import Deletion


def document(result: Result, planned: Result | None = None) -> dict[str, Any]:
    """A result as the JSON document that `--json` prints; `planned` is the plan that it ran."""
    return {
        **({"plan": _plan_document(planned)} if planned is not None else {}),
        "operation": result.operation,
        "project": result.project,
        "stack": result.stack,
        "ok": result.ok,
        "stopped": result.stopped,
        "counts": dict(result.counts),
        "steps": [step_document(step) for step in result.steps],
        "drift": _drift(result),
        "messages": [
            {"severity": m.severity, "text": m.text, "urn": m.urn}
            for m in result.messages
            if m.severity != "error"
        ],
        "findings": [dict(finding) for finding in result.findings],
        "errors": list(result.errors),
        "outputs": dict(result.outputs),
        "repairs": list(result.repairs),
        **({"deletions": [_deletion(found) for found in result.deletions]} if result.deletions else {}),
        "seconds": result.seconds,
    }


def _plan_document(planned: Result) -> dict[str, Any]:
    return {
        "counts": dict(planned.counts),
        "steps": [step_document(step) for step in planned.steps],
        "drift": _drift(planned),
    }


def _drift(result: Result) -> list[dict[str, Any]]:
    """One entry for each object, as a refresh that found it otherwise."""
    entries = []
    for urn, of_one in groupby(result.drift, key=lambda item: item.urn):
        found = list(of_one)
        changes = tuple(Change(item.path, item.recorded, item.live) for item in found if item.path)
        step = Step(urn, "refresh", "done", changes, id=found[0].id)
        entries.append({**step_document(step), "gone": not all(item.path for item in found)})
    return entries


def _deletion(found: Deletion) -> dict[str, Any]:
    item = found.item
    return {
        "kind": item.kind,
        "name": item.name,
        "id": item.id,
        "what": found.action,
        "users": list(found.users),
    }


def step_document(step: Step) -> dict[str, Any]:
    """A step as documents and `--events` have it."""
    return {
        "urn": step.urn,
        "type": type_of(step.urn),
        "kind": step.kind,
        "name": step.name,
        "id": step.id,
        "op": step.op,
        "what": verb_of(step),
        "phase": step.phase,
        "changes": [{"path": c.path, "before": c.before, "after": c.after} for c in step.changes],
    }
