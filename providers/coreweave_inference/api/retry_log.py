"""Where a request that is sent again is reported: to whoever watches the run, else to whoever listens in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from coreweave_inference.clock import PROGRESS, RUN_DIRECTORY

_listener: Callable[[str], None] | None = None


def listen(listener: Callable[[str], None]) -> None:
    """Tell `listener` of each request of this process that is sent again, outside of a run of `cw-inference`."""
    global _listener
    _listener = listener


def report_retry(text: str, urn: str = "") -> None:
    """Report one; `urn` is the resource that it is sent for, where that is known."""
    directory = os.environ.get(RUN_DIRECTORY)
    if not directory:
        if _listener is not None:
            _listener(text)
        return
    try:
        with (Path(directory) / PROGRESS).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"urn": urn, "retry": text}) + "\n")
    except OSError:  # A line that cannot be shown must never fail what it speaks of.
        return
