"""`diff`: what is declared compared with what is live, from the files and one LIST of each kind."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from coreweave_inference.declaration import FILE, Declaration, SecretReference, read_for_stack
from coreweave_inference.engine.directory import StackDirectory
from coreweave_inference.errors import StartupError
from coreweave_inference.importing.matching import Stack
from coreweave_inference.importing.proof import Expected
from coreweave_inference.model.nested import parts
from coreweave_inference.settings.resolution import IDENTITY_KEY, Settings
from coreweave_inference.stateless.comparing import Comparison, compare

from .account_lists import listed, opened
from .context import is_project, settings_at, stack_at
from .exits import DIFFERS, UNKNOWN, report_errors
from .output import print_document, print_lines
from .wrapping import columns, wrapped

SIGNS = {"adds": "+", "changes": "~", "replaces": "±", "removes": "-", "breaks": "!"}
WORDS = {
    "adds": "not there",
    "changes": "differs",
    "replaces": "differs; a run replaces it",
    "removes": "not declared",
    "breaks": "does not serve",
}
COUNTED = {
    "adds": "not there",
    "changes": "changed",
    "replaces": "to replace",
    "removes": "not declared",
    "breaks": "broken",
}


@dataclass(frozen=True)
class StackFiles:
    """What the files of a directory say of a stack."""

    settings: Settings
    name: str
    stack: Stack
    declaration: Declaration
    secrets: Mapping[str, str]
    notes: tuple[str, ...]


def diff(directory: Path, stack: str | None, *, as_json: bool) -> None:
    """Print the differences; ends with 3 where there are some, with 4 where a kind could not be listed."""
    empty = document("", "", "", Comparison())
    with report_errors(as_json=as_json, document=empty):
        files = files_of(directory, stack)
        with opened(files.settings) as api:
            found = listed(api)
        comparison = compare(
            files.declaration,
            found.lists,
            files.stack,
            files.secrets,
            now=found.now,
            settle_seconds=files.settings.settle_seconds,
            unread=found.unread,
        )
    if as_json:
        print_document(
            document(files.stack.project, files.stack.name, files.settings.endpoint, comparison, files.notes)
        )
    else:
        title = f"stack {files.stack.project}/{files.stack.name}, {files.settings.endpoint}"
        print_lines(wrapped([title, *lines(comparison, files.notes)], columns()))
    if comparison.differences:
        raise typer.Exit(DIFFERS)
    if comparison.unread:
        raise typer.Exit(UNKNOWN)


def files_of(directory: Path, stack: str | None) -> StackFiles:
    """The declaration of a stack and what its ids derive from. Raises StartupError, InvalidDeclaration and SettingsError."""
    if not is_project(directory):
        raise StartupError(f"{directory}: is no stack directory (it has no Pulumi.yaml); name one")
    found = StackDirectory.at(directory)
    names = found.stacks()
    name = stack_at(directory, stack) if stack or len(names) != 1 else names[0]
    if name is None:
        there = f"there are {', '.join(names)}" if names else "there is none with a file"
        raise StartupError(f"{directory}: which stack? {there}; name it with --stack")
    short = name.rsplit("/", 1)[-1]
    declaration = read_for_stack(directory / FILE, short)
    plain = found.plain_configuration(name)
    notes = tuple(_notes(found, name, plain))
    return StackFiles(
        settings_at(directory, name),
        name,
        stack_of(found, name),
        declaration,
        _secrets(declaration, found.project, plain),
        notes,
    )


def stack_of(directory: StackDirectory, name: str) -> Stack:
    """A stack by the names and the identity that its ids derive from."""
    return Stack(directory.project, name.rsplit("/", 1)[-1], directory.identity(name))


def _notes(found: StackDirectory, name: str, plain: Mapping[str, str]) -> list[str]:
    notes = []
    if IDENTITY_KEY not in plain:
        notes.append(
            f"{found.stack_file(name).name} has no {IDENTITY_KEY}: the ids of this stack's objects follow from the name of its "
            "organization, which is taken to be that of the stack's name"
        )
    program = found.program.read_text(encoding="utf-8", errors="replace") if found.program.is_file() else ""
    if program and "load(" not in program:
        notes.append(
            f"{found.program.name} does not load {FILE}: what the program declares itself is not compared"
        )
    return notes


def _secrets(declaration: Declaration, project: str, plain: Mapping[str, str]) -> dict[str, str]:
    """The values of references, as far as the environment and the plain configuration have them."""
    found = {}
    for item in declaration.objects():
        for one in (part for part in parts(item.spec) if isinstance(part, SecretReference)):
            full = one.name if ":" in one.name else f"{project}:{one.name}"
            value = os.environ.get(one.name) if one.source == "fromEnv" else plain.get(full)
            if value is not None:
                found[one.name] = value
    return found


def lines(found: Comparison, notes: tuple[str, ...] = ()) -> list[str]:
    """For a terminal."""
    text = []
    for one in found.differences:
        text.append(f"{SIGNS[one.what]} {one.label}: {WORDS[one.what]}{f' ({one.id})' if one.fields else ''}")
        text += [f"    {line}" for line in one.lines]
    unread = [f"{kind.noun}s could not be listed: {why}" for kind, why in found.unread.items()]
    open_ = [*unread, *notes, *found.not_known]
    if open_:
        text += ["not known without the state:", *(f"  {line}" for line in open_)]
    counts = {name: sum(one.what == name for one in found.differences) for name in SIGNS}
    counted = [f"{count} {COUNTED[name]}" for name, count in counts.items() if count]
    return [*text, ", ".join([f"{len(found.equal)} equal", *counted])]


def document(
    project: str, stack: str, endpoint: str, found: Comparison, notes: tuple[str, ...] = ()
) -> dict[str, Any]:
    """As JSON; secrets are hidden."""
    return {
        "ok": True,
        "errors": [],
        "findings": [],
        "project": project,
        "stack": stack,
        "endpoint": endpoint,
        "equal": list(found.equal),
        "differences": [_difference(one) for one in found.differences],
        "notKnown": [*notes, *found.not_known],
        "notRead": [{"kind": kind.noun, "why": why} for kind, why in found.unread.items()],
    }


def _difference(one: Expected) -> dict[str, Any]:
    return {
        "what": one.what,
        "kind": one.kind,
        "key": one.key,
        "id": one.id,
        "changes": [field.as_data() for field in one.fields],
        "why": list(one.lines) if not one.fields else [],
    }
