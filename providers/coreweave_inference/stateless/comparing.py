"""A declaration compared with an account, and what only the stack's state could tell. Pure.

The differences are those that a preview with refresh would show: the proof of an import makes them, with the ids that this
stack would have chosen in the place of those in a state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from coreweave_inference.api.objects import ApiObject
from coreweave_inference.declaration import Declaration, ObjectDeclaration
from coreweave_inference.importing.matching import Stack, name_of
from coreweave_inference.importing.proof import Expected, prove
from coreweave_inference.importing.snapshot import DELETING, LiveObject, Snapshot, in_order
from coreweave_inference.model.kinds import Kind
from coreweave_inference.status.computed import State, compute

from .derived import Derived, derived_objects, former_keys, ids_under, live_object, planned_ids
from .unknown import not_known

Key = tuple[str, str]
"""The kind in a sentence, and the key."""


@dataclass(frozen=True)
class Comparison:
    """`differences`: what a preview would show. `equal`: labels of the objects that are as declared. `not_known`: sentences on
    what only the state, another stack or object storage tells; `unread`: by kind why it could not be listed.
    """

    differences: tuple[Expected, ...] = ()
    equal: tuple[str, ...] = ()
    not_known: tuple[str, ...] = ()
    unread: Mapping[Kind, str] = field(default_factory=dict)


def compare(
    declaration: Declaration,
    lists: Mapping[Kind, Sequence[ApiObject]],
    stack: Stack,
    secrets: Mapping[str, str],
    *,
    now: float,
    settle_seconds: float,
    unread: Mapping[Kind, str] | None = None,
) -> Comparison:
    """Every object that is declared, compared with what is live. `secrets`: values of references by their names."""
    snapshot = Snapshot(
        in_order(
            live_object(item, broken=_why_broken(item, now, settle_seconds))
            for items in lists.values()
            for item in items
        )
    )
    read = _of_kinds(declaration, lists)
    items = {(item.kind.noun, item.key): item for item in read.objects()}
    derived = derived_objects(stack, snapshot.objects, read)
    matched = {key: _match(item, stack, snapshot, derived) for key, item in items.items()}
    proof = prove(read, snapshot, _with_matches(stack, items, matched, derived), secrets, frozenset())
    used = {live.id for live in matched.values() if live is not None}
    lost = [one for one in derived.values() if one.live.id not in used and one.live.status != DELETING]
    differences = (
        *(one for one in proof.expected if one.kind),
        *(_removed(one) for one in lost),
        *_waits(items, matched),
    )
    changed = {(one.kind, one.key) for one in differences}
    return Comparison(
        differences,
        tuple(
            f'{noun} "{key}"'
            for (noun, key), live in matched.items()
            if live is not None and (noun, key) not in changed
        ),
        (*proof.open, *not_known(declaration, snapshot, matched, derived, differences)),
        unread or {},
    )


def _of_kinds(declaration: Declaration, lists: Mapping[Kind, Sequence[ApiObject]]) -> Declaration:
    """The declaration without what could not be listed, and without buckets, which no list has."""
    return replace(
        declaration,
        buckets={},
        gateways=declaration.gateways if Kind.GATEWAY in lists else {},
        capacity_claims=declaration.capacity_claims if Kind.CAPACITY_CLAIM in lists else {},
        deployments=declaration.deployments if Kind.DEPLOYMENT in lists else {},
    )


def _match(
    item: ObjectDeclaration, stack: Stack, snapshot: Snapshot, derived: Mapping[str, Derived]
) -> LiveObject | None:
    """The live object of a declared one: by the id that it leads to, else by one that it led to, else by its name."""
    there = (snapshot.by_id(id_) for id_ in planned_ids(stack, item))
    former = (one.live for one in derived.values() if one.key == item.key and one.live.kind is item.kind)
    names = (name_of(item, stack, key) for key in (item.key, *former_keys(item)))
    named = (snapshot.named(item.kind, name) for name in names)
    candidates = (*there, *former, *named)
    return next((live for live in candidates if live is not None and live.status != DELETING), None)


def named_alike(
    declaration: Declaration, objects: Iterable[LiveObject], stack: Stack, derived: Mapping[str, Derived]
) -> tuple[LiveObject, ...]:
    """The objects that have a declared object's name, and no id that the stack would have chosen."""
    items = declaration.objects()
    names = {
        (item.kind, name_of(item, stack, key)) for item in items for key in (item.key, *former_keys(item))
    }
    return tuple(live for live in objects if (live.kind, live.name) in names and live.id not in derived)


def _with_matches(
    stack: Stack,
    items: Mapping[Key, ObjectDeclaration],
    matched: Mapping[Key, LiveObject | None],
    derived: Mapping[str, Derived],
) -> Stack:
    """The stack with what was found in the place of a state. A new object has the name and the id that a run would choose."""
    names, planned = {}, {}
    current = frozenset(one.live.id for one in derived.values() if one.current)
    for key, item in items.items():
        live = matched[key]
        if live is None or (live.id in derived and live.id not in current):
            planned[key] = planned_ids(stack, item)[0]
        elif live.id in current and not item.spec.get("name"):
            names[key] = _name_of_key(item, stack, live)
    recorded = {key: live.id for key, live in matched.items() if live is not None}
    return replace(stack, recorded=recorded, names=names, planned=planned, unmoved=current)


def _name_of_key(item: ObjectDeclaration, stack: Stack, live: LiveObject) -> str:
    """The derived name of an object that a run made under this key, or under one that it had."""
    keys = (item.key, *former_keys(item))
    made = (key for key in keys if live.id in ids_under(stack, item, key))
    return name_of(item, stack, next(made, item.key))


def _removed(one: Derived) -> Expected:
    live = one.live
    why = f"{live.name} ({live.id}): this stack made it, and it is not declared"
    return Expected("removes", f'{live.kind.noun} "{one.key}"', (why,), live.kind.noun, one.key, live.id)


def _why_broken(live: ApiObject, now: float, settle_seconds: float) -> str:
    found = compute(live.kind, live, now, settle_seconds)
    return found.reason if found.state is State.FAILED else ""


def _waits(
    items: Mapping[Key, ObjectDeclaration], matched: Mapping[Key, LiveObject | None]
) -> Iterator[Expected]:
    """What is live and does not serve, where a run waits for it."""
    for key, item in items.items():
        live = matched[key]
        if live is not None and live.broken and item.options.wait:
            yield Expected("breaks", f'{key[0]} "{key[1]}"', (live.broken,), *key, live.id)
