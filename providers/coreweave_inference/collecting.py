"""Garbage collections that would find nothing are left out: while modules are imported, and of what is left at the end."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = 50_000
"""Objects that are made between two collections; Python's own 700 are for small machines."""


@contextmanager
def paused() -> Iterator[None]:
    """For imports: what they make stays."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def none_at_the_end() -> None:
    """What is there when the process ends goes with it; looking through it takes longer than a small program."""
    atexit.register(gc.freeze)


def seldom() -> None:
    """For a process that is ours alone."""
    gc.set_threshold(SELDOM)
    none_at_the_end()
