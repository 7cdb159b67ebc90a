"""What a run with `--target` or `--only` does with the objects that it does not select. Pure.

The engine leaves an object as the state has it if the program declares it and it is no target. It refuses one that is no
longer declared, once something that it depends on is a target, as the account always is. And it writes an invalid state
where a target was renamed (`aliases`) and what depends on it is no target.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from coreweave_inference.errors import StartupError
from coreweave_inference.model.resource_types import TYPES
from coreweave_inference.program.recorded import resources_of

from .events import Message, Step, label_of, name_of, type_of
from .selection import Selection

State = Mapping[str, Any] | None


def can_stay(state: State, removed: Iterable[str]) -> tuple[str, ...]:
    """The URNs of `removed`, in the order of the state, where a limited run can leave all of them: their program declares
    them again. Objects of other providers and in components cannot be declared by their URN alone.
    """
    found = set(removed)
    if not all(urn.split("::")[2].startswith(TYPES) for urn in found):
        return ()
    return tuple(entry["urn"] for entry in _live(state) if entry["urn"] in found)


def note_staying(urns: Iterable[str], selection: Selection) -> tuple[Message, ...]:
    """One line for each object that a limited run leaves though it is no longer declared."""
    option = "--only" if selection.only else "--target"
    text = "is no longer declared, and this run does not select it: it stays; run without"
    return tuple(Message("info", f"{label_of(urn)}: {text} {option} to delete it", urn) for urn in urns)


def require_dependents(steps: Iterable[Step], state: State, selection: Selection) -> None:
    """Raise StartupError where a selected object was renamed and something that depends on it is not selected."""
    renamed = {step.former: step.urn for step in steps if step.former and selection.selects(step.urn)}
    for entry in _live(state) if renamed else ():
        used = renamed.keys() & _dependencies(entry)
        if used and not selection.selects(entry["urn"]) and entry["urn"] not in renamed:
            new, user = renamed[min(used)], entry["urn"]
            add = (
                f"run without --only {selection.only}" if selection.only else f"add --target {name_of(user)}"
            )
            raise StartupError(
                f"{label_of(new)}: was renamed, and {label_of(user)}, which depends on it, is not selected; nothing was "
                f"written; {add}"
            )


def _live(state: State) -> Iterator[Mapping[str, Any]]:
    return (entry for entry in resources_of(state) if not entry.get("delete") and type_of(entry["urn"]))


def _dependencies(entry: Mapping[str, Any]) -> set[str]:
    by_property = (entry.get("propertyDependencies") or {}).values()
    found = {*(entry.get("dependencies") or ()), *(urn for urns in by_property for urn in urns or ())}
    return found | {str(entry.get("parent") or ""), str(entry.get("deletedWith") or "")}
