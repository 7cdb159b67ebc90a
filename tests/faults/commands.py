"""`cw-inference` as a process of its own, in the life's directory or in that of a second stack."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from coreweave_inference.engine.installation import PulumiCli
from coreweave_inference.errors import CoreWeaveError

from tests.faults.key_service import KeyService
from tests.faults.killing import command_line, is_provider, processes_below, runs

LONGEST_END_SECONDS = 40.0
LOOK_SECONDS = 0.2
"""Each look at the processes of a command reads all of /proc."""
LONGEST_IDLE_SECONDS = 2.0
"""A host whose engine has ended ends within one second, if it was ever asked for anything."""


class Commands:
    """Runs commands, and makes the stacks that they run on; their secrets are kept by `keys`."""

    def __init__(self, directory: Path, cli: PulumiCli, keys: KeyService) -> None:
        self._directory = directory
        self._cli = cli
        self._secrets = ("--secrets-provider", keys.secrets_provider)

    def make_stack(self, stack: str, directory: Path, variables: Mapping[str, str] | None = None) -> None:
        """Make an empty stack in the backend."""
        self._cli.run(["stack", "init", stack, *self._secrets], str(directory), variables or {})

    def run(
        self, *arguments: str, directory: Path | None = None, variables: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """The exit code and all that was printed; processes that stay are named in it."""
        command = [sys.executable, "-W", "ignore", "-m", "coreweave_inference.cli", *arguments]
        with (
            tempfile.TemporaryFile("w+") as printed,
            subprocess.Popen(
                command,
                cwd=directory or self._directory,
                env={**os.environ, **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            below: set[int] = set()
            while process.poll() is None:
                below |= set(processes_below(process.pid))
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(LOOK_SECONDS)
            left = _ended(below)
            printed.seek(0)
            output = printed.read()
        return process.returncode, output + (f"\nstill running: {left}" if left else "")

    @contextlib.contextmanager
    def second_stack(
        self, files: Mapping[str, str], stack: str, variables: Mapping[str, str] | None = None
    ) -> Iterator[Path]:
        """A stack in a directory of its own, removed afterwards."""
        directory = self._directory.parent / "second"
        directory.mkdir()
        for name, text in files.items():
            (directory / name).write_text(text)
        self.make_stack(stack, directory, variables)
        try:
            yield directory
        finally:
            remove = ["stack", "rm", "--yes", "--force", "--stack", stack]
            with contextlib.suppress(CoreWeaveError):
                self._cli.run(remove, str(directory), variables or {})
            shutil.rmtree(directory)


def _ended(processes: set[int]) -> list[int]:
    """Wait until the processes of a run have ended; which engines have not.

    A provider host that nobody asked for anything never learns that its engine has ended: it is ended here.
    """
    deadline = time.monotonic() + LONGEST_END_SECONDS
    idle_since: float | None = None
    while (left := [found for found in processes if runs(found)]) and time.monotonic() < deadline:
        hosts = [found for found in left if is_provider(command_line(found))]
        idle_since = (idle_since or time.monotonic()) if len(hosts) == len(left) else None
        if idle_since is not None and time.monotonic() > idle_since + LONGEST_IDLE_SECONDS:
            for found in hosts:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(found, signal.SIGKILL)
        time.sleep(0.05)
    return left
