"""What decides how a run that ended badly is reported: whether it sent a write, and whether a refusal or a failure ended it.

All are marks of this process, and files in the directory of the run that it belongs to, where there is one.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from coreweave_inference.clock import RUN_DIRECTORY
from coreweave_inference.errors import is_failure

WROTE, REFUSED, FAILED = "wrote", "refused", "failed"
READS = ("GET", "HEAD")

_marks: set[str] = set()


def mark(name: str) -> None:
    """Set the mark `name`, for good."""
    _marks.add(name)
    if directory := os.environ.get(RUN_DIRECTORY):
        with suppress(OSError):
            (Path(directory) / name).touch()


def is_marked(name: str) -> bool:
    """Whether this process set the mark since `forget`."""
    return name in _marks


def forget() -> None:
    """Begin anew: a command that starts in a process that ran another one before."""
    _marks.clear()


def note_request(method: str) -> None:
    """Note that a request of this HTTP method is about to be sent: what is no read may write, whatever the answer."""
    if method not in READS:
        mark(WROTE)


def note_error(error: BaseException) -> None:
    """Note an error that ends what the program or a provider was asked for."""
    mark(FAILED if is_failure(error) else REFUSED)
