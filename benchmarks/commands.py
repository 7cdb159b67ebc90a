"""Runs a command and measures it: seconds, CPU seconds with all that it started, and both for each kind of process.

Kinds of processes need /proc; elsewhere there are none, and the sums stay.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.processes.recording import role_of

LOOK_SECONDS = 0.03
LONGEST_SECONDS = 1800.0
PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """What the processes of one kind took; `mebibytes` is the largest that one of them had."""

    count: int
    cpu_seconds: float
    mebibytes: float


@dataclass(frozen=True)
class Measured:
    """One command that ended well."""

    seconds: float
    cpu_seconds: float
    processes: Mapping[str, Usage]
    output: str


def measured(
    command: Sequence[str], directory: Path, environment: Mapping[str, str], codes: Sequence[int] = (0,)
) -> Measured:
    """Run it to its end. Raises SystemExit with what it printed where it ends with another exit code than `codes`."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as printed:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
        with _Looks(process.pid) as looks, _Limit(process):
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        output = printed.read()
    if process.returncode not in codes:
        raise SystemExit(f"{' '.join(command)} ended with code {process.returncode}:\n{output[-4000:]}")
    found = looks.usages()
    cpu = max(usage.ru_utime + usage.ru_stime, sum(one.cpu_seconds for one in found.values()))
    return Measured(seconds, cpu, found, output)


def middle(runs: Sequence[Measured]) -> tuple[float, float]:
    """The medians of seconds and of CPU seconds."""
    return median(run.seconds for run in runs), median(run.cpu_seconds for run in runs)


class _Limit:
    """Ends a command that hangs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._timer = threading.Timer(LONGEST_SECONDS, process.kill)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


@dataclass
class _Seen:
    role: str = ""
    cpu_seconds: float = 0.0
    mebibytes: float = 0.0


@dataclass
class _Looks:
    """Looks at a process and at all that it started, until it has ended."""

    root: int
    seen: dict[int, _Seen] = field(default_factory=dict)

    def __enter__(self) -> _Looks:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        if PROC.is_dir():
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def usages(self) -> dict[str, Usage]:
        """By kind of process."""
        kinds: dict[str, list[_Seen]] = {}
        for one in self.seen.values():
            kinds.setdefault(one.role, []).append(one)
        return {
            role: Usage(len(ones), sum(one.cpu_seconds for one in ones), max(one.mebibytes for one in ones))
            for role, ones in sorted(kinds.items())
        }

    def _look_on(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            stats = dict(filter(None, (_stat(folder) for folder in PROC.glob("[0-9]*"))))
            tree = {self.root, *self.seen}
            grew = True
            while grew:
                found = {pid for pid, (parent, _) in stats.items() if parent in tree} - tree
                grew = bool(found)
                tree |= found
            for pid in tree & stats.keys():
                self._note(pid, stats[pid][1])

    def _note(self, pid: int, cpu_seconds: float) -> None:
        try:
            command = (PROC / str(pid) / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")[:-1]
            status = (PROC / str(pid) / "status").read_text()
        except OSError:
            return
        peak = status.partition("VmHWM:")[2].split()
        if command and peak:  # None of both where it has just ended.
            one = self.seen.setdefault(pid, _Seen())
            one.role, one.cpu_seconds = role_of(command), cpu_seconds
            one.mebibytes = max(one.mebibytes, int(peak[0]) / 1024)


def _stat(folder: Path) -> tuple[int, tuple[int, float]] | None:
    """Process id, parent, CPU seconds."""
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(folder.name), (int(fields[1]), (int(fields[11]) + int(fields[12])) / TICKS)
