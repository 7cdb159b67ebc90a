"""`pulumi preview --json` becomes resources with what is recorded, live and declared of each.

A refresh shows as a step whose two states are equal; what it found is the old state of the step that follows, so
drift is the difference between the two old states. The document of a run's events says what a refresh found in its own
step. Nothing is judged here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from coreweave_inference.errors import CoreWeaveError, one_line
from coreweave_inference.model import Kind
from coreweave_inference.model.resource_types import KINDS, NOUNS, own_type

from .phrases import cut
from .properties import readable

OWN_NOUNS = frozenset(NOUNS.values())
"""Words of ours; every other noun is the type of a resource, in somebody else's words."""

NOISE = ("account", "pulumi:pulumi:Stack")
"""What is in every stack and is nobody's concern."""

STACK_REFERENCE = "pulumi:pulumi:StackReference"
READS = ("read", "read-replacement", "read-discard")
"""Steps of what a program only looks at: it belongs to others, so that it changes is no drift of this stack."""

OPERATIONS = {
    "create": "create",
    "update": "update",
    "replace": "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "import-replacement": "replace",
    "delete": "delete",
    "discard": "delete",
    "import": "import",
    "same": "same",
    "refresh": "refresh",
}
REASON = re.compile(r"^(?:error|warning): ")
FRAME = re.compile(r"^(?:preview|update) failed$|^Resource monitor has terminated|^Duplicate")


@dataclass(frozen=True)
class Resource:
    """One resource of a stack.

    `recorded` is what the state had before this run looked, `before` what it has now, `after` what is declared; `None`
    is absent. `operation` is create, update, replace, delete, import, same, gone (vanished, and not declared) or unseen
    (the preview failed before it came to this one).
    `label` names it among everything under review; `kept` says that a delete leaves it alone. `paths` are those that the
    engine calls changed by the run, `drifted_paths` those that it found changed outside, where a preview tells them.
    """

    urn: str
    type: str
    stack: str
    name: str
    label: str
    operation: str
    recorded: Mapping[str, Any] | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    outputs: Mapping[str, Any]
    paths: tuple[str, ...] = ()
    kept: bool = False
    id: str = ""
    drifted_paths: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind | None:
        """The API object that it is, if it is one."""
        return KINDS.get(own_type(self.type))

    @property
    def noun(self) -> str:
        """`deployment`, or the type of a resource that is not of this package."""
        return NOUNS.get(own_type(self.type), self.type)

    @property
    def changes(self) -> bool:
        """Whether a run would do anything with it."""
        return self.operation not in ("same", "gone", "unseen")


@dataclass(frozen=True)
class Preview:
    """One stack's preview. `complete` is false where unchanged resources are missing; `errors` are one line each."""

    stack: str
    resources: tuple[Resource, ...]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    complete: bool
    refreshed: bool


def read_preview(text: str, source: str) -> Preview:
    """The preview in `text`; `source` names it where it names no stack itself. Raises CoreWeaveError."""
    return preview_in(_document(text, source), source)


def preview_in(document: Mapping[str, Any], source: str) -> Preview:
    """The preview in a document that the CLI printed, or that the engine package made of a run's events."""
    steps = [step for step in document.get("steps") or () if isinstance(step, Mapping) and step.get("urn")]
    errors = _messages(document, "error")
    renamed, gathered = _renamed(steps), dict[str, list[Mapping[str, Any]]]()
    for step in steps:
        urn = str(step["urn"])
        gathered.setdefault(renamed.get(urn, urn) if step.get("op") == "refresh" else urn, []).append(step)
    gathered = {urn: of_one for urn, of_one in gathered.items() if not _is_only_read(of_one)}
    listed = sum(step.get("op") == "same" for step in steps)
    summary = document.get("changeSummary") or {}
    complete = not errors and listed >= int(summary.get("same") or 0)
    without_step = "unseen" if errors else "gone" if complete else "same"
    resources = (_resource(urn, of_one, without_step=without_step) for urn, of_one in gathered.items())
    return Preview(
        stack=_stack_of(steps) or source,
        resources=tuple(sorted((r for r in resources if r.noun not in NOISE), key=_order)),
        errors=errors,
        warnings=_messages(document, "warning"),
        complete=complete or (not errors and any(step.get("op") == "refresh" for step in steps)),
        refreshed=any(step.get("op") == "refresh" for step in steps),
    )


