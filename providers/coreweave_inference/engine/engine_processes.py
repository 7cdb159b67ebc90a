"""Which process is the engine of a run: what is recorded of it beside its lock, and the proof that it has ended.

The lock of the CLI tells host and process id, and neither says which process that was: two containers may share a
host name, and ids are used again. So each engine that this package starts is recorded in the user's state directory.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

LOCKING = (("up",), ("destroy",), ("refresh",), ("stack", "import"))
"""Commands of the CLI that lock a stack."""


@dataclass(frozen=True)
class EngineProcess:
    """One process, so that no other one is taken for it. `began` is when it was recorded, in seconds since the epoch."""

    host: str
    boot: str
    namespace: str
    pid: int
    start: str
    began: float

    @classmethod
    def of(cls, pid: int) -> EngineProcess | None:
        """The process that has this id now; None where there is none, or where the system does not tell."""
        start = _start(pid)
        try:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            namespace = os.readlink("/proc/self/ns/pid")
        except OSError:
            return None
        return cls(socket.gethostname(), boot, namespace, pid, start, time.time()) if start else None

    def has_ended(self) -> bool:
        """Whether it surely ended: on this host, in this boot and PID namespace, no process of its id and start is there."""
        here = EngineProcess.of(os.getpid())
        if here is None or (here.host, here.boot, here.namespace) != (self.host, self.boot, self.namespace):
            return False
        return _start(self.pid) != self.start


@contextlib.contextmanager
def recorded(
    arguments: Sequence[str], pid: int, environ: Mapping[str, str] = os.environ
) -> Iterator[list[int]]:
    """Record the process of a command that locks a stack. What is put into the list is its exit code: a record of a
    process that ended by itself goes, since such a one leaves no lock.
    """
    codes: list[int] = []
    locks = any(tuple(arguments[: len(command)]) == command for command in LOCKING)
    process = EngineProcess.of(pid) if locks else None
    file = _folder(environ) / f"{pid}.json"
    if process is not None:
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(asdict(process)), encoding="utf-8")
    yield codes
    if process is not None and codes and codes[0] >= 0:
        with contextlib.suppress(OSError):
            file.unlink()


def record_of(pid: int, environ: Mapping[str, str] = os.environ) -> EngineProcess | None:
    """What is recorded of an engine of this id; None where nothing is, or where it cannot be read."""
    try:
        return EngineProcess(**json.loads((_folder(environ) / f"{pid}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _folder(environ: Mapping[str, str]) -> Path:
    return state_folder(environ) / "engines"


def state_folder(environ: Mapping[str, str]) -> Path:
    """Where this package keeps what it has to know of earlier runs on this machine; losing it loses nothing of a stack."""
    state = environ.get("XDG_STATE_HOME") or os.path.join(
        environ.get("HOME") or str(Path.home()), ".local", "state"
    )
    return Path(state) / "coreweave-inference"


def _start(pid: int) -> str:
    """When a process started, in ticks since the boot; empty where it has ended, a zombie included."""
    try:
        after_name = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return ""
    return "" if after_name[0] in ("Z", "X") else after_name[19]
