"""The lock that the CLI puts on a stack: whose it is, and whether its process is still there.

Pure but for one question to the operating system. Taking a lock away is `operations`'.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass

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


def is_stale(lock: Lock, host: str | None = None, runs: Callable[[int], bool] | None = None) -> bool:
    """Whether it was left by a process of this machine that has ended; a lock of another machine never counts."""
    return lock.host == (host or socket.gethostname()) and not (runs or process_runs)(lock.pid)


def process_runs(pid: int) -> bool:
    """Whether there is a process of this number; one of somebody else's counts, and so does one not waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