def _renamed(steps: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The URN of now by the one before: a refresh reads an object under the latter, and an alias keeps it."""
    pairs = ((str((step.get("oldState") or {}).get("urn") or ""), str(step["urn"])) for step in steps)
    return {former: urn for former, urn in pairs if former and former != urn}


def failed_preview(source: str, why: str) -> Preview:
    """For a preview that gave nothing to read."""
    return Preview(source, (), (one_line(why, 600),), (), complete=False, refreshed=False)


def labelled(previews: Iterable[Preview]) -> tuple[Preview, ...]:
    """In the order of their stacks, each resource named so that no two are mixed up. Raises CoreWeaveError."""
    ordered = sorted(previews, key=lambda preview: preview.stack)
    for one, other in pairwise(ordered):
        if one.stack == other.stack:
            raise CoreWeaveError(f"two previews are of the same stack {one.stack}; give each stack once")
    if len(ordered) < 2:
        return tuple(ordered)
    return tuple(
        replace(p, resources=tuple(replace(r, label=f"{r.name} ({p.stack})") for r in p.resources))
        for p in ordered
    )


def _order(resource: Resource) -> tuple[str, str, str]:
    return (resource.noun, resource.name, resource.urn)


def _document(text: str, source: str) -> Mapping[str, Any]:
    """The JSON document in the output of `pulumi preview --json`, around which the CLI may have printed more."""
    start = text.find("{")
    try:
        document, _ = json.JSONDecoder().raw_decode(text, start) if start >= 0 else (None, 0)
    except ValueError:
        document = None
    if not isinstance(document, Mapping) or not isinstance(
        document.get("steps", ()), (list, tuple, type(None))
    ):
        raise CoreWeaveError(
            f"{source} holds no preview: it is not what `pulumi preview --json` prints; make it with "
            "`pulumi preview --json --show-sames > preview.json`"
        )
    return {"steps": [], **document}


def _stack_of(steps: Iterable[Mapping[str, Any]]) -> str:
    for step in steps:
        parts = str(step["urn"]).split("::")
        if len(parts) > 3:
            return f"{parts[1]}/{parts[0].removeprefix('urn:pulumi:')}"
    return ""


def _messages(document: Mapping[str, Any], severity: str) -> tuple[str, ...]:
    """One line for each message: the engine repeats a fault of the program behind words of its own."""
    found = (
        d
        for d in document.get("diagnostics") or ()
        if isinstance(d, Mapping) and d.get("severity") == severity
    )
    lines = dict.fromkeys(_line(str(diagnostic.get("message") or "")) for diagnostic in found)
    reasons = [line for line in lines if line and not FRAME.match(line)]
    return tuple(sorted(reasons or [line for line in lines if line]))


def _line(message: str) -> str:
    bare = REASON.sub("", message.strip()).removeprefix("an unhandled error occurred: ")
    head, traceback, rest = bare.partition("Traceback (most recent call last):")
    last = rest.strip().splitlines()[-1] if traceback and rest.strip() else ""
    return cut(one_line(f"{head} {last}"), 600)


def _resource(urn: str, steps: list[Mapping[str, Any]], *, without_step: str) -> Resource:
    stack, project, chain, name = (urn.split("::", 3) + [""] * 4)[:4]
    refresh = next((step for step in steps if step.get("op") == "refresh"), None)
    step = next((step for step in steps if step.get("op") not in ("refresh", "read")), None)
    operation = OPERATIONS.get(str(step.get("op")), "same") if step else without_step
    if step is None and "newState" in (refresh or {}) and not _state(refresh, "newState"):
        operation = "gone"
    old, new = _state(step, "oldState"), _state(step, "newState")
    recorded = _state(refresh, "oldState")
    if step is None:
        old = new = None if operation == "gone" else _state(refresh, "newState")
    return Resource(
        urn=urn,
        type=chain.rsplit("$", 1)[-1],
        stack=f"{project}/{stack.removeprefix('urn:pulumi:')}",
        name=name,
        label=name,
        operation=operation,
        recorded=_inputs(recorded),
        before=None if operation in ("create", "import") else _inputs(old),
        after=None if operation == "delete" else _inputs(new),
        outputs=readable((old or {}).get("outputs") or {}),
        paths=tuple(sorted((step or {}).get("detailedDiff") or ())),
        kept=bool((old or {}).get("retainOnDelete")),
        id=str((old or recorded or {}).get("id") or ""),
        drifted_paths=tuple(sorted((refresh or {}).get("detailedDiff") or ())),
    )


def _is_only_read(steps: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the resource is another stack's outputs, or something else that a program reads and does not manage."""
    return any(
        step.get("op") in READS
        or str(step["urn"]).split("::")[2:3] == [STACK_REFERENCE]
        or any((_state(step, which) or {}).get("external") is True for which in ("oldState", "newState"))
        for step in steps
    )


def _state(step: Mapping[str, Any] | None, which: str) -> Mapping[str, Any] | None:
    state = (step or {}).get(which)
    return state if isinstance(state, Mapping) else None


def _inputs(state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if state is None else readable(state.get("inputs") or {})
