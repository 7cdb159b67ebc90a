"""The directory of one run, through which providers tell their progress and are asked to stop, and what Ctrl-C does.

The provider host ignores an interrupt, so the first Ctrl-C leaves a mark that ends its waits; the second one goes to
the engine.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from coreweave_inference.clock import OWNER, PROGRESS, has_ended
from coreweave_inference.host import provider_host
from coreweave_inference.network.marks import FAILED, REFUSED, WROTE
from coreweave_inference.provider.agreement import AGREEMENT, MOVED, SEEN

from .events import Progress, Retry, of_progress_line

STOP = "stop"
ATTEMPTS = "attempts.jsonl"
DELETIONS = "deletions.jsonl"
LOOK_SECONDS = 0.1
KEPT_SECONDS = 86_400.0
"""How long the directory of a killed run is kept."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PROVIDER_PYTHON = "python-for-providers"

Show = Callable[[Progress | Retry], None]


class RunDirectory:
    """Progress of the providers, as they append it, and the mark that asks them to stop."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def stopped(self) -> bool:
        """Whether somebody asked the run to stop."""
        return (self.path / STOP).exists()

    def stop(self) -> None:
        """Ask the run to stop waiting."""
        (self.path / STOP).touch()

    def provider_python(self) -> Path:
        """The Python that providers run in: one that ends when its engine has ended, also before it was asked anything."""
        file = self.path / PROVIDER_PYTHON
        file.write_text(
            f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -u -m {provider_host.__name__} "$@"\n',
            encoding="utf-8",
        )
        file.chmod(0o700)
        return file

    def agree(self, text: str) -> None:
        """What the providers write down, or compare with."""
        (self.path / AGREEMENT).write_text(text, encoding="utf-8")

    def seen(self) -> list[str]:
        """What the providers of a preview saw, line by line."""
        return self._lines(SEEN)

    @property
    def wrote(self) -> bool:
        """Whether a provider sent a write."""
        return (self.path / WROTE).exists()

    def refused(self, *, otherwise: bool) -> bool:
        """Whether what ended the run is a refusal. `otherwise`: where the program and the providers ended in no error."""
        marks = {name for name in (REFUSED, FAILED) if (self.path / name).exists()}
        return marks == {REFUSED} or (not marks and otherwise)

    def moved(self) -> tuple[str, ...]:
        """What the providers of a run found other than planned, line by line."""
        return tuple(self._lines(MOVED))

    def attempts(self) -> list[str]:
        """What the providers noted of the creations that they began, line by line."""
        return self._lines(ATTEMPTS)

    def deletions(self) -> list[str]:
        """What the providers noted of accepted deletions, line by line."""
        return self._lines(DELETIONS)

    def cross_out(self, ids: Iterable[str]) -> None:
        """Note that the state or nobody has to remember these deletions any longer."""
        with (self.path / DELETIONS).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps({"id": id_, "note": None}) + "\n" for id_ in ids)

    def _lines(self, name: str) -> list[str]:
        file = self.path / name
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


@contextmanager
def run_directory(show: Show, stack: str) -> Iterator[RunDirectory]:
    """A directory for one run of `stack`, whatever names it here, removed afterwards; `show` gets each line of progress soon
    after it was written.
    """
    path = Path(tempfile.mkdtemp(prefix=_prefix(stack)))
    (path / OWNER).write_text(str(os.getpid()), encoding="ascii")
    over = threading.Event()
    follower = threading.Thread(
        target=_follow, args=(path / PROGRESS, show, over), name="progress", daemon=True
    )
    follower.start()
    try:
        yield RunDirectory(path)
    finally:
        over.set()
        follower.join()
        shutil.rmtree(path, ignore_errors=True)


def left_by_killed_runs(stack: str) -> list[RunDirectory]:
    """The directories of runs of `stack` that were killed on this machine by now; those of more than a day ago are removed.

    Not sooner: the engine of a killed run ends a little later than it, and may still write.
    """
    found = []
    for path in Path(tempfile.gettempdir()).glob(f"{_prefix(stack)}*"):
        with suppress(OSError):
            about = path.stat()
            if about.st_uid != os.getuid() or not has_ended(path / OWNER):
                continue
            if time.time() - about.st_mtime > KEPT_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
            else:
                found.append(RunDirectory(path))
    return found


def _prefix(stack: str) -> str:
    return f"cw-inference-{hashlib.sha256(stack.encode()).hexdigest()[:16]}-"


def _follow(file: Path, show: Show, over: threading.Event) -> None:
    position = 0
    last = False
    while not last:
        last = over.wait(LOOK_SECONDS)
        if not file.exists():
            continue
        with file.open("rb") as opened:
            opened.seek(position)
            whole, end, _ = opened.read().rpartition(b"\n")
        position += len(whole) + len(end)
        for line in whole.decode("utf-8", "replace").splitlines():
            progress = of_progress_line(line)
            if progress is not None:
                show(progress)


@contextmanager
def interruptible(first: Callable[[], None], further: Callable[[], None]) -> Iterator[None]:
    """Call `first` at the first SIGINT, SIGTERM or SIGHUP and `further` at each after it; elsewhere than in the main
    thread, signals stay as they are, and so does one that is ignored (nohup). Nothing is written to a closed terminal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    terminals = [number for number in (0, 1, 2) if _is_terminal(number)]

    def handle(number: int, _: FrameType | None) -> None:
        if number == signal.SIGHUP:
            _leave(terminals)
        received.append(number)
        (first if len(received) == 1 else further)()

    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_terminal(number: int) -> bool:
    try:
        return os.isatty(number)
    except OSError:
        return False


def _leave(terminals: Sequence[int]) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in terminals:
        os.dup2(nowhere, number)
    os.close(nowhere)
