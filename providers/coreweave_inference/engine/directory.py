"""A stack directory as it lies on disk: its project file, its stacks, and the virtualenv its program wants.

Nothing here asks a backend or runs anything.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .refusals import CannotStart

PROJECT_FILES = ("Pulumi.yaml", "Pulumi.yml")
STACK_FILE = re.compile(r"Pulumi\.(?P<stack>[A-Za-z0-9_.-]+)\.ya?ml")


@dataclass(frozen=True)
class StackDirectory:
    """A directory with a Pulumi project in Python; `project` is its name in URNs."""

    path: Path
    project: str
    virtualenv: str | None

    @classmethod
    def at(cls, path: Path) -> StackDirectory:
        """Read the project file. Raises CannotStart where there is none, or none for Python."""
        path = path.resolve()
        file = next((path / name for name in PROJECT_FILES if (path / name).is_file()), None)
        if file is None:
            raise CannotStart(
                f"{path} is not a stack directory: it has no Pulumi.yaml; name another one, or make one with "
                "`cw-inference init DIR`"
            )
        settings = _mapping(file)
        runtime = settings.get("runtime")
        options = runtime.get("options") if isinstance(runtime, dict) else None
        language = runtime.get("name") if isinstance(runtime, dict) else runtime
        if language != "python":
            raise CannotStart(
                f"{file} is a project for {language or 'no runtime'}, and this command runs Python ones"
            )
        if not isinstance(settings.get("name"), str):
            raise CannotStart(f"{file} gives no name to the project; add `name: …`")
        virtualenv = options.get("virtualenv") if isinstance(options, dict) else None
        return cls(path, settings["name"], str(virtualenv) if virtualenv else None)

    @property
    def program(self) -> Path:
        """The file that declares the stack."""
        return self.path / "__main__.py"

    def require_virtualenv(self, running: str = sys.prefix) -> None:
        """Refuse to run the program with other packages than `pulumi up` would. Raises CannotStart."""
        if self.virtualenv is None:
            return
        wanted = (self.path / self.virtualenv).resolve()
        if wanted == Path(running).resolve():
            return
        missing = "" if wanted.is_dir() else ", which does not exist"
        raise CannotStart(
            f"{self.path} wants the virtualenv {wanted}{missing}, and this is running in {running}; run "
            f"{wanted / _scripts() / 'cw-inference'} instead, or change runtime.options.virtualenv in Pulumi.yaml"
        )

    def stacks(self) -> tuple[str, ...]:
        """Names of the stacks that have a file here, sorted."""
        matches = (STACK_FILE.fullmatch(file.name) for file in self.path.iterdir() if file.is_file())
        return tuple(sorted({match["stack"] for match in matches if match}))

    def plain_configuration(self, stack: str) -> dict[str, str]:
        """Full key to value of what lies in clear in the stack's file; encrypted values are left out."""
        file = self.stack_file(stack)
        found = _mapping(file).get("config") if file.is_file() else None
        entries = found.items() if isinstance(found, Mapping) else ()
        return {
            (key if ":" in key else f"{self.project}:{key}"): str(value)
            for key, value in entries
            if isinstance(value, (str, int, float, bool))
        }

    def secret_keys(self, stack: str) -> frozenset[str]:
        """Full keys of the values that lie encrypted in the stack's file."""
        file = self.stack_file(stack)
        found = _mapping(file).get("config") if file.is_file() else None
        entries = found.items() if isinstance(found, Mapping) else ()
        return frozenset(key for key, value in entries if isinstance(value, Mapping) and "secure" in value)

    def stack_file(self, stack: str) -> Path:
        """`Pulumi.<stack>.yaml`, without the organisation that may stand before the stack's name."""
        return self.path / f"Pulumi.{stack.rsplit('/', 1)[-1]}.yaml"


def _scripts() -> str:
    return "Scripts" if os.name == "nt" else "bin"


def _mapping(file: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CannotStart(f"{file} cannot be read: {' '.join(str(error).split())}") from error
    if data is not None and not isinstance(data, dict):
        raise CannotStart(f"{file} must hold a mapping (`name: …`)")
    return data or {}
