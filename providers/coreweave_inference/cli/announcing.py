"""What depends on a terminal while nothing can be shown yet: which stack, and that a preview still runs.

It imports nothing that takes time, so that its first line is there at once.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from coreweave_inference.engine.directory import StackDirectory
from coreweave_inference.errors import CoreWeaveError, plural
from coreweave_inference.settings.resolution import resolve

from .output import Seldom, shown

if TYPE_CHECKING:
    from coreweave_inference.engine.events import RunEvent

FIRST_SECONDS = 2.0
FURTHER_SECONDS = 10.0

Say = Callable[[str], None]


def say_to(*, as_json: bool) -> Say:
    """Prints lines at once, on the terminal: standard output, or standard error where that is none.

    Beside a JSON document they go to standard error, terminal or not; a report that is piped has the report alone.
    """
    streams = [sys.stderr] if as_json else [found for found in (sys.stdout, sys.stderr) if found.isatty()]
    return lambda line: print(shown(line), file=streams[0], flush=True) if streams else None


def announce_look(doing: str, directory: Path, stack: str | None, *, as_json: bool) -> None:
    """The first line of a command that only looks, on a terminal, before anything that takes time is imported."""
    announce(announcement(doing, directory, stack), as_json=as_json)


def announce(line: str, *, as_json: bool) -> None:
    """The same, where the line names something else than a stack."""
    if sys.stdout.isatty() and not as_json:
        print(shown(line), flush=True)


def announcement(doing: str, directory: Path, stack: str | None) -> str:
    """`previewing stack dev (project serving) at https://…`, as far as it is known without asking anybody."""
    try:
        found = StackDirectory.at(directory)
    except CoreWeaveError:  # The run itself says what is wrong, here and below.
        return f"{doing} {directory} …"
    names = (stack,) if stack else found.stacks()
    if len(names) != 1:
        return f"{doing} project {found.project} …"
    (name,) = names
    return f"{doing} stack {name} (project {found.project}){_place(found, name)} …"


def _place(directory: StackDirectory, stack: str) -> str:
    try:
        keys = directory.secret_keys(stack)
        settings = resolve(os.environ, directory.plain_configuration(stack), keys, require_token=False)
    except CoreWeaveError:
        return ""
    return f" at {settings.endpoint}"


class Previewing:
    """Watches a preview: a line after two seconds, and then every ten, with how far it is."""

    def __init__(self, say: Say, first_seconds: float = FIRST_SECONDS) -> None:
        self._say = say
        self._first = first_seconds
        self._seen: set[str] = set()
        self._retries = Seldom()

    def __call__(self, run_event: RunEvent) -> None:
        """Something was read or planned, or a request is sent again."""
        from coreweave_inference.engine.events import (
            Retry,  # Heavier than the first line; by now it is there.
        )

        if isinstance(run_event, Retry) and self._retries.allows():
            self._say(run_event.text)
        if run_event.urn:
            self._seen.add(run_event.urn)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Around the preview."""
        over, started = threading.Event(), time.monotonic()

        def report() -> None:
            rest = self._first
            while not over.wait(rest):
                seconds, count = time.monotonic() - started, len(self._seen)
                self._say(f"still previewing, {seconds:.0f} s: {plural(count, 'object')} read")
                rest = FURTHER_SECONDS

        reporter = threading.Thread(target=report, name="previewing", daemon=True)
        reporter.start()
        try:
            yield
        finally:
            over.set()
            reporter.join()
