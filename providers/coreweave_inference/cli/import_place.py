"""Where an import goes: the stack directory, made where there is none, the state of its stack, and its files."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from coreweave_inference.engine import stacks
from coreweave_inference.engine.directory import StackDirectory
from coreweave_inference.engine.import_values import identity_in, recorded_in
from coreweave_inference.engine.installation import PulumiCli
from coreweave_inference.engine.operations import Engine
from coreweave_inference.engine.repair import State
from coreweave_inference.engine.stack_state import organization_of
from coreweave_inference.errors import CoreWeaveError, StartupError
from coreweave_inference.importing.matching import Stack
from coreweave_inference.settings.resolution import Settings, resolve

from .context import is_project, settings_at
from .scaffold import prepare, project_name, require_names
from .views import View

FIRST_STACK = "dev"
IMPORT_FILE, REPORT_FILE = "import.json", "import-report.md"


@dataclass(frozen=True)
class Place:
    """A directory with or without a project, the stack as `--stack` names it, and the state of that, if the backend has one.

    `stacks` are those that have a file in the directory.
    """

    path: Path
    name: str
    stack: Stack
    state: State | None
    settings: Settings
    stacks: tuple[str, ...] = ()

    @property
    def organization(self) -> str:
        """As the state recorded it."""
        return organization_of(self.state or {})


def locate(path: Path, asked: str | None, project: str, *, repair: bool) -> Place:
    """Where an import goes; nothing is written but what `repair` puts right in the state.

    Raises StartupError and InvalidDeclaration for names that cannot be, SettingsError where there is no token.
    """
    if not is_project(path):
        name, project = FIRST_STACK if asked is None else asked, project_name(path, project)
        require_names(project, name)
        return Place(path, name, Stack(project, name), None, resolve(os.environ, {}))
    directory = StackDirectory.at(path)
    if project and project != directory.project:
        raise StartupError(f"--name: the project in {path} is called {directory.project}; leave --name out")
    cli, known = PulumiCli.found(os.environ), directory.stacks()
    name = stacks.chosen(directory, lambda: cli, asked) if known or asked is not None else FIRST_STACK
    state = stacks.exported(directory, lambda: cli, name)
    if state is None and known:
        stacks.require(directory, name, lambda: cli)
    if state is not None and repair:
        engine = Engine.opened(path, name, View(), create="never")
        engine.repair()
        state = engine.state()
    return Place(path, name, _stack(directory, name, state), state, settings_at(path, name), known)


def settle(place: Place) -> tuple[Place, list[str]]:
    """The place with a project and an identity, which are written where they are missing; one line on each file."""
    lines = []
    if not is_project(place.path):
        lines = prepare(place.path, name=place.stack.project, stack=place.name)
    directory = StackDirectory.at(place.path)
    line = stacks.identify(directory, place.name, new=not recorded_in(place.state))
    stack = _stack(directory, place.name, place.state)
    return replace(place, stack=stack), [*lines, *([line] if line else [])]


def _stack(directory: StackDirectory, name: str, state: State | None) -> Stack:
    short = name.rsplit("/", 1)[-1]
    identity = identity_in(state) or directory.identity(name)
    return Stack(directory.project, short, identity, recorded_in(state))


def require_place(path: Path, *, write: bool) -> None:
    """Raise StartupError where there can be no directory, and where a file that somebody else wrote would be replaced."""
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not there.is_dir():
        raise StartupError(f"{there}: is a file; name the stack directory")
    if write and not os.access(there, os.W_OK | os.X_OK):
        raise StartupError(f"{there}: no permission to write there; nothing was read or written")
    others = [name for name in (IMPORT_FILE, REPORT_FILE) if write and not _is_of_import(path / name)]
    if others:
        raise StartupError(
            f"{', '.join(others)} in {path}: not written by an import, which would replace it; move it and run again"
        )


def _is_of_import(file: Path) -> bool:
    """Whether a file is missing, empty, or what an earlier import wrote. Raises StartupError where that cannot be read."""
    if file.exists() and not file.is_file():
        raise StartupError(f"{file}: is not a file, and an import writes one there; move it and run again")
    try:
        text = file.read_text(encoding="utf-8", errors="replace").strip() if file.exists() else ""
    except OSError as error:
        raise StartupError(
            f"{file}: {error.strerror or error}; an import writes it; move it and run again"
        ) from error
    if not text or file.name == REPORT_FILE:
        return not text or text.startswith("# Import into ")
    try:
        return all("coreweave/inference" in one["type"] for one in json.loads(text)["resources"])
    except (ValueError, KeyError, TypeError):
        return False


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """One import at a time in a directory. Raises CoreWeaveError where another one is running."""
    try:
        import fcntl
    except ImportError:  # A system without them: the state's own comparison remains.
        yield
        return
    there = next(place for place in (path, *path.resolve().parents) if place.is_dir())
    descriptor = os.open(there, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise CoreWeaveError(
            f"{there}: another import is running here; nothing was written; run again when it has ended"
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)


def text_of(file: Path) -> str:
    if not file.exists():
        return ""
    with file.open(encoding="utf-8", newline="") as opened:
        return opened.read()


def replace_file(file: Path, text: str) -> bool:
    """Write a file whole or not at all; what equals it stays."""
    if file.exists() and text_of(file) == text:
        return False
    target = file.resolve()
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as opened:
            opened.write(text)
        mode = target.stat().st_mode if target.exists() else 0o666 & ~_umask()
        os.chmod(name, mode & 0o777)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
    return True


def _umask() -> int:
    found = os.umask(0)
    os.umask(found)
    return found
