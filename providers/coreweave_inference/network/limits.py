"""One request within a time, and abandoned soon once the run was asked to stop. For any client: it knows no HTTP library."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

LOOK_SECONDS = 0.2
GRACE_SECONDS = {"GET": 1.0, "HEAD": 1.0}
"""How long a request may still take once the run was asked to stop, by method."""
GRACE_OF_A_WRITE = 5.0
STOPPED = "stopped before the answer came"
T = TypeVar("T")


class CutShort(Exception):
    """No whole answer: `str` says why. `final`: a repeat would end the same way."""

    def __init__(self, why: str, *, final: bool) -> None:
        super().__init__(why)
        self.final = final


class Hanging:
    """Whether a read of one client was abandoned since the run was asked to stop: no further one is waited for then."""

    def __init__(self) -> None:
        self.seen = False


def within(
    send: Callable[[Callable[[], bool]], T],
    method: str,
    *,
    seconds: float,
    stopped: Callable[[], bool],
    hanging: Hanging | None = None,
) -> T:
    """What `send` returns, after at most `seconds` (real time); it is called with whether it was abandoned.

    Once `stopped` says so, a read ends after `GRACE_SECONDS`, and the others of its client (`hanging`) before they begin; a
    write, of which it matters what became of it, after `GRACE_OF_A_WRITE`. Raises CutShort, and what `send` raises.
    """
    hanging = (hanging or Hanging()) if method in GRACE_SECONDS else Hanging()
    if hanging.seen and stopped():
        raise CutShort(STOPPED, final=True)
    job = _Job(send)
    threading.Thread(target=job.run, name="request", daemon=True).start()
    start, stop_seen = time.monotonic(), 0.0
    grace = GRACE_SECONDS.get(method, GRACE_OF_A_WRITE)
    while not job.done.wait(LOOK_SECONDS):
        now = time.monotonic()
        stop_seen = stop_seen or (now if stopped() else 0.0)
        if stop_seen and now - stop_seen >= grace:
            job.abandoned = hanging.seen = True
            raise CutShort(STOPPED, final=True)
        if now - start >= seconds:
            job.abandoned = True
            raise CutShort(f"no whole answer within {seconds:.0f} s", final=False)
    if job.error is not None:
        raise job.error
    return job.result[0]


class _Job(Generic[T]):
    """A request in a thread of its own, which can be abandoned: a read that hangs cannot be ended from outside."""

    def __init__(self, send: Callable[[Callable[[], bool]], T]) -> None:
        self._send = send
        self.done = threading.Event()
        self.abandoned = False
        self.result: list[T] = []
        self.error: Exception | None = None

    def run(self) -> None:
        """Leave the result or the error, whichever it comes to."""
        try:
            self.result.append(self._send(lambda: self.abandoned))
        except Exception as error:
            self.error = error
        finally:
            self.done.set()


def joined(parts: Any, largest: int, abandoned: Callable[[], bool]) -> bytes:
    """The parts of an answer as one, as far as it was not abandoned. Raises CutShort beyond `largest` bytes."""
    size, found = 0, []
    for part in parts:
        size += len(part)
        if size > largest:
            raise CutShort(f"the answer is larger than {largest >> 20} MiB", final=True)
        if abandoned():
            break
        found.append(part)
    return b"".join(found)
