"""A backend in a folder: what a kill or a full disk left there that no command of the CLI can read any more.

A disk that is full leaves the state itself empty; the one before it lies beside it (`dev.json.bak`).

Beside each file lie its attributes (`dev.json.attrs`). They are not written in one step: a kill at that moment leaves
them empty, and from then on the CLI says no more than `EOF`, also where the state itself is whole.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from coreweave_inference.errors import Failed

from .installation import CommandFailed, PulumiCli, is_cut_off

T = TypeVar("T")
VERSION = 3
"""The form of a state that is read here."""
SCHEME = "file://"
PLACES = ("stacks", "locks")


def exported(environ: Mapping[str, str], project: str, stack: str) -> dict[str, Any] | None:
    """What `pulumi stack export` prints of a stack in a folder, without its process; None where only the CLI can tell: another
    backend, no such stack, another form of the file, or one that a kill has damaged.
    """
    root = _root(environ.get("PULUMI_BACKEND_URL", ""))
    name = stack.removeprefix(f"organization/{project}/").removeprefix("organization/")
    if root is None or "/" in name:
        return None
    return _state_in(root / "stacks" / project / f"{name}.json")


def _state_in(file: Path) -> dict[str, Any] | None:
    """The state in a file, as `pulumi stack export` prints it; None where it is missing, damaged, or of another form."""
    try:
        if not file.with_name(f"{file.name}.attrs").stat().st_size:
            return None
        state = json.loads(file.read_text(encoding="utf-8"))
        latest = state["checkpoint"]["latest"] if state["version"] == VERSION else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return {"version": VERSION, "deployment": latest} if isinstance(latest, dict) else None


def states(environ: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]] | None:
    """Every stack of a backend in a folder that can be read, as `project/stack` with its state; None: another backend."""
    root = _root(environ.get("PULUMI_BACKEND_URL", ""))
    if root is None:
        return None
    files = sorted((root / "stacks").glob("*/*.json"))
    found = ((f"{file.parent.name}/{file.stem}", _state_in(file)) for file in files)
    return [(name, state) for name, state in found if state is not None]


def read(act: Callable[[], T], cli: PulumiCli, directory: Path, report: Callable[[str], None]) -> T:
    """Do it; once more after empty attributes were taken away, each of which is reported. Raises CommandFailed."""
    try:
        return act()
    except CommandFailed as error:
        if not is_cut_off(error.text):
            raise
        backend = json.loads(cli.run(["whoami", "--json"], str(directory), {}).stdout)
        url = backend.get("url", "")
        removed = without_empty_attributes(url)
        restored = restore_empty_states(url)
        if not (removed or restored):
            raise
    for file in removed:
        report(f"removed {file}: a killed run had left it empty, and the state could not be read")
    for file in restored:
        report(
            f"{file}: restored from {file.name}.bak, the state before its last write: a full disk or a killed run had left "
            "it empty; what was begun after that is looked for"
        )
    return act()


def without_empty_attributes(url: str) -> tuple[Path, ...]:
    """Take away empty attributes below a backend's address, and say which; without any, the CLI assumes the usual."""
    root = _root(url)
    if root is None:
        return ()
    found = tuple(
        file
        for place in PLACES
        for file in sorted((root / place).rglob("*.attrs"))
        if not file.stat().st_size
    )
    for file in found:
        file.unlink(missing_ok=True)
    return found


def restore_empty_states(url: str) -> tuple[Path, ...]:
    """Put the backup of each empty state below a backend's address in its place, and say which.

    Not while a run holds the stack's lock, which may be about to write, and not where the backup is no state.
    """
    root = _root(url)
    if root is None:
        return ()
    found = tuple(
        file
        for file in sorted((root / "stacks").rglob("*.json"))
        if not file.stat().st_size and not _is_locked(root, file) and _is_state(_backup(file))
    )
    for file in found:
        new = file.with_name(f"{file.name}.new")
        shutil.copyfile(_backup(file), new)
        if new.stat().st_size != _backup(file).stat().st_size:
            raise Failed(
                f"{file}: the disk is full, so the state could not be restored; free space and run again"
            )
        os.replace(new, file)
    return found


def _root(url: str) -> Path | None:
    return Path(url.removeprefix(SCHEME)).expanduser() / ".pulumi" if url.startswith(SCHEME) else None


def _backup(file: Path) -> Path:
    return file.with_name(f"{file.name}.bak")


def _is_locked(root: Path, state: Path) -> bool:
    """Locks lie in `locks/<organization>/<project>/<stack>/`, as the state does in `stacks/<project>/`."""
    return any((root / "locks").rglob(f"{state.parent.name}/{state.stem}/*.json"))


def _is_state(backup: Path) -> bool:
    try:
        return "checkpoint" in json.loads(backup.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False
