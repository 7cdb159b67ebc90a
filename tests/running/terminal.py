"""`cw-inference` on a pseudo-terminal, where it asks."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.processes.python import quick_python
from tests.processes.server import PYTHON
from tests.running.command_line import Stack, until


class Terminal:
    """A command on a terminal."""

    def __init__(self, stack: Stack, *arguments: str) -> None:
        self._own, other = pty.openpty()
        command = [quick_python(), "-m", "coreweave_inference.cli", *arguments, "--stack", "dev"]
        environment = {**stack.environment, PYTHON: quick_python(), "TERM": "dumb", "COLUMNS": "200"}
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command, cwd=stack.path, env=environment, stdin=other, stdout=other, stderr=other
        )
        os.close(other)
        self.text = ""

    def until(self, words: str) -> str:
        """All that was shown up to `words`, and forget it."""
        until(lambda: self._read() or words in self.text)
        before, _, self.text = self.text.partition(words)
        return before + words

    def answer(self, text: str) -> None:
        os.write(self._own, f"{text}\n".encode())

    def end(self) -> int:
        until(lambda: self._read() or self.process.poll() is not None)
        os.close(self._own)
        return self.process.wait()

    def _read(self) -> None:
        while select.select([self._own], [], [], 0)[0]:
            try:
                self.text += os.read(self._own, 65536).decode("utf-8", "replace")
            except OSError:
                return


@contextmanager
def terminal(stack: Stack, *arguments: str) -> Iterator[Terminal]:
    found = Terminal(stack, *arguments)
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.process.kill()
            found.process.wait()
