"""What a provider process has written, deleted and reserved. It lives for one phase of a run, so all of it is "in this run"."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from typing import Any

from coreweave_inference.errors import NotOurs
from coreweave_inference.model import Kind
from coreweave_inference.model.identity import place_in
from coreweave_inference.waiting import Streak

STACK_IDS = "COREWEAVE_STACK_IDS"
"""Environment variable: ids, separated by commas, of all that the state holds, which `cw-inference` knows. A record is as
old as the last run that ended ready."""


def ids_of_stack() -> frozenset[str]:
    """The ids that `cw-inference` found in the state, whatever the keys of their resources were."""
    return frozenset(filter(None, os.environ.get(STACK_IDS, "").split(",")))


@dataclass(frozen=True)
class Write:
    """When an object was written: on the monotonic clock, and at the latest by the service's (None: not known).

    `busy_before`: it was on its way already. `conditions_before`: when the newest of its conditions then was set.
    """

    at: float
    service_time: float | None
    busy_before: bool
    conditions_before: float = -inf


@dataclass
class Memory:
    """What this run has written and manages. Guarded by the interpreter: single operations on sets and dicts."""

    managed_ids: set[str] = field(default_factory=set)
    """Ids that a create or a non-replacing diff of this run manages: a delete of one does nothing."""
    owners: dict[str, str] = field(default_factory=dict)
    """URN by id of what this run found made: one object cannot be two resources."""
    adopted: dict[str, str] = field(default_factory=dict)
    """URN by id of what a creation of this run found made."""
    replaced: set[str] = field(default_factory=set)
    """URNs of what this run replaces because its declaration says so."""
    recorded: dict[str, set[str]] = field(default_factory=dict)
    """Ids that the state had before this run, by the URN of what was declared."""
    earlier_run: bool = False
    """The state had an account before this run."""
    reserved: dict[tuple[str, str], str] = field(default_factory=dict)
    """URN by what can be one resource's alone: a name, an id, a bucket, its policy."""
    checked: set[str] = field(default_factory=set)
    """URNs that the program declared in this run: only those were given to a `check`."""
    failed: bool = False
    """Something that the program declared was refused or failed in this run."""
    declared: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Declared normal form by id, of everything that was diffed or written."""
    ignored: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Paths of the fields that a declaration leaves to others, by id."""
    read: set[str] = field(default_factory=set)
    """Ids of objects that a refresh has read in this process: they are in the state."""
    written: set[str] = field(default_factory=set)
    """Ids that this process has sent a spec to."""
    writes: dict[str, Write] = field(default_factory=dict)
    """The last accepted write of this process, by id."""
    deleted: dict[str, tuple[Kind, str]] = field(default_factory=dict)
    """Id to kind and name of what this process has deleted."""
    accepted: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """What is noted of accepted deletions, by id: those of this process, and in an account's deletion those of the state."""
    confirmed_deleted: set[str] = field(default_factory=set)
    """Ids of what this process deleted and a GET then answered 404 for."""
    not_found: set[str] = field(default_factory=set)
    """Ids of what this process deleted, that no list showed and that a GET answered 404 for at the last look."""
    missing: dict[str, Streak] = field(default_factory=dict)
    """Looks in a row that did not show what was deleted, by id: one count for everyone who waits for it."""
    hidden: set[str] = field(default_factory=set)
    """Ids of what a GET has shown while no list did."""
    deletions: int = 0
    """How many deletions have begun in this process."""
    _asked: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def destroying(self) -> bool:
        """Whether this is a destroy: no program has declared anything in this run."""
        return not self.checked

    @contextmanager
    def asking_for(self, ids: Iterable[str]) -> Iterator[list[str]]:
        """Those of `ids` that nobody else is looking for at the moment; they are the caller's until the block ends."""
        with self._lock:
            mine = [id_ for id_ in ids if id_ not in self._asked]
            self._asked.update(mine)
        try:
            yield mine
        finally:
            with self._lock:
                self._asked.difference_update(mine)

    def claim_id(self, urn: str, id_: str) -> None:
        """Remember that this run declares `id_`. A refresh calls `diff` too, and declares nothing."""
        if urn not in self.checked:
            return
        self.bind_id(urn, id_)
        self.managed_ids.add(id_)

    def reserve(self, urn: str, what: str, value: object) -> str:
        """Remember that a resource declares `value` as its `what`; the name of another one that does too, else empty."""
        if not isinstance(value, str) or not value:
            return ""
        owner = self.reserved.setdefault((what, value), urn)
        return "" if owner == urn else place_in(owner).key

    def bind_id(self, urn: str, id_: str) -> None:
        """Raise NotOurs where another resource of this run has `id_`: renamed with an alias, its former key used anew."""
        owner = self.owners.setdefault(id_, urn)
        if owner != urn:
            name, other = (found.rsplit("::", 1)[-1] for found in (urn, owner))
            raise NotOurs(
                f'"{name}": the object {id_} belongs to "{other}" of this stack, which was called "{name}" before; '
                f'give "{name}" a `name` of its own, or another key'
            )
