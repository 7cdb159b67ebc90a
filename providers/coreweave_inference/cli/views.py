"""A run while it lasts: a live table on a terminal, plain lines elsewhere, nothing at all for machines."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from coreweave_inference.engine.events import Message, Progress, Retry, RunEvent, Step
from coreweave_inference.engine.results import verb_of
from coreweave_inference.errors import single_line

from .formatting import DOING, DONE, READINESS, subject
from .output import Seldom, say
from .rows import Ready, Row, Rows, status_of

if TYPE_CHECKING:
    from rich.table import Table

HEARTBEAT_SECONDS = 10.0
REFRESHES_PER_SECOND = 4
STYLES = {"done": "green", "failed": "bold red", "waiting": "yellow", "running": "cyan"}


class View:
    """Watches a run; this one shows nothing. Messages that were `shown` with the plan are not shown again."""

    shown: frozenset[str] = frozenset()

    def __call__(self, run_event: RunEvent) -> None:
        """Something happened."""

    def running(self) -> AbstractContextManager[None]:
        """Around the run."""
        return _nothing()


def _is_worth(message: Message) -> bool:
    """Whether it stays on the screen; errors come at the end."""
    return not message.ephemeral and message.severity != "error"


@contextmanager
def _nothing() -> Iterator[None]:
    yield


class Lines(View):
    """One line per change of state, and one every ten seconds while something is waited for."""

    def __init__(self, print_line: Any = say, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        self._print = print_line
        self._rows = Rows(time.monotonic)
        self._heartbeat = heartbeat_seconds
        self._retries = Seldom()
        self._last_line = time.monotonic()
        self._last_shown: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def __call__(self, run_event: RunEvent) -> None:
        """Print what is new."""
        with self._lock:
            row = self._rows.add(run_event)
            line = self._line(run_event, row)
            if line:
                self._say(single_line(line))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep a heart beating beside the run."""
        self._last_line = (
            time.monotonic()
        )  # Now the run begins: what was shown before it was not this view's.
        over = threading.Event()
        beat = threading.Thread(target=self._beat, args=(over,), name="heartbeat", daemon=True)
        beat.start()
        try:
            yield
        finally:
            over.set()
            beat.join()

    def _line(self, run_event: RunEvent, row: Row | None) -> str:
        if isinstance(run_event, Step):
            return self._step(run_event, row)
        if isinstance(run_event, Progress):
            return self._progress(run_event, row)
        if isinstance(run_event, Retry):
            text = f"{row.object}: {run_event.text}" if row else run_event.text
            return text if self._retries.allows(run_event.urn) else ""
        worth = _is_worth(run_event) and run_event.text not in self.shown
        return f"{run_event.severity}: {run_event.text}" if worth else ""

    def _step(self, step: Step, row: Row | None) -> str:
        word = verb_of(step)
        if word in ("same", "read", "refresh") or row is None:
            return ""
        if step.phase == "started":
            return "" if word == "keep" else f"{subject(step)}: {DOING.get(word, word)}"
        if step.phase == "failed":
            return f"{subject(step)}: failed"
        return f"{subject(step)}: {DONE.get(word, word)} ({row.age(time.monotonic()):.1f} s)"

    def _progress(self, progress: Progress, row: Row | None) -> str:
        now, before = (progress.status, progress.verdict), self._last_shown.get(progress.urn)
        self._last_shown[progress.urn] = now
        first_and_ready = before is None and progress.verdict == "ready"
        if row is None or now == before or first_and_ready:
            return ""
        told_at_the_end = progress.verdict == "failed"  # As the run's error, which says it once.
        message = f": {progress.message}" if progress.message and not told_at_the_end else ""
        return f"{row.object}: {progress.verdict} ({progress.status or 'not there yet'}, {progress.seconds:.0f} s){message}"

    def _beat(self, over: threading.Event) -> None:
        while not over.wait(min(1.0, self._heartbeat)):
            with self._lock:
                if time.monotonic() - self._last_line >= self._heartbeat:
                    self._say(waiting_line(self._rows))

    def _say(self, line: str) -> None:
        self._last_line = time.monotonic()
        self._print(line, flush=True)


def waiting_line(rows: Rows) -> str:
    """`ready 3/5, 20 s: waiting for deployment "chat"`, or what is running, else what was done at last."""
    ready = rows.ready()
    if ready is not None:
        return _of_ready(ready)
    # A component that stays begins with the run and ends with it.
    known = [row for row in rows.rows() if (row.what, row.state) != ("same", "running")]
    busy = [f"{row.object} ({DOING.get(row.what, row.what)})" for row in known if row.state == "running"]
    if busy:
        return f"still running: {', '.join(busy[:5])}{f' and {len(busy) - 5} more' if len(busy) > 5 else ''}"
    last = max(known, key=lambda row: row.until or row.since, default=None)
    return (
        f"still running; last: {last.object} ({status_of(last)})"
        if last
        else "still running: the engine is starting"
    )


def _of_ready(ready: Ready) -> str:
    names = ", ".join(ready.waiting[:5]) + (
        f" and {len(ready.waiting) - 5} more" if len(ready.waiting) > 5 else ""
    )
    return f"ready {ready.ready}/{ready.total}, {ready.seconds:.0f} s: waiting for {names}"


class LiveTable(View):
    """One table that redraws itself; messages that stay scroll by above it."""

    def __init__(self, console: Any, now: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._now = now
        self._retries = Seldom()
        self._rows = Rows(now)
        self._lock = threading.Lock()

    def __call__(self, run_event: RunEvent) -> None:
        """Change a row; the table is drawn by its own timer."""
        with self._lock:
            row = self._rows.add(run_event)
        if isinstance(run_event, Message) and _is_worth(run_event) and run_event.text not in self.shown:
            style = "yellow" if run_event.severity == "warning" else "dim"
            self._print(f"{run_event.severity}: {run_event.text}", style)
        elif isinstance(run_event, Retry) and row is None and self._retries.allows():
            self._print(run_event.text, "yellow")

    def _print(self, line: str, style: str) -> None:
        self._console.print(single_line(line), style=style, markup=False, highlight=False)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Show the table while the run lasts; its last state stays."""
        from rich.live import Live

        with Live(
            get_renderable=self.table,
            console=self._console,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=False,
        ):
            yield

    def table(self) -> Table:
        """The rows as they are now; what is unchanged and ready is one line."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("object", "what", "status", "age", "message"):
            # A name as long as the window is wide leaves room for the other columns.
            table.add_column(
                name,
                no_wrap=name not in ("object", "message"),
                overflow="fold",
                justify="right" if name == "age" else "left",
                min_width=len(name),
                max_width=max(20, self._console.width // 2 - 4) if name == "object" else None,
            )
        with self._lock:
            rows, ready = self._rows.rows(), self._rows.ready()
        now = self._now()
        for row in rows:
            if row.what in ("same", "refresh") and row.state == "done" and row.object != READINESS:
                continue
            age = f"{row.age(now):.0f} s"
            cells = (row.object, row.what, status_of(row), age, row.message)
            table.add_row(
                *(Text(cell, style=STYLES[row.state] if at == 2 else "") for at, cell in enumerate(cells))
            )
        table.caption = Text(_of_ready(ready)) if ready is not None else None
        table.caption_justify = "left"
        return table
