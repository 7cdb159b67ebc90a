"""Whether a live object is this stack's although the declaration does not say it (any more): its id tells.

Ids follow from the stack, the key and the fields that replace an object, so they can be computed again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from coreweave_inference.fleet.values import mapping, message, text, texts
from coreweave_inference.model.identity import default_name, object_id, place_in, replace_identity
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.unknown import has_unknown

from .objects import Item, LiveObject


@dataclass(frozen=True)
class Identity:
    """Whose objects these are: what ids and names are derived from."""

    stack_identity: str
    project: str
    stack: str

    def of(self, kind: Kind, key: str, spec: Mapping[str, Any]) -> tuple[str, str] | None:
        """Id and name of an object that is declared so; `None` where they cannot be known."""
        if not has_identity(kind, spec):
            return None
        replaces = replace_identity(kind, spec)
        place = place_in(key)
        name = spec.get("name") or default_name(kind, place, self.project, self.stack, replaces)
        return object_id(self.stack_identity, kind, place.unique, replaces), name

    def made(self, live: LiveObject, replaced: Iterable[Item]) -> bool:
        """Whether this stack made a live object: under a key that its name tells, or under that of an item that
        is in its place now. One that had a name of its own, and whose key was removed, is not recognised.
        """
        nameless = {**live.spec, "name": None}
        key = _key_in(live, f"-{self.project}-{self.stack}")
        if key and self._is(live, key, nameless):
            return True
        named = {**live.spec, "name": live.name or None}
        return any(self._is(live, item.key, named) for item in replaced if _may_replace(item, live))

    def _is(self, live: LiveObject, key: str, spec: Mapping[str, Any]) -> bool:
        found = self.of(live.kind, key, spec)
        return found is not None and found[0] == live.id


def _key_in(live: LiveObject, ending: str) -> str:
    """The key in a derived name: `chat` in `chat-serving-dev`; empty where the name was not derived for this stack."""
    name = live.name.rsplit("-", 1)[0] if live.kind is Kind.CAPACITY_CLAIM else live.name
    return name.removesuffix(ending) if name.endswith(ending) else ""


def _may_replace(item: Item, live: LiveObject) -> bool:
    """Whether an item may be what a live object was: of its kind, and a deployment under its model name."""
    if item.kind is not live.kind:
        return False
    names = (text(message(spec, "model"), "name") for spec in (item.spec, mapping(live.spec)))
    return item.kind is not Kind.DEPLOYMENT or next(names) == next(names)


def has_identity(kind: Kind, spec: Mapping[str, Any]) -> bool:
    """Whether the fields that an id is derived from are known, and of the form that they must have."""
    if not isinstance(spec.get("name") or "", str):
        return False
    resources = spec.get("resources")
    if kind is not Kind.CAPACITY_CLAIM:
        return True
    return (
        isinstance(resources, Mapping)
        and texts(resources, "zones") is not None
        and not has_unknown(resources)
    )
