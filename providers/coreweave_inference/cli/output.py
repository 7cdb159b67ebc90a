"""Standard output and error of the command line: what cannot be shown never changes what a command does.

A pipe that nobody reads any more, a full disk, a closed descriptor and an encoding without a character are no errors here.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO, cast

from coreweave_inference.errors import printable, single_line

COMMAND = re.compile(r"^(\s*):(?=:)", re.MULTILINE)
"""Begins a line that GitHub Actions takes for a command."""

DOCUMENT_VERSION = 1
"""Of the JSON documents; it grows when a key goes or means something else, not when one is added."""
NO_COLOR = "NO_COLOR"
"""Environment variable: no colours, whatever its value (https://no-color.org)."""
COLOURS = {"+ ": "32", "= ": "32", "~ ": "33", "± ": "35", "- ": "31", "! ": "1;33"}
"""By how a line of a plan begins: the colour of a terminal."""


def say(text: str, *, error: bool = False, flush: bool = False) -> None:
    """Print lines for a person, without what would steer the terminal or the pipeline; `error`: on standard error."""
    print(shown(text), file=sys.stderr if error else sys.stdout, flush=flush)


def print_lines(lines: Iterable[str]) -> None:
    """Each on one line, whatever others wrote in it, and at once: what follows may take its time."""
    for line in lines:
        say(single_line(line), flush=True)


def print_plan(lines: Iterable[str]) -> None:
    """As `print_lines`; on a terminal that shows colours, each line in that of its sign (`+`, `~`, `-`, …)."""
    for line in lines:
        text = shown(single_line(line))
        colour = COLOURS.get(text[:2], "") if has_colours(sys.stdout) else ""
        print(f"\x1b[{colour}m{text}\x1b[0m" if colour else text, flush=True)


def has_colours(stream: TextIO) -> bool:
    """Whether what is printed there may have colours: a terminal, and nobody disabled them."""
    return stream.isatty() and not os.environ.get(NO_COLOR) and os.environ.get("TERM") != "dumb"


def print_document(document: Mapping[str, Any]) -> None:
    """Print JSON on one line. What others wrote in it stays as it is, and forms no command of a pipeline."""
    print(document_line(document))


def document_line(document: Mapping[str, Any]) -> str:
    """JSON on one line, with the version of its form."""
    return json.dumps({"version": DOCUMENT_VERSION, **document}).replace("##", "#\\u0023")


def shown(text: str) -> str:
    """`text` as a terminal and a pipeline's log may have it. GitHub Actions reads `::` at the beginning of a line and `##[`
    anywhere as the start of a command, Azure Pipelines `##vso[`.
    """
    return COMMAND.sub(r"\1: ", printable(text)).replace("##", "# #")


class Seldom:
    """Lets a line through once in `seconds`, of each kind: requests that fail side by side are sent again side by side."""

    def __init__(self, seconds: float = 5.0) -> None:
        self._seconds = seconds
        self._last: dict[str, float] = {}

    def allows(self, kind: str = "") -> bool:
        """Whether a line may be shown now; then it counts."""
        now = time.monotonic()
        if now - self._last.get(kind, -self._seconds) < self._seconds:
            return False
        self._last[kind] = now
        return True


class UnfailingStream:
    """A text stream whose `write` and `flush` never raise: once one of them fails, nothing is shown any more."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        """Show `text` where that is still possible."""
        try:
            self._stream.write(text)
        except (OSError, ValueError):
            self._give_up()
        return len(text)

    def flush(self) -> None:
        """Show what was written."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._give_up()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _give_up(self) -> None:
        """Send the rest nowhere, what the stream still holds included: the interpreter flushes it at its end."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            self._stream.flush()


@contextlib.contextmanager
def unfailing_output() -> Iterator[None]:
    """Standard output and error as streams that never raise, also where a descriptor is closed."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except (
            OSError
        ):  # The next file that is opened would get its number, and be written to by whoever inherits it.
            os.open(os.devnull, os.O_RDWR)
    streams = tuple(
        UnfailingStream(stream or os.fdopen(number, "w", closefd=False))
        for number, stream in ((1, sys.stdout), (2, sys.stderr))
    )
    sys.stdout, sys.stderr = (cast(TextIO, stream) for stream in streams)
    try:
        yield
    finally:
        for stream in streams:
            stream.flush()
