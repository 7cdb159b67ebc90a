"""`--events FILE`: what happens in a run, a JSON document on each line, written while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

import typer

from coreweave_inference.engine.events import Message, Progress, Retry, RunEvent, Step
from coreweave_inference.engine.results import Watch
from coreweave_inference.errors import CoreWeaveError, StartupError

from .documents import step_document
from .exits import FAILED, STOPPED, code_of_error
from .output import document_line


class EventFile:
    """Writes lines to `file`, whole and at once; to nowhere without one, and once the file cannot be written any more."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file
        self.result: Mapping[str, Any] = {}
        """The document of `--json`, once there is one."""

    def write(self, event: str, **fields: Any) -> None:
        """One line."""
        if self._file is None:
            return
        time = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            self._file.write(document_line({"event": event, "time": time, **fields}) + "\n")
            self._file.flush()
        except OSError:  # A full disk, a pipe that nobody reads: the run goes on.
            self._file = None

    def watching(self, watch: Watch, run: str) -> Watch:
        """`watch`, with every event of the run (`preview`, `up`, …) written before it."""

        def both(run_event: RunEvent) -> None:
            self.write(**fields_of(run_event), run=run)
            watch(run_event)

        return both


def fields_of(run_event: RunEvent) -> dict[str, Any]:
    """An event as a line has it."""
    if isinstance(run_event, Step):
        return {"event": "step", **step_document(run_event)}
    if isinstance(run_event, Retry):
        return {"event": "retry", "urn": run_event.urn, "text": run_event.text}
    if isinstance(run_event, Message):
        shown = {"severity": run_event.severity, "text": run_event.text, "urn": run_event.urn}
        return {"event": "message", **shown, "passing": run_event.ephemeral}
    assert isinstance(run_event, Progress)
    words = {"urn": run_event.urn, "status": run_event.status, "verdict": run_event.verdict}
    return {"event": "progress", **words, "text": run_event.message, "seconds": run_event.seconds}


@contextmanager
def event_file(path: Path | None, operation: str) -> Iterator[EventFile]:
    """The file of one command, with its first and its last line. Raises StartupError where it cannot be written."""
    if path is None:
        yield EventFile()
        return
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        raise StartupError(f"--events {path}: cannot be written: {error.strerror}") from error
    with file:
        events, code, errors = EventFile(file), 0, list[str]()
        events.write("start", operation=operation)
        try:
            yield events
        except typer.Exit as ended:
            code = ended.exit_code
            raise
        except CoreWeaveError as error:
            code, errors = code_of_error(error), str(error).splitlines()
            raise
        except KeyboardInterrupt:
            code = STOPPED
            raise
        except BaseException as error:
            code, errors = FAILED, [str(error) or type(error).__name__]
            raise
        finally:
            result = {"ok": code == 0, "errors": errors, **events.result, "operation": operation}
            events.write("end", operation=operation, code=code, result=result)
