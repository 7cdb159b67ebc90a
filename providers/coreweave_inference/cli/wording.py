"""Steps and results in the words and lines that a user reads. Pure: data in, text out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from coreweave_inference.engine.happenings import Change, Step, path_keys, type_of
from coreweave_inference.engine.results import REST_OF_A_REPLACEMENT, VERBS, Result, verb_of

SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-", "import": "=", "same": " "}
DONE = {
    "create": "created",
    "update": "updated",
    "replace": "replaced",
    "delete": "deleted",
    "keep": "kept",
    "import": "imported",
    "same": "unchanged",
    "read": "read",
    "refresh": "looked at",
}
DOING = {
    "create": "creating",
    "update": "updating",
    "replace": "replacing",
    "delete": "deleting",
    "refresh": "looking at",
}
READINESS = "readiness"
BUCKET = "weights bucket"
UNKNOWN = "(known when it is made)"
UNKNOWN_VALUES = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # a text, a list, …: the engine's mark of a value it will know later
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
LONGEST_VALUE = 80


def shown(value: Any) -> str:
    """A value on one line, cut where it is long."""
    if value is None:
        return "(none)"
    if isinstance(value, str) and value in UNKNOWN_VALUES:
        return UNKNOWN
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def changed(change: Change) -> str:
    """`traffic.weight: 900 -> 500`."""
    return f"{change.path}: {shown(change.before)} -> {shown(change.after)}"


def subject(step: Step) -> str:
    """`deployment "chat"`."""
    return step.kind if step.kind in (READINESS, "account") else f'{step.kind} "{step.name}"'


def plan(result: Result) -> list[str]:
    """A preview as lines: what changes, field by field, and how many stay."""
    lines = drift(result)
    for step in worth_telling(result.steps):
        word = verb_of(step)
        lines.append(f"{SIGNS.get(word, ' ')} {word:<8} {subject(step)}")
        if step.kind == READINESS:
            lines.extend(f"    waits for {line}" for line in _broken(step.changes, after=False))
        else:
            lines.extend(f"    {changed(change)}" for change in step.changes)
    lines += [f"{m.severity}: {m.text}" for m in result.messages if m.severity != "error"]
    return [*lines, summary(result)]


def drift(result: Result) -> list[str]:
    """What was changed outside, field by field."""
    lines: list[str] = []
    for step in result.drift:
        if step.kind == READINESS:
            lines.extend(f"! broken: {line}" for line in _broken(step.changes, after=True))
            lines.extend(f"! serves again: {line}" for line in _broken(step.changes, after=False))
            continue
        gone = " and is gone" if verb_of(step) == "delete" else ""
        lines.append(f"! changed outside: {subject(step)}{gone}")
        lines.extend(f"    {changed(change)}" for change in step.changes)
    return lines


def _broken(changes: Iterable[Change], *, after: bool) -> list[str]:
    """`deployment "chat": FAILED: …` for each covered object that is recorded as broken on one side of a change alone."""
    lines = []
    for change in changes:
        here, there = (change.after, change.before) if after else (change.before, change.after)
        keys = path_keys(change.path)
        if keys[-1:] == ["health"] and len(keys) > 1 and here and (after or not there):
            kind, _, name = str(keys[-2]).rpartition(" ")
            lines.append(f'{kind} "{name}": {here}')
    return lines


def worth_telling(steps: Iterable[Step]) -> list[Step]:
    """Steps that change something, each replacement once."""
    return [
        s
        for s in steps
        if VERBS.get(s.op) not in ("same", "read", "refresh") and s.op not in REST_OF_A_REPLACEMENT
    ]


def summary(result: Result) -> str:
    """`2 to update, 5 unchanged`, or what was done."""
    words = {word: f"to {word}" for word in DONE} if result.operation == "preview" else DONE
    parts = [
        f"{count} {words.get(word, word)}"
        for word, count in result.counts.items()
        if word not in ("same", "refresh")
    ]
    same = result.counts.get("same", 0)
    parts += [f"{same} unchanged"] if same else []
    return ", ".join(parts) or "nothing to do"


def kept_objects(steps: Iterable[Step]) -> list[str]:
    """What a destroy leaves: `weights bucket "weights" (acme-weights)`."""
    return [f"{subject(step)} ({step.id})" for step in steps if step.op == "delete" and step.kept]


def outputs(values: Mapping[str, Any]) -> list[str]:
    """Where to call: one line per base URL, and per gateway endpoint where no model has one."""
    models = values.get("models") or {}
    lines = [
        f"model {name}: {url}"
        for name, model in sorted(models.items())
        if isinstance(model, Mapping)
        for url in model.get("baseUrls") or ()
    ]
    gateways = values.get("gateways") or {}
    return lines or [
        f"gateway {name}: {url}"
        for name, gateway in sorted(gateways.items())
        for url in gateway.get("endpoints") or ()
    ]


def document(result: Result) -> dict[str, Any]:
    """A result as the JSON document that `--json` prints."""
    return {
        "operation": result.operation,
        "project": result.project,
        "stack": result.stack,
        "ok": result.ok,
        "stopped": result.stopped,
        "counts": dict(result.counts),
        "steps": [_step(step) for step in result.steps],
        "drift": [_step(step) for step in result.drift],
        "messages": [
            {"severity": m.severity, "text": m.text, "urn": m.urn}
            for m in result.messages
            if m.severity != "error"
        ],
        "errors": list(result.errors),
        "outputs": dict(result.outputs),
        "repairs": list(result.repairs),
        "seconds": result.seconds,
    }


def _step(step: Step) -> dict[str, Any]:
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
