"""What a provider of one kind of resource does, over plain data: no host, no globals.

A `Session` carries everything else: settings, clock, progress (`Session.log`), cancellation (`Session.stopped`), and what this
process has done so far. Whoever hosts a lifecycle turns its own values into plain ones and back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from coreweave_inference.errors import Fault

from .session import Session

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Checked:
    """The inputs to record, and what is wrong with them, one line each."""

    inputs: dict[str, Any]
    faults: tuple[str, ...] = ()

    @classmethod
    def of(cls, subject: str, inputs: dict[str, Any], faults: Iterable[Fault]) -> Checked:
        """With each fault as one line about `subject`."""
        return cls(inputs, tuple(f"{subject}: {fault}" for fault in faults))


@dataclass(frozen=True)
class Difference:
    """Whether a run has to write: nothing, in place, or (`replaces` names the fields that force it) a new object."""

    same: bool = False
    replaces: tuple[str, ...] = ()
    delete_first: bool = False


SAME = Difference(same=True)


@dataclass(frozen=True)
class Created:
    """What was created or adopted."""

    id: str
    outputs: dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A resource in the state. Inputs and URN are empty where the host does not tell them."""

    id: str
    outputs: Values
    inputs: Values = field(default_factory=dict)
    urn: str = ""


@dataclass(frozen=True)
class Observed:
    """What a refresh records."""

    outputs: dict[str, Any]
    inputs: dict[str, Any]


class Lifecycle(Protocol):
    """The six steps of a resource. Each raises CoreWeaveError; `create` and `update` raise Incomplete, with what to record,
    where the service had accepted the write.
    """

    def check(self, run: Session, before: Values, declared: dict[str, Any]) -> Checked:
        """Refuse what can be refused before anything runs; fill in what is known by then. `before` are recorded inputs."""
        ...

    def diff(self, run: Session, id_: str, old: Values, new: Values) -> Difference:
        """`old` are the recorded outputs, `new` the checked inputs."""
        ...

    def create(self, run: Session, declared: dict[str, Any]) -> Created:
        """Make it, or adopt what an earlier run made."""
        ...

    def update(self, run: Session, id_: str, old: Values, declared: dict[str, Any]) -> dict[str, Any]:
        """Bring it to what is declared; the outputs."""
        ...

    def read(self, run: Session, entry: Entry) -> Observed | None:
        """As it is live; None where its deletion is confirmed."""
        ...

    def delete(self, run: Session, entry: Entry) -> None:
        """Delete it; missing is success where its deletion is confirmed."""
        ...
