"""The live table's rows: events go in, rows come out. Pure but for the clock it is given; it draws nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from coreweave_inference.engine.events import Message, Progress, Retry, RunEvent, Step
from coreweave_inference.engine.results import verb_of

from .formatting import DOING, DONE, subject


@dataclass(frozen=True)
class Row:
    """One resource. `state` is `running`, `done`, `failed` or `waiting`; `since` is when it began, by the caller's clock."""

    urn: str
    object: str
    what: str
    state: str
    since: float
    until: float | None = None
    status: str = ""
    message: str = ""

    def age(self, now: float) -> float:
        """Seconds it has taken, or took."""
        return (self.until if self.until is not None else now) - self.since


@dataclass(frozen=True)
class Ready:
    """How many of the objects that are waited for are ready."""

    ready: int
    total: int
    seconds: float
    waiting: tuple[str, ...]


class Rows:
    """Every resource of a run, in the order in which it was first heard of."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._rows: dict[str, Row] = {}
        self._progress: dict[str, Progress] = {}

    def add(self, run_event: RunEvent) -> Row | None:
        """Take an event in; the row that it changed, if it changed one."""
        before = self._rows.get(self._urn(run_event))
        if isinstance(run_event, Step):
            self._step(run_event)
        elif isinstance(run_event, Progress):
            self._show_progress(run_event)
        elif run_event.urn in self._rows and isinstance(run_event, Retry):
            self._rows[run_event.urn] = replace(self._rows[run_event.urn], message=run_event.text)
        elif run_event.urn in self._rows and isinstance(run_event, Message):
            self._message(run_event)
        after = self._rows.get(self._urn(run_event))
        return after if after != before else None

    def rows(self) -> list[Row]:
        """One for each object of the run, in the order in which they were first heard of."""
        return list(self._rows.values())

    def ready(self) -> Ready | None:
        """How far the wait is; None where nothing is waited for."""
        latest = self._progress.values()
        waiting = tuple(
            self._rows[p.urn].object for p in latest if p.verdict == "waiting" and p.urn in self._rows
        )
        if not waiting:
            return None
        return Ready(
            sum(p.verdict == "ready" for p in latest),
            len(latest),
            max((p.seconds for p in latest), default=0.0),
            waiting,
        )

    def _urn(self, run_event: RunEvent) -> str:
        return run_event.urn

    def _step(self, step: Step) -> None:
        if step.op == "refresh" and step.urn in self._rows:
            return
        row = self._rows.get(step.urn) or Row(step.urn, subject(step), "", "running", self._now())
        word = verb_of(step)
        if step.phase == "started":
            self._rows[step.urn] = replace(
                row, what=word, state="running", since=self._now(), until=None, status=""
            )
        elif step.phase == "failed":
            self._rows[step.urn] = replace(row, what=word, state="failed", until=self._now(), status="failed")
        else:
            self._done(row, word)

    def _done(self, row: Row, word: str) -> None:
        progress = self._progress.get(row.urn)
        waiting = progress is not None and progress.verdict == "waiting"
        self._rows[row.urn] = replace(
            row,
            what=word,
            state="waiting" if waiting else "done",
            until=None if waiting else self._now(),
            status=row.status or DONE.get(word, word),
            message=progress.message if progress is not None else "",
        )

    def _show_progress(self, progress: Progress) -> None:
        self._progress[progress.urn] = progress
        row = self._rows.get(progress.urn)
        if row is None:
            return
        state = {"waiting": "waiting", "failed": "failed", "ready": "done"}.get(progress.verdict, row.state)
        # Every look reports every object: what is ready already, or was never waited for, has its age.
        lasts = state == "done" and (
            row.what == "same" or (row.state == "done" and row.status == progress.status)
        )
        self._rows[progress.urn] = replace(
            row,
            state=state,
            until=row.until if lasts else (None if state == "waiting" else self._now()),
            status=progress.status or row.status,
            message=progress.message,
        )

    def _message(self, message: Message) -> None:
        row = self._rows[message.urn]
        if message.severity == "error" or message.ephemeral:
            self._rows[message.urn] = replace(row, message=" ".join(message.text.split()))


def status_of(row: Row) -> str:
    """The service's status, or what is being done."""
    return row.status or DOING.get(row.what, row.what)
