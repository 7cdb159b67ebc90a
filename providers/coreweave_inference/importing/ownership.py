"""Which objects may be another stack's although no state that is known has them. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from coreweave_inference.declaration import ObjectDeclaration
from coreweave_inference.model.identity import Place, object_id, replace_identity, salted

from .matching import Stack
from .snapshot import LiveObject

DERIVED = 5
"""The version of the UUIDs that stacks derive; the service and people choose random ones."""


def derived_ids(item: ObjectDeclaration, identity: str) -> tuple[str, ...]:
    """The ids that a stack may give to what it declares."""
    place = Place(item.key).unique
    first = object_id(identity, item.kind, place, replace_identity(item.kind, item.spec))
    return first, salted(first)


def doubts(objects: Iterable[tuple[LiveObject, ObjectDeclaration]], stack: Stack) -> tuple[str, ...]:
    """Lines on objects whose ids a stack derived although no state that is known has them; ids of the stack itself are fine."""
    known: dict[str, list[str]] = {}
    for live, item in objects:
        if not is_derived(live.id) or (stack.identity and live.id in derived_ids(item, stack.identity)):
            continue
        label = next((other.label for other in stack.others if live.id in other.derives), "")
        known.setdefault(label, []).append(live.label)
    lines = tuple(
        f"{', '.join(labels)}: {_made_by(label, several=len(labels) > 1)}; an object belongs to one "
        "stack: make sure that no state has it any more (docs/how-to/import.md, from another stack)"
        for label, labels in known.items()
    )
    return (*lines, *([f"whether other stacks have any of it: {stack.unread}"] if stack.unread else []))


def _made_by(label: str, *, several: bool) -> str:
    ids, them = ("their ids are", "them") if several else ("its id is", "it")
    if label:
        return f"{ids} of stack {label}, whose state does not have it"
    return f"{ids} of the form that this package derives, so a stack that is not known here made {them}"


def is_derived(id_: str) -> bool:
    """Whether an id is of the form that stacks derive."""
    try:
        return uuid.UUID(id_).version == DERIVED
    except ValueError:
        return False
