"""A stack directory as it lies on disk: its project file, its stacks, and the virtualenv its program wants.

Nothing here asks a backend or runs anything.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from coreweave_inference.errors import StartupError
from coreweave_inference.settings.resolution import IDENTITY_KEY

PROJECT_FILES = ("Pulumi.yaml", "Pulumi.yml")
IDENTITY = """\
  # The ids of this stack's objects come from it: never change it, never copy it to another stack.
  coreweave:identity: {identity}
"""
STACK_FILE = re.compile(r"Pulumi\.(?P<stack>[A-Za-z0-9_.-]+)\.ya?ml")


@dataclass(frozen=True)
class StackDirectory:
    """A directory with a Pulumi project in Python; `project` is its name in URNs.

    `stack_files` is where the stacks' files are; `project_configuration` has full keys, as the project file gives them to
    all stacks.
    """

    path: Path
    project: str
    virtualenv: str | None
    stack_files: Path
    project_configuration: Mapping[str, str]

    @classmethod
    def at(cls, path: Path) -> StackDirectory:
        """Read the project file. Raises StartupError where there is none, none for Python, or a pipe for a file."""
        path = path.resolve()
        _require_regular(path, (*PROJECT_FILES, "__main__.py"))
        file = next((path / name for name in PROJECT_FILES if (path / name).is_file()), None)
        if file is None:
            raise StartupError(
                f"{path} is not a stack directory: it has no Pulumi.yaml; name another one, or make one with "
                "`cw-inference init DIR`"
            )
        settings = _mapping(file)
        runtime = settings.get("runtime")
        options = runtime.get("options") if isinstance(runtime, dict) else None
        language = runtime.get("name") if isinstance(runtime, dict) else runtime
        if language != "python":
            raise StartupError(
                f"{file} is a project for {language or 'no runtime'}, and this command runs Python ones"
            )
        if not isinstance(settings.get("name"), str):
            raise StartupError(f"{file} gives no name to the project; add `name: …`")
        virtualenv = options.get("virtualenv") if isinstance(options, dict) else None
        project, configuration = settings["name"], settings.get("config")
        # `config` was the name of `stackConfigDir` once, and still is where it holds a text.
        folder = settings.get("stackConfigDir") or (configuration if isinstance(configuration, str) else "")
        stack_files = path / str(folder or "")
        if stack_files.is_dir():
            _require_regular(stack_files, filter(STACK_FILE.fullmatch, sorted(os.listdir(stack_files))))
        return cls(
            path,
            project,
            str(virtualenv) if virtualenv else None,
            stack_files,
            _plain(project, {key: _default(value) for key, value in _entries(configuration)}),
        )

    @property
    def program(self) -> Path:
        """The file that declares the stack."""
        return self.path / "__main__.py"

    def require_virtualenv(self, running: str = sys.prefix) -> None:
        """Refuse to run the program with other packages than `pulumi up` would. Raises StartupError.

        Where the virtualenv does not exist (`pulumi install` makes it), a directory that came from another machine runs in
        whichever Python this command is installed in.
        """
        if self.virtualenv is None:
            return
        wanted = (self.path / self.virtualenv).resolve()
        if wanted == Path(running).resolve() or not wanted.is_dir():
            return
        raise StartupError(
            f"{self.path} wants the virtualenv {wanted}, and this is running in {running}; run "
            f"{wanted / _scripts() / 'cw-inference'} instead, or change runtime.options.virtualenv in Pulumi.yaml"
        )

    def stacks(self) -> tuple[str, ...]:
        """Names of the stacks that have a file here, sorted."""
        if not self.stack_files.is_dir():
            return ()
        matches = (STACK_FILE.fullmatch(file.name) for file in self.stack_files.iterdir() if file.is_file())
        return tuple(sorted({match["stack"] for match in matches if match}))

    def plain_configuration(self, stack: str) -> dict[str, str]:
        """Full key to value of what lies in plain text in the project's file and, before it, the stack's.

        Encrypted values are left out, and with them what the project's file gives for their keys.
        """
        own = _plain(self.project, dict(self._entries(stack)))
        secret = self.secret_keys(stack)
        shared = {key: value for key, value in self.project_configuration.items() if key not in secret}
        return {**shared, **own}

    def secret_keys(self, stack: str) -> frozenset[str]:
        """Full keys of the values that lie encrypted in the stack's file."""
        return frozenset(
            _full_key(self.project, key)
            for key, value in self._entries(stack)
            if isinstance(value, Mapping) and "secure" in value
        )

    def stack_file(self, stack: str) -> Path:
        """`Pulumi.<stack>.yaml`, without the organization that may be before the stack's name."""
        name = f"Pulumi.{stack.rsplit('/', 1)[-1]}"
        other = self.stack_files / f"{name}.yml"
        return other if other.is_file() else self.stack_files / f"{name}.yaml"

    def identity(self, stack: str) -> str:
        """What ids, bucket tags and Sids of a stack derive from, by the identity in its file and the names of both."""
        from coreweave_inference.model.identity import stack_identity  # Heavier than the start of a command.

        *organization, short = stack.split("/")
        configured = self.plain_configuration(stack).get(IDENTITY_KEY)
        own = organization[0] if organization else "organization"
        return stack_identity(configured, own, self.project, short)

    def _entries(self, stack: str) -> Iterable[tuple[str, Any]]:
        file = self.stack_file(stack)
        return _entries(_mapping(file).get("config") if file.is_file() else None)


