"""The lock that the CLI puts on a stack: whose it is, and whether its process surely ended.

Taking a lock away is `operations`'.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from coreweave_inference.api.objects import parsed_time

from .engine_processes import EngineProcess

LONGEST_START_SECONDS = 300.0
"""How long an engine may take from its start to its lock."""
LOCKED = "is currently locked by"
_LOCK = re.compile(
    r"created by (?P<user>\S+)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<time>\S+)",
)


@dataclass(frozen=True)
class Lock:
    """One lock: who took it, on which machine, and when."""

    user: str
    host: str
    pid: int
    time: str

    def __str__(self) -> str:
        return f"{self.user}@{self.host} (process {self.pid}) since {self.time}"


def locks_in(text: str) -> tuple[Lock, ...]:
    """The locks that an error of the CLI names; none where the error is another one."""
    if LOCKED not in text:
        return ()
    return tuple(Lock(m["user"], m["host"], int(m["pid"]), m["time"]) for m in _LOCK.finditer(text))


def is_stale(lock: Lock, process: EngineProcess | None, environ: Mapping[str, str]) -> bool:
    """Whether it was left by an engine that surely ended. `process` is what is recorded of the engine of its id.

    Without a record that fits host, id and time of the lock nothing is proven; and in CI nobody decides.
    """
    if process is None or is_ci(environ) or (lock.host, lock.pid) != (process.host, process.pid):
        return False
    taken = parsed_time(lock.time)
    if taken is None or not -2.0 <= taken.timestamp() - process.began <= LONGEST_START_SECONDS:
        return False
    return process.has_ended()


def is_ci(environ: Mapping[str, str]) -> bool:
    """Whether this is a run of a pipeline, as the variable `CI` tells."""
    return environ.get("CI", "").lower() not in ("", "0", "false")
