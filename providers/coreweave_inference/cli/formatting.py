"""Steps and results in the words and lines that a user reads. Pure: data in, text out."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from coreweave_inference.engine.events import Change, Step, label_of
from coreweave_inference.engine.results import REST_OF_A_REPLACEMENT, VERBS, Result, verb_of
from coreweave_inference.fleet.deletions import DELETES, KEEPS, Deletion, names_of
from coreweave_inference.model.engine_secrets import UNKNOWN_MARKS
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.paths import location_of
from coreweave_inference.model.resource_types import NOUNS
from coreweave_inference.review.drift import HEALTH, SERVING, Drift

SIGNS = {
    "create": "+",
    "adopt": "=",
    "update": "~",
    "replace": "±",
    "delete": "-",
    "import": "=",
    "same": " ",
}
DONE = {
    "create": "created",
    "adopt": "adopted",
    "update": "updated",
    "replace": "replaced",
    "delete": "deleted",
    "keep": "kept",
    "import": "imported",
    "same": "unchanged",
    "read": "read",
    "refresh": "read",
}
DOING = {
    "create": "creating",
    "adopt": "adopting",
    "update": "updating",
    "replace": "replacing",
    "delete": "deleting",
    "refresh": "reading",
}
READINESS = "readiness"
DELETION_SIGNS = {DELETES: "-", KEEPS: " "}
UNKNOWN = "(known when it is made)"
OF_IDENTITY = ("apiId",)
"""Fields of a creation that follow from the rest of it."""
LONGEST_VALUE = 80
LONGEST_LINE = 76
"""With the four spaces before it: a terminal of 80 columns."""


def shown(value: Any, longest: int | None = LONGEST_VALUE) -> str:
    """A value on one line, cut where it is longer than `longest`."""
    if value is None:
        return "(none)"
    value = _in_words(value)
    is_plain = isinstance(value, str) and value.isprintable() and value
    return cut(value if is_plain else json.dumps(value, ensure_ascii=False), longest)


def cut(text: str, longest: int | None) -> str:
    """`text`, with `…` at the end where it is longer."""
    return text if longest is None or len(text) <= longest else text[: longest - 1] + "…"


def _in_words(value: Any) -> Any:
    if isinstance(value, str):
        return UNKNOWN if value in UNKNOWN_MARKS else value
    if isinstance(value, list):
        return [_in_words(item) for item in value]
    return value


def changed(change: Change, longest: int | None = LONGEST_VALUE) -> str:
    """`traffic.weight: 900 -> 500`."""
    return f"{change.path}: {shown(change.before, longest)} -> {shown(change.after, longest)}"


def subject(step: Step) -> str:
    """`deployment "chat"`."""
    return step.kind if step.kind in (READINESS, "account") else label_of(step.urn)


def plan(result: Result, *, full: bool = False) -> list[str]:
    """A preview as lines: what changes, field by field, and how many stay; `full` cuts nothing short."""
    lines = drift(result, full=full)
    for step in steps_to_show(result.steps):
        word = verb_of(step)
        lines.append(f"{SIGNS.get(word, ' ')} {word:<8} {subject(step)}")
        lines.extend(f"    {line}" for line in _fields(step, full=full))
    lines += [f"{m.severity}: {m.text}" for m in result.messages if m.severity != "error"]
    return [*lines, summary(result)]


def saved_plan(directory: Path, stack: str, file: Path) -> str:
    """Where a plan was saved, and the command that runs it."""
    place = [] if directory == Path() else [str(directory)]
    command = shlex.join(["cw-inference", "up", *place, "--stack", stack, "--plan", str(file)])
    return f"plan saved in {file}; run it with: {command}"


def _fields(step: Step, *, full: bool) -> list[str]:
    if full and verb_of(step) == "create":
        return [f"{change.path}: {shown(change.after, None)}" for change in step.changes]
    if full:
        return [changed(change, None) for change in step.changes]
    if step.kind == READINESS:
        return _readiness(step)
    if step.kind == "account":
        return []
    return _short(step.changes) if verb_of(step) == "create" else _changed(step.changes)


def _changed(changes: Iterable[Change]) -> list[str]:
    """One line for each change, and two where one would be too long for the terminal."""
    lines: list[str] = []
    for change in changes:
        line = changed(change)
        before = cut(f"{change.path}: {shown(change.before)}", LONGEST_LINE)
        after = cut(f"  -> {shown(change.after)}", LONGEST_LINE)
        lines += [line] if len(line) <= LONGEST_LINE else [before, after]
    return lines


def _readiness(step: Step) -> list[str]:
    """What a run would do with `readiness`: wait for what is broken, or for what changes."""
    broken = [f"waits for {line}" for line in _broken(step.changes)]
    if broken or verb_of(step) not in ("create", "update"):
        return broken
    covered: dict[str, bool] = {}
    for change in step.changes:
        keys = location_of(change.path)
        if keys[:1] == ("objects",) and len(keys) > 1:
            covered[str(keys[1])] = covered.get(str(keys[1]), False) or change.after is not None
    if not covered:
        created = verb_of(step) == "create"
        return ["waits until every object serves" if created else "records what the stack manages"]
    names = sorted(_label(key) for key, stays in covered.items() if stays)
    left_out = sorted(_label(key) for key, stays in covered.items() if not stays)
    lines = [("waits until these serve", names), ("no longer waits for", left_out)]
    return [cut(f"{text}: {', '.join(found)}", LONGEST_LINE) for text, found in lines if found]


def _label(text: str) -> str:
    """`deployment "chat"` from `deployment chat`."""
    kind = next((found for found in NOUNS.values() if text.startswith(f"{found} ")), "")
    return f'{kind} "{text.removeprefix(kind).strip()}"' if kind else text


def _short(fields: Iterable[Change]) -> list[str]:
    """One line for each property of a creation: `autoscaling: min 1, max 4`."""
    lines: dict[str, list[str]] = {}
    for field in fields:
        top = re.split(r"[.\[]", field.path, maxsplit=1)[0]
        rest = field.path[len(top) :].lstrip(".")
        value = shown(field.after)
        if top not in OF_IDENTITY and field.after is not False:
            lines.setdefault(top, []).append(f"{rest} {value}" if rest else value)
    return [cut(f"{top}: {', '.join(parts)}", LONGEST_LINE) for top, parts in lines.items()]


def drift(result: Result, *, full: bool = False) -> list[str]:
    """What was changed outside and what broke, object by object and field by field."""
    lines: list[str] = []
    for urn, of_one in groupby(result.drift, key=lambda item: item.urn):
        found = list(of_one)
        lines += [_health_line(urn, item) for item in found if item.path == HEALTH]
        changes = [Change(item.path, item.recorded, item.live) for item in found if item.path != HEALTH]
        if changes:
            lines.append(f"! {'changed' if changes[0].path else 'deleted'} outside: {label_of(urn)}")
        values = [change for change in changes if change.path]
        texts = [changed(value, None) for value in values] if full else _changed(values)
        lines += [f"    {text}" for text in texts]
    return lines


def _health_line(urn: str, item: Drift) -> str:
    served = item.live == SERVING
    return (
        f"! serves again: {label_of(urn)}: {item.recorded}"
        if served
        else f"! broken: {label_of(urn)}: {item.live}"
    )


def _broken(changes: Iterable[Change]) -> list[str]:
    """`deployment "chat": FAILED: …` for each covered object that is recorded as broken, and that a run would wait for."""
    lines = []
    for change in changes:
        keys = location_of(change.path)
        if keys[-1:] == ("health",) and len(keys) > 1 and change.before and not change.after:
            lines.append(f"{_label(str(keys[-2]))}: {change.before}")
    return lines


def steps_to_show(steps: Iterable[Step]) -> list[Step]:
    """Steps that change something, each replacement once."""
    found: dict[tuple[str, str], Step] = {}
    for step in steps:
        if VERBS.get(step.op) not in ("same", "read", "refresh") and step.op not in REST_OF_A_REPLACEMENT:
            found.setdefault((step.urn, verb_of(step)), step)
    return list(found.values())


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


def destroy_plan(deletions: Iterable[Deletion]) -> list[str]:
    """What a destroy does with each object; who runs on a claim that goes, and where they may go."""
    lines = []
    for found in deletions:
        item = found.item
        label = item.kind if item.kind in (READINESS, "account") else item.label
        verb = "evicts" if item.kind == Kind.CAPACITY_CLAIM.noun else "used by"
        users = f": {verb} {names_of(found.users)}" if found.users else ""
        lines.append(f"{DELETION_SIGNS.get(found.action, '!')} {found.action:<8} {label}{users}")
    return lines


def destroy_summary(deletions: Iterable[Deletion]) -> str:
    """`3 to delete, 1 to keep`."""
    counts = Counter(found.action for found in deletions)
    return ", ".join(f"{counts[action]} to {action}" for action in (DELETES, KEEPS) if counts[action])


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
