"""What happens in a run, as data: steps of the engine, its messages, and what the providers tell while they wait.

Pure: the engine's events in, a run's events out. Nothing here knows a terminal or starts anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coreweave_inference.errors import printable, single_line
from coreweave_inference.model.identity import place_in
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.resource_types import NOUNS, TYPES, own_type

from .properties import changed_paths, fields, readable_at

if TYPE_CHECKING:
    from pulumi.automation import EngineEvent

STACK_TYPE = "pulumi:pulumi:Stack"
PROVIDER_TYPES = "pulumi:providers:"
ACCOUNT = TYPES + "Account"
WEIGHT = "traffic.weight"
ERROR_CLASS = "CoreWeave: "
"""The name of the providers' exception, which the engine puts before its one line."""
PROGRAM_FAILED = "an unhandled error occurred: "
"""What the engine puts before the error that a program gave."""
REFUSED = re.compile(r"^\S+ resource '[^']*' has a problem: ")
"""What the engine puts before the reason of a refused declaration."""
PROTECTED = " as it is currently marked for protection"
"""In the engine's error for an object that must not be deleted or replaced."""
NO_ACCOUNT = "the account cannot be used: "
"""Begins an error that is no fault of the declaration."""

NO_TARGET = re.compile(
    r"^Resource '(?P<needs>[^']+)' depends on '(?P<needed>[^']+)' which was .*not specified in --target"
)
"""The engine's error for a target that needs something which does not exist and is no target."""
REMOVED_UNTARGETED = re.compile(
    r"^Resource '(?P<removed>[^']+)' will be destroyed but was not specified in --target list"
)
"""The engine's error for an object that is no longer declared and is no target."""


@dataclass(frozen=True)
class Change:
    """One property that a step changes; a side that is absent is None, a secret is `[secret]`."""

    path: str
    before: Any = None
    after: Any = None


@dataclass(frozen=True)
class Step:
    """One step of the engine on one resource.

    `op` is the engine's word (`create`, `update`, `create-replacement`, `delete-replaced`, `delete`, `same`, `refresh`),
    `phase` is `started`, `done` or `failed`. `kept`: the object stays, only its entry in the state goes. The
    changes of a creation are its fields. `former`: the URN before a renaming.
    """

    urn: str
    op: str
    phase: str
    changes: tuple[Change, ...] = ()
    kept: bool = False
    id: str = ""
    former: str = ""

    @property
    def kind(self) -> str:
        """The resource's kind in words (`deployment`); the type token where it is not ours."""
        return kind_of(self.urn)

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return name_of(self.urn)


@dataclass(frozen=True)
class Message:
    """A line of the engine or a provider; `urn` is empty where it concerns the whole run.

    `refused`: a resource's declaration was refused before anything was done with it. `removed`: the URN of an object that is
    no longer declared and that this run does not select.
    """

    severity: str
    text: str
    urn: str = ""
    ephemeral: bool = False
    refused: bool = False
    removed: str = ""


@dataclass(frozen=True)
class Progress:
    """How far an object is that a run waits for; `verdict` is `waiting`, `ready` or `failed`, `seconds` since the wait began."""

    urn: str
    status: str = ""
    verdict: str = ""
    message: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Retry:
    """A request that is sent again after a pause; `urn` is empty where it concerns the whole run."""

    urn: str
    text: str


RunEvent = Step | Message | Progress | Retry


def name_of(urn: str) -> str:
    """The last part of a URN."""
    return urn.rsplit("::", 1)[-1]


def label_of(urn: str) -> str:
    """A resource as reports call it: `deployment "chat"`, and `deployment "chat (acme:a:Chat)"` inside of a component."""
    return f'{kind_of(urn)} "{place_in(urn).key}"'


def type_of(urn: str) -> str:
    """The resource's own type token, without its parents'."""
    parts = urn.split("::")
    return parts[2].rsplit("$", 1)[-1] if len(parts) > 3 else ""


def kind_of(urn: str) -> str:
    """The resource's kind in words, or its type token where it is not ours."""
    token = type_of(urn)
    return NOUNS.get(own_type(token), token)


def is_shown(urn: str) -> bool:
    """Whether a user knows this resource: neither the stack itself nor a provider."""
    token = type_of(urn)
    return bool(token) and token != STACK_TYPE and not token.startswith(PROVIDER_TYPES)


def of_event(event: EngineEvent) -> Step | Message | None:
    """The step or message of an engine event; None for an event that no user needs."""
    if event.diagnostic_event is not None:
        return _message(event.diagnostic_event)
    for phase, found in (
        ("started", event.resource_pre_event),
        ("done", event.res_outputs_event),
        ("failed", event.res_op_failed_event),
    ):
        if found is not None:
            return _step(found.metadata, phase)
    return None


