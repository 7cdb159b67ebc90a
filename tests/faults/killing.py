"""Ending a process of a run at the very write that a plan names. Only processes below the given one are ever touched."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from coreweave_inference.simulator import Simulator

from tests.faults.misbehaviour import Kill

LONGEST_HANDLING_SECONDS = 0.5
BETWEEN_TWO_INTERRUPTS_SECONDS = 0.3


def processes_below(parent: int) -> dict[int, str]:
    """Ids and command lines of all processes that `parent` started, and of those that they did."""
    children: dict[int, list[int]] = {}
    commands: dict[int, str] = {}
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                above = int((directory / "stat").read_text().rpartition(")")[2].split()[1])
                commands[int(directory.name)] = (directory / "cmdline").read_text().replace("\0", " ")
                children.setdefault(above, []).append(int(directory.name))
    found, left = {}, [parent]
    while left:
        below = children.get(left.pop(), [])
        found.update({process: commands[process] for process in below})
        left += below
    return found


def command_line(process: int) -> str:
    """Its command line; nothing where the process has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def is_provider(command: str) -> bool:
    """Whether this is a provider host, or the shell that starts it."""
    return "pulumi.dynamic" in command or "pulumi-resource-pulumi-python" in command


def runs(process: int) -> bool:
    """Whether there still is such a process."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


class Killer:
    """Waits for the plan's write, and ends who is to be ended. `interrupt` is called for a Ctrl-C."""

    def __init__(self, simulator: Simulator, kill: Kill, parent: int, interrupt: Callable[[], None]) -> None:
        self._simulator = simulator
        self._kill = kill
        self._parent = parent
        self._interrupt = interrupt
        self._over = threading.Event()
        self.killed: list[int] = []

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """While a run goes on."""
        thread = threading.Thread(target=self._watch, name="killer", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        while not self._kill.fault.due.wait(0.01):
            if self._over.is_set():
                return
        if self._kill.fault.when == "after":
            self._wait_until_handled()
        if not self._over.is_set():
            self._end()

    def _wait_until_handled(self) -> None:
        deadline = time.monotonic() + LONGEST_HANDLING_SECONDS
        while time.monotonic() < deadline:
            hit = [entry for entry in self._simulator.journal.entries() if entry.fault == "delay"]
            if hit and hit[-1].status is not None:
                return
            time.sleep(0.002)

    def _end(self) -> None:
        who = self._kill.who
        if who.startswith("ctrl-c"):
            self._interrupt()
            if who.endswith("twice") and not self._over.wait(BETWEEN_TWO_INTERRUPTS_SECONDS):
                self._interrupt()
            return
        for process, command in processes_below(self._parent).items():
            if _is(who, command):
                self.killed.append(process)
                number = signal.SIGHUP if who == "closed terminal" else signal.SIGKILL
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, number)


def _is(who: str, command: str) -> bool:
    if who == "provider":
        return "pulumi.dynamic" in command and "pulumi-resource-pulumi-python" not in command
    if who == "engine":
        return command.split(" ")[0].endswith("/pulumi") and "--exec-kind" in command
    return "coreweave_inference.cli" in command