def _require_regular(folder: Path, names: Iterable[str]) -> None:
    """Raise StartupError for a pipe, a folder or a device in the place of a file: whoever reads a pipe waits for ever."""
    for file in (folder / name for name in names):
        if file.exists() and not file.is_file():
            raise StartupError(f"{file} is not a regular file; put a file in its place, or remove it")


def _scripts() -> str:
    return "Scripts" if os.name == "nt" else "bin"


def _entries(configuration: Any) -> list[tuple[str, Any]]:
    found = configuration.items() if isinstance(configuration, Mapping) else ()
    return [(str(key), value) for key, value in found]


def _plain(project: str, entries: Mapping[str, Any]) -> dict[str, str]:
    return {
        _full_key(project, key): str(value)
        for key, value in entries.items()
        if isinstance(value, (str, int, float, bool))
    }


def _full_key(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _default(entry: Any) -> Any:
    """What an entry of a project's `config` gives: itself, its `value`, or the `default` of its type."""
    return entry.get("value", entry.get("default")) if isinstance(entry, Mapping) else entry


def _mapping(file: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise StartupError(f"{file} cannot be read: {' '.join(str(error).split())}") from error
    if data is not None and not isinstance(data, dict):
        raise StartupError(f"{file} must hold a mapping (`name: …`)")
    return data or {}


def add_identity(file: Path) -> None:
    """Give a stack's file an identity of its own; what else it holds stays."""
    identity = secrets.token_hex(16)
    entry = IDENTITY.format(identity=identity)
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    lines = before.splitlines(keepends=True)
    at = next((n for n, line in enumerate(lines) if re.match(r"config:\s*(#.*)?$", line)), None)
    if at is not None:
        lines.insert(at + 1, entry)
        text = "".join(lines)
    else:
        # `config: {}` and the like hold nothing.
        rest = "".join(line for line in lines if not re.match(r"config:\s*(\{\s*\}|null|~)\s*(#.*)?$", line))
        text = f"{rest}{'' if not rest or rest.endswith(chr(10)) else chr(10)}config:\n{entry}"
    data = yaml.safe_load(before) or {}
    wanted = {**data, "config": {IDENTITY_KEY: identity, **(data.get("config") or {})}}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text if _reads_as(text, wanted) else yaml.safe_dump(wanted), encoding="utf-8")


def _reads_as(text: str, wanted: Mapping[str, Any]) -> bool:
    """Whether a file with a line more is what is wanted; one in flow style is not, and is written anew."""
    try:
        return bool(yaml.safe_load(text) == wanted)
    except yaml.YAMLError:
        return False
