"""What the service measured and what engines wrote: requests by deployment, and log lines. No HTTP and no query language."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .records import Record

MOST = 20_000


@dataclass(frozen=True)
class Request:
    """One request that a deployment answered; times in epoch seconds."""

    at: float
    deployment_id: str
    status: int
    seconds: float


@dataclass(frozen=True)
class Line:
    """One line of an engine's log."""

    at: float
    deployment_id: str
    text: str


class Telemetry:
    """Keeps the newest requests and lines; `now` is the simulated time."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._lines: list[Line] = []

    def answered(self, deployment_id: str, status: int, seconds: float) -> None:
        """Note a request."""
        with self._lock:
            self._requests = [*self._requests[-MOST:], Request(self._now(), deployment_id, status, seconds)]

    def write(self, deployment_id: str, text: str) -> None:
        """Add a line to a deployment's log."""
        with self._lock:
            self._lines = [*self._lines[-MOST:], Line(self._now(), deployment_id, text)]

    def requests(self, since: float) -> list[Request]:
        """The requests after a moment."""
        with self._lock:
            return [found for found in self._requests if found.at >= since]

    def lines(self, record: Record, conditions: Iterable[tuple[bool, str, str]]) -> list[Line]:
        """The log of a deployment: what an engine writes at its start, why it does not start, and what was added."""
        started = record.created_at
        found = [
            Line(started, record.id, f"INFO engine {record.spec['runtime']['engine']} starts"),
            *(
                Line(started + 1, record.id, f"ERROR {reason}: {message}")
                for holds, reason, message in conditions
                if not holds and record.outcome is not None and record.outcome.status != "STATUS_READY"
            ),
        ]
        with self._lock:
            return [*found, *(line for line in self._lines if line.deployment_id == record.id)]
