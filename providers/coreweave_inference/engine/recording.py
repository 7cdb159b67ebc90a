"""What happens in a run, taken in as it happens: recorded, and handed to whoever watches, one event at a time."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from threading import Lock

from pulumi import automation

from .events import RunEvent, Step, error_text, of_event, outputs_in
from .findings import Places, located
from .results import Record, Watch


class Recorder:
    """The record of one run, and how long it has taken. Creations at the URNs in `adopted` are shown as adoptions.

    `lock` keeps the events of a run, and those of its providers' progress, apart.
    """

    def __init__(self, operation: str, watch: Watch, lock: Lock, adopted: Collection[str]) -> None:
        self.record = Record(refreshing=operation == "refresh")
        self._operation = operation
        self._watch = watch
        self._lock = lock
        self._adopted = adopted
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return round(time.monotonic() - self._started, 2)

    def take(self, event: RunEvent) -> None:
        """Record what happened, and show it."""
        with self._lock:
            self.record.add(event)
            with suppress(OSError):  # The terminal may have been closed.
                self._watch(event)

    def on_event(self, event: automation.EngineEvent) -> None:
        """Take in what the engine reports."""
        self.record.outputs.update(outputs_in(event) or {})
        self.record.document.add(event)
        found = of_event(event)
        if isinstance(found, Step) and found.op == "create" and found.urn in self._adopted:
            found = replace(found, op="adopt")
        if found is not None:
            self.take(found)

    def errors(self, failure: Exception | None, places: Places | None) -> tuple[str, ...]:
        """One line on each thing that went wrong, and of what was refused before the run the place in the declaration."""
        found = self.record.errors() or (() if failure is None else (error_text(str(failure)),))
        return located(found, places) if self.record.refused or self._operation == "preview" else found