def outputs_in(event: EngineEvent) -> dict[str, Any] | None:
    """The stack's outputs, where this event tells them; secrets are masked by the engine."""
    done = event.res_outputs_event
    if done is None or done.metadata.type != STACK_TYPE or done.metadata.new is None:
        return None
    return dict(done.metadata.new.outputs or {})


def of_progress_line(line: str) -> Progress | Retry | None:
    """A line that a provider appended while it waits; None for one that is not whole."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict):
        return None
    if entry.get("retry"):
        return Retry(single_line(str(entry.get("urn") or "")), single_line(str(entry["retry"])))
    words = {key: single_line(str(entry.get(key) or "")) for key in ("urn", "status", "verdict", "message")}
    return Progress(**words, seconds=float(entry.get("seconds") or 0))


def error_text(text: str) -> str:
    """An error as its user should read it: without the class, the engine's frame around it, and empty lines."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    words = " ".join(lines) if ERROR_CLASS in text else "\n".join(lines)
    bare = REFUSED.sub("", words.removeprefix(PROGRAM_FAILED))
    return bare.partition(ERROR_CLASS)[2] or bare


def _message(event: Any) -> Message | None:
    text = printable(str(event.message or "")).strip()
    if event.severity == "debug" or not (text or event.ephemeral):
        return None
    severity = event.severity.removeprefix("info#") if event.severity else "info"
    if severity != "error":
        return Message(severity, text, event.urn or "", bool(event.ephemeral))
    no_target = NO_TARGET.match(text)
    if no_target:
        return Message(severity, _needs_target(**no_target.groupdict()), event.urn or "", refused=True)
    removed = REMOVED_UNTARGETED.match(text)
    if removed:
        urn = removed["removed"]
        return Message(severity, _needs_removal(urn), event.urn or "", refused=True, removed=urn)
    reason = error_text(text)
    refused = PROTECTED in text or (bool(REFUSED.match(text)) and not reason.startswith(NO_ACCOUNT))
    return Message(severity, reason, event.urn or "", bool(event.ephemeral), refused)


def _needs_target(needs: str, needed: str) -> str:
    return (
        f"{label_of(needs)}: needs {label_of(needed)}, which does not exist yet and is "
        f"no target; add --target {name_of(needed)}"
    )


def _needs_removal(removed: str) -> str:
    return (
        f"{label_of(removed)}: is no longer declared, and this run does not select it; "
        f"add --target {name_of(removed)}, or run without --target and --only"
    )


def _step(metadata: Any, phase: str) -> Step | None:
    if not is_shown(metadata.urn):
        return None
    states = [state for state in (metadata.new, metadata.old) if state is not None]
    op = str(getattr(metadata.op, "value", metadata.op))
    return Step(
        metadata.urn,
        op,
        phase,
        _fields_of_creation(metadata) if op == "create" else _changes(metadata),
        kept=any(getattr(state, "retain_on_delete", False) for state in states),
        id=next((state.id for state in states if state.id), ""),
        former=metadata.old.urn if metadata.old is not None and metadata.old.urn != metadata.urn else "",
    )


def _fields_of_creation(metadata: Any) -> tuple[Change, ...]:
    declared = (metadata.new.inputs if metadata.new else None) or {}
    found = dict(fields(declared))
    if kind_of(metadata.urn) == Kind.DEPLOYMENT.noun:
        found.pop("traffic", None)
        found.setdefault(WEIGHT, 0)
    return tuple(Change(path, None, value) for path, value in found.items())


def _changes(metadata: Any) -> tuple[Change, ...]:
    """The properties in the engine's own property-level diff; hidden ones (`__…`) are none of a user's business."""
    old, new = metadata.old, metadata.new
    found: list[Change] = []
    for path in changed_paths(metadata):
        if path.startswith("__"):
            continue
        difference = metadata.detailed_diff[path]
        before = (old.inputs if difference.input_diff else old.outputs) if old is not None else {}
        after = (new.inputs if new else None) or {}
        found += _leaf_changes(path, readable_at(before or {}, path), readable_at(after, path))
    return tuple(found)


def _leaf_changes(path: str, before: Any, after: Any) -> Iterator[Change]:
    """One change for each value of a block that comes or goes as a whole. The service leaves a weight of 0 out."""
    sides = [dict(fields({path: side})) if isinstance(side, Mapping) else {} for side in (before, after)]
    if None not in (before, after) or not any(sides):
        yield Change(path, before, after)
        return
    for leaf in sorted({*sides[0], *sides[1]}):
        unset = 0 if leaf == WEIGHT else None
        yield Change(leaf, sides[0].get(leaf, unset), sides[1].get(leaf, unset))
