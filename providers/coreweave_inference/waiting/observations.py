"""What a wait knows: live objects, the revision waited for, verdicts, and what earlier looks have shown.

Values only: nothing here judges, looks or knows the time.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from math import inf
from typing import Any, Protocol

from coreweave_inference.model import Kind

LASTING_LOOKS = 3
"""Looks in a row after which an ERROR, a missing object or a spec that is not the declared one may count."""


class Condition(Protocol):
    """One line of a status; `status` is None where the service gave neither true nor false."""

    @property
    def type(self) -> str: ...
    @property
    def status(self) -> bool | None: ...
    @property
    def reason(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def zone(self) -> str: ...
    @property
    def updated(self) -> datetime | None: ...


class Live(Protocol):
    """What a judge reads of a live object."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def spec(self) -> Mapping[str, Any]: ...
    @property
    def status(self) -> str: ...
    @property
    def conditions(self) -> Sequence[Condition]: ...
    @property
    def updated_at(self) -> str: ...
    @property
    def allocated_instances(self) -> int: ...
    @property
    def pending_instances(self) -> int: ...


def newest_condition(live: Live) -> float:
    """When the newest of an object's conditions was set, in epoch seconds of the service's; -inf where none tells it."""
    return max((c.updated.timestamp() for c in live.conditions if c.updated), default=-inf)


@dataclass(frozen=True)
class Revision:
    """One accepted write: distinguished from every other one, and from a later write of the same spec.

    `written_at` is epoch seconds by the service's clock where it tells the time, else by ours: a record, from which
    nothing is concluded within a run. `updated_before` is the object's `updatedAt` before the write (empty for a
    creation).
    """

    nonce: str
    written_at: float
    updated_before: str

    @classmethod
    def of_write(cls, now: float, updated_before: str = "") -> Revision:
        """A new one for a write that was accepted at `now`."""
        return cls(uuid.uuid4().hex[:12], now, updated_before)

    def __str__(self) -> str:
        written = datetime.fromtimestamp(self.written_at, timezone.utc).isoformat(timespec="milliseconds")
        return " ".join(part for part in (self.nonce, written, self.updated_before) if part)

    @classmethod
    def parse(cls, text: str) -> Revision:
        """The inverse of `str`, to the millisecond. What is not of that form is a write long ago."""
        parts = text.split(" ", 2)
        try:
            written = datetime.fromisoformat(parts[1]).timestamp()
        except (IndexError, ValueError, OverflowError):
            written = 0.0
        return cls(parts[0], written, parts[2] if len(parts) > 2 else "")


@dataclass(frozen=True)
class Waiting:
    """On the way; `why` in the service's words where it gave some."""

    why: str


@dataclass(frozen=True)
class Ready:
    """Serves the revision written (or is settled: a disabled deployment); `note` is worth telling."""

    note: str = ""


@dataclass(frozen=True)
class Failed:
    """Final for this run."""

    why: str


Verdict = Waiting | Ready | Failed


@dataclass(frozen=True)
class Target:
    """One object that is waited for.

    `declared` is its declared normal form, None where it is not known; `ignored` are the paths of fields that are
    left to others, whose live value is always the right one. `written_at` is the moment of the write on the monotonic
    clock that `judge` gets, `service_time` the latest moment that it can have had on the service's clock (epoch
    seconds, None: not known). `busy_before`: the object was on its way already when it was written. `conditions_before`: the
    newest of its conditions then, by the clock that dates conditions, which may be another one than that of answers.
    """

    kind: Kind
    id: str
    name: str
    revision: Revision
    timeout_seconds: float
    declared: Mapping[str, Any] | None = None
    ignored: tuple[str, ...] = ()
    written_at: float = -inf
    service_time: float | None = None
    busy_before: bool = False
    conditions_before: float = -inf

    @property
    def label(self) -> str:
        """`deployment "chat"`."""
        return f'{self.kind.noun} "{self.name}"'


@dataclass(frozen=True)
class Streak:
    """Looks in a row that showed the same trouble, and when the first of them was (monotonic seconds)."""

    looks: int = 0
    since: float = 0.0

    def one_more(self, now: float) -> Streak:
        """With one more look."""
        return Streak(self.looks + 1, self.since if self.looks else now)

    def lasts(self, now: float, settle_seconds: float) -> bool:
        """Whether it is no blip: seen in several looks, the first of them long enough ago."""
        return self.looks >= LASTING_LOOKS and now - self.since >= settle_seconds


@dataclass(frozen=True)
class History:
    """What earlier looks at one object have shown."""

    latched: bool = False
    missing: Streak = Streak()
    errors: Streak = Streak()
    others_spec: Streak = Streak()

    def seen(self, *, shows_write: bool) -> History:
        """After a look that showed the object; once a write was seen to show, that stays so."""
        return replace(self, missing=Streak(), latched=self.latched or shows_write)


@dataclass(frozen=True)
class Outcome:
    """How the wait for one object ended, or how far it is after a look.

    At the end a Waiting verdict means that its deadline passed (`late`, after `seconds`) or that the run stopped.
    """

    target: Target
    verdict: Verdict
    live: Live | None
    seconds: float
    late: bool = False
