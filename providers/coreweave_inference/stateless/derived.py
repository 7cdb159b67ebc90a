"""Which live objects a stack made: those whose ids it would have chosen. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from coreweave_inference.api.objects import ApiObject
from coreweave_inference.declaration import Declaration, ObjectDeclaration
from coreweave_inference.importing.matching import Stack
from coreweave_inference.importing.snapshot import LiveObject
from coreweave_inference.model.identity import Place, object_id, replace_identity, salted
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.paths import segments
from coreweave_inference.model.shape import replacing_fields
from coreweave_inference.waiting import failure

BROKEN = ("FAILED", "ERROR")
DIGEST = re.compile(r"-[0-9a-f]{6}$")
"""What the derived name of a claim ends in, and one that had to be cut."""
DERIVED = 5
"""The version of the UUIDs that a stack chooses."""


@dataclass(frozen=True)
class Derived:
    """A live object that a stack made under `key`; `current`: its id is the one that the declaration leads to now."""

    live: LiveObject
    key: str
    current: bool = False


def live_object(item: ApiObject, *, broken: str = "", lost_weights: str = "") -> LiveObject:
    """An object of a LIST answer, with why a run waits for it."""
    return LiveObject(
        kind=item.kind,
        id=item.id,
        name=item.name,
        spec=item.spec,
        status=item.status,
        why=failure(item) if item.status in BROKEN else "",
        broken=broken,
        lost_weights=lost_weights,
        organization=item.organization_id,
        endpoints=item.endpoints,
        created_at=item.created_at,
        updated_at=item.updated_at,
    )


def derived_objects(
    stack: Stack, objects: Iterable[LiveObject], declaration: Declaration | None
) -> dict[str, Derived]:
    """By id the objects whose ids only this stack's identity leads to.

    The keys that are tried are those of the declaration, the aliases in it, and those that an object's own name tells. An
    object under another key, or inside of a component of a program, is not found.
    """
    declared = {} if declaration is None else {(item.kind, item.key): item for item in declaration.objects()}
    keys: dict[Kind, dict[str, str]] = {kind: {} for kind in Kind}
    for (kind, key), item in declared.items():
        keys[kind].update({former: key for former in former_keys(item) if former not in keys[kind]})
        keys[kind][key] = key
    planned = {id_: item for item in declared.values() for id_ in planned_ids(stack, item)}
    found = {}
    for live in objects:
        known = planned.get(live.id)
        if known is not None and known.kind is live.kind:
            found[live.id] = Derived(live, known.key, current=True)
        elif _is_derived(live.id):
            own = _key_of(stack, live, {**{key: key for key in _guessed(stack, live)}, **keys[live.kind]})
            if own is not None:
                found[live.id] = Derived(live, own)
    return found


def planned_ids(stack: Stack, item: ObjectDeclaration) -> tuple[str, ...]:
    """The ids that a declared object has or would get, under its key and its former ones; the first one is the next run's."""
    keys = (item.key, *former_keys(item))
    return tuple(id_ for key in keys for id_ in ids_under(stack, item, key))


def ids_under(stack: Stack, item: ObjectDeclaration, key: str) -> tuple[str, str]:
    """The ids of a declared object under one of its keys."""
    return _ids(stack, item.kind, key, replace_identity(item.kind, item.spec))


def former_keys(item: ObjectDeclaration) -> tuple[str, ...]:
    """The keys that an entry had, by its aliases."""
    return tuple(
        text.rpartition("::")[2] if text.startswith("urn:") else text for text in item.options.aliases
    )


def _ids(stack: Stack, kind: Kind, key: str, replaces: str) -> tuple[str, str]:
    id_ = object_id(stack.identity, kind, Place(key).unique, replaces)
    return id_, salted(id_)


def _is_derived(id_: str) -> bool:
    try:
        return UUID(id_).version == DERIVED
    except ValueError:
        return False


def _key_of(stack: Stack, live: LiveObject, keys: Mapping[str, str]) -> str | None:
    """The declared key, or the one that its name tells, under which this stack made an object; None if it did not."""
    variants = tuple(_replaces(live))
    for key, declared in keys.items():
        if any(live.id in _ids(stack, live.kind, key, replaces) for replaces in variants):
            return declared
    return None


def _replaces(live: LiveObject) -> Iterator[str]:
    """What an object was declared with when it was made, as its live spec tells: with its name, or without one."""
    members = {segments(path)[0] for path in replacing_fields(live.kind.model)}
    spec: dict[str, Any] = {name: live.spec.get(name) for name in members}
    for name in dict.fromkeys((None, live.name)):
        yield replace_identity(live.kind, {**spec, "name": name})


def _guessed(stack: Stack, live: LiveObject) -> Iterator[str]:
    """The keys that a name may come from."""
    for name in dict.fromkeys((live.name, DIGEST.sub("", live.name))):
        yield name
        suffix = f"-{stack.project}-{stack.name}".lower()
        if name.endswith(suffix):
            yield name.removesuffix(suffix)
