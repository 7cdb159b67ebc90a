"""The Python that tests start their processes with, one server of them for each process of the suite."""

from __future__ import annotations

import atexit
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import coreweave_inference

HERE = Path(__file__).parent
ROOT = str(Path(coreweave_inference.__file__).parents[1])
"""PYTHONPATH of everything that it starts; another one gets a Python of its own."""
QUICK_ENGINE = "400"
"""GOGC of the engines that tests start: they are short-lived, and collecting what they leave costs a tenth of their time."""


@cache
def quick_python() -> str:
    """The path of a program that is called as `python` is."""
    if not hasattr(os, "pidfd_open"):
        return sys.executable
    place = Path(tempfile.mkdtemp(prefix="cw-tests-"))
    server = subprocess.Popen(
        [sys.executable, str(HERE / "server.py"), str(place / "socket")],
        env={**os.environ, "PYTHONPATH": ROOT},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    atexit.register(_end, server, place)
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    program = place / "python"
    client = [
        sys.executable,
        "-I",
        "-S",
        str(HERE / "client.py"),
        str(place / "socket"),
        sys.executable,
        ROOT,
    ]
    program.write_text(f'#!/bin/sh\nexec {shlex.join(client)} "$@"\n')
    program.chmod(0o755)
    return str(program)


def _end(server: subprocess.Popen[bytes], place: Path) -> None:
    server.kill()
    server.communicate()
    shutil.rmtree(place, ignore_errors=True)
