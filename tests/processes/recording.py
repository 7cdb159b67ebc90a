"""Which processes a command starts, and what its Pythons have imported when they end: each writes it down itself."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SITE = """\
import atexit, json, os, sys

def write():
    with open(os.path.join(os.path.dirname(__file__), f"{os.getpid()}.json"), "w", encoding="utf-8") as file:
        json.dump({"command": sys.orig_argv, "modules": sorted(sys.modules)}, file)

atexit.register(write)
"""
PACKAGE = "coreweave_inference"
ROLES = {
    "pulumi.dynamic": "provider",
    "pulumi-language-python-exec": "program",
    f"{PACKAGE}.cli": "cw-inference",
    "cw-inference": "cw-inference",
    "pip": "pip",
}


@dataclass(frozen=True)
class PythonProcess:
    """A Python that has ended."""

    role: str
    modules: frozenset[str]

    @property
    def own(self) -> frozenset[str]:
        """Modules of this package."""
        return frozenset(name for name in self.modules if name.partition(".")[0] == PACKAGE)

    @property
    def layers(self) -> frozenset[str]:
        """The packages and modules right below this package."""
        return frozenset(name.split(".")[1] for name in self.own if "." in name)

    @property
    def libraries(self) -> frozenset[str]:
        """What is neither this package nor Python's own: the names that stand first."""
        first = {name.partition(".")[0] for name in self.modules}
        return frozenset(first - sys.stdlib_module_names - {PACKAGE, "sitecustomize", "__mp_main__"})


class Recorder:
    """Records what runs in `environment`, which has to be that of the commands."""

    def __init__(self, place: Path, environment: Mapping[str, str]) -> None:
        self._calls, self._site, programs = place / "calls", place / "site", place / "programs"
        for folder in (self._site, programs):
            folder.mkdir(parents=True)
        (self._site / "sitecustomize.py").write_text(SITE)
        pulumi = shutil.which("pulumi", path=environment["PATH"])
        assert pulumi, "the Pulumi CLI is not on PATH; `make test` gets it"
        (programs / "pulumi").write_text(f'#!/bin/sh\necho "$1" >> "{self._calls}"\nexec "{pulumi}" "$@"\n')
        (programs / "pulumi").chmod(0o755)
        self.calls_recorded = {"PATH": os.pathsep.join([str(programs), environment["PATH"]])}
        """Variables with which the calls of `pulumi` are recorded."""
        python_path = [str(self._site), *filter(None, [environment.get("PYTHONPATH")])]
        self.modules_recorded = {"PYTHONPATH": os.pathsep.join(python_path)}
        """Variables with which modules are recorded; a Python that is forked from another one has all of its modules."""

    def calls(self) -> list[str]:
        """The commands that `pulumi` was called with since this was asked last; without that for its version, which is known of a
        binary and asked of a script, such as the one that records.
        """
        found = self._calls.read_text().splitlines() if self._calls.exists() else []
        self._calls.unlink(missing_ok=True)
        return [call for call in found if call != "version"]

    def processes(self) -> list[PythonProcess]:
        """The Pythons that ended since this was asked last."""
        found = []
        for file in sorted(self._site.glob("*.json")):
            written = json.loads(file.read_text(encoding="utf-8"))
            found.append(PythonProcess(role_of(written["command"]), frozenset(written["modules"])))
            file.unlink()
        return found


def role_of(command: Sequence[str]) -> str:
    """What a process of a run does: `provider`, `program`, `cw-inference`, or the name of its program."""
    words = [Path(word).name for word in command]
    found = (role for name, role in ROLES.items() if name in words)
    return next(found, words[0] if words else "")
