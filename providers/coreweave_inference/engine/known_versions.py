"""What the Pulumi CLI on this machine has said of its version, so that a command does not start it only to hear it again.

Losing it costs one start of the CLI.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from .engine_processes import state_folder

PROGRAM = "pulumi"
SCRIPT = b"#!"


def known(path: str, environ: Mapping[str, str]) -> str | None:
    """The version that the program at `path` reported; None where it is another file now, or starts others by rules of its own."""
    identity = _identity(path)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        noted = json.loads(_file(environ).read_text("utf-8"))
        if identity is not None and noted["of"] == identity:
            return str(noted["version"])
    return None


def note(path: str, version: str, environ: Mapping[str, str]) -> None:
    """Keep what it reported."""
    identity = _identity(path)
    if identity is None:
        return
    file = _file(environ)
    with contextlib.suppress(OSError):  # Then it is asked again.
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.{os.getpid()}")
        part.write_text(json.dumps({"of": identity, "version": version}), "utf-8")
        part.replace(file)


def _identity(path: str) -> list[str | int] | None:
    """The very file; None for a script, or for a program of another name: a version manager, which chooses by the directory."""
    try:
        real = os.path.realpath(path)
        with open(real, "rb") as opened:
            begins = opened.read(len(SCRIPT))
        about = os.stat(real)
    except OSError:
        return None
    if begins == SCRIPT or Path(real).stem != PROGRAM:
        return None
    return [real, about.st_size, about.st_mtime_ns, about.st_ino]


def _file(environ: Mapping[str, str]) -> Path:
    return state_folder(environ) / "pulumi.json"
