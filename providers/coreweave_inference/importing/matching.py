"""Which live object a declared one is: by the id that the state has under its key, else by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from coreweave_inference.declaration import Declaration, ObjectDeclaration
from coreweave_inference.model.fields import HOST_LABEL
from coreweave_inference.model.identity import Place, default_name, replace_identity

from .snapshot import LiveObject, Snapshot

BUCKET, POLICY = "weights bucket", "inference bucket policy"
Recorded = Mapping[tuple[str, str], str]
"""By kind (as in a sentence) and key: the id that the stack's state has."""


@dataclass(frozen=True)
class OtherStack:
    """A stack beside the one that objects come into: what its state has (ids, and names of buckets), the ids that it derives
    for what its file declares, and the tag and the Sid by which buckets and statements are known to be its own.
    """

    label: str
    has: frozenset[str] = frozenset()
    derives: frozenset[str] = frozenset()
    tag: str = ""
    sid: str = ""


@dataclass(frozen=True)
class Stack:
    """The stack that objects come into: what names and the Sid of its statement derive from, and what its state has; and the
    stacks beside it, as far as they are known.

    Where no state is read: `recorded` is what was found instead, `names` are those of objects whose key was another one,
    `planned` the ids of objects that a run would make, and `unmoved` the ids that follow from what is declared now.
    """

    project: str
    name: str
    identity: str = ""
    recorded: Recorded = field(default_factory=dict)
    names: Recorded = field(default_factory=dict)
    planned: Recorded = field(default_factory=dict)
    unmoved: frozenset[str] = frozenset()
    others: tuple[OtherStack, ...] = ()
    unread: str = ""
    """What of other stacks could not be read."""

    def owner(self, id_: str) -> str:
        """The other stack whose state has an object or a bucket; empty where none has."""
        return next((other.label for other in self.others if id_ in other.has), "")

    def recorded_key(self, kind: str, id_: str) -> str:
        """The key under which the state has an object; empty where it has not, or where no file can have that key."""
        found = (key for (of, key), known in self.recorded.items() if of == kind and known == id_)
        return next((key for key in found if re.match(HOST_LABEL, key)), "")


def name_of(item: ObjectDeclaration, stack: Stack, key: str = "") -> str:
    """The name that a declared object has, or would get; `key`: under a former key of it."""
    known = item.spec.get("name") or stack.names.get((item.kind.noun, item.key))
    replaces = replace_identity(item.kind, item.spec)
    return str(known or default_name(item.kind, Place(key or item.key), stack.project, stack.name, replaces))


def match(declaration: Declaration, snapshot: Snapshot, stack: Stack) -> dict[str, ObjectDeclaration]:
    """By id the declared objects that are live."""
    found = {}
    for item in declaration.objects():
        live = live_of(item, snapshot, stack)
        if live is not None:
            found[live.id] = item
    return found


def live_of(item: ObjectDeclaration, snapshot: Snapshot, stack: Stack) -> LiveObject | None:
    """The live object of a declared one; None where there is none, or it is being deleted."""
    recorded = stack.recorded.get((item.kind.noun, item.key))
    if recorded is not None:
        return snapshot.by_id(recorded)
    return snapshot.named(item.kind, name_of(item, stack))


def match_existing(declaration: Declaration, snapshot: Snapshot) -> dict[str, str]:
    """By id the keys of gateways and claims that the declaration uses and does not manage."""
    found = {}
    for item in declaration.existing.objects():
        live = snapshot.by_id(item.id) if item.id else snapshot.named(item.kind, item.name or "")
        if live is not None:
            found[live.id] = item.key
    return found


def gateway_ids(
    item: ObjectDeclaration, declaration: Declaration, snapshot: Snapshot, stack: Stack
) -> list[str] | None:
    """The ids of a deployment's gateways; None where one of them is not live, or only another stack knows it."""
    known = {key: id_ for id_, key in match_existing(declaration, snapshot).items()}
    for key, gateway in declaration.gateways.items():
        live = live_of(gateway, snapshot, stack)
        planned = stack.planned.get((gateway.kind.noun, key))
        if planned or live is not None:
            known[key] = planned or (live.id if live else "")
    found = [known.get(key) for key in item.gateways]
    return None if None in found else [id_ for id_ in found if id_]


def declared_buckets(declaration: Declaration) -> dict[str, str]:
    """By name the keys of the buckets that a declaration has, managed or used."""
    existing = {item.name: key for key, item in declaration.existing.buckets.items() if item.name}
    return {**existing, **{item.name: key for key, item in declaration.buckets.items()}}
