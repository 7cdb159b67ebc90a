"""What a check of a directory starts from: its declaration, its settings, and the last state where it can be read."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from coreweave_inference.checks import Finding, Identity, LastObject, Report
from coreweave_inference.declaration import FILE, Declaration, read, read_for_stack
from coreweave_inference.discovery import Sources, checks_for, checks_for_objects, last_objects, with_ids
from coreweave_inference.engine.directory import StackDirectory
from coreweave_inference.errors import CoreWeaveError, InvalidDeclaration, one_line
from coreweave_inference.program.recorded import recorded_endpoint
from coreweave_inference.settings.resolution import Settings

from .context import is_project, settings_at, stack_at


@dataclass(frozen=True)
class CheckContext:
    """What a check of a directory starts from."""

    declaration: Declaration
    settings: Settings | None
    identity: Identity | None
    last: tuple[LastObject, ...] | None
    notes: tuple[str, ...]


def discover_facts(directory: Path, stack: str | None, *, offline: bool) -> CheckContext:
    """What there is to check; offline nothing but files is read. Raises InvalidDeclaration, SettingsError and StartupError."""
    name = (stack or _only_stack(directory)) if offline else stack_at(directory, stack)
    path = directory / FILE
    short = name.rsplit("/", 1)[-1] if name else ""
    declaration = read_for_stack(path, short) if name else read(path)
    if offline:
        return CheckContext(declaration, None, _identity(directory, name), None, ())
    sources, notes = _sources(directory, name)
    unread: list[str] = []
    declaration = with_ids(declaration, lambda other: _outputs(directory, other, unread.append))
    return CheckContext(declaration, sources.settings, sources.identity, sources.last, (*notes, *unread))


def _sources(directory: Path, name: str | None) -> tuple[Sources, tuple[str, ...]]:
    state, notes = _last_state(directory, name)
    settings = settings_at(directory, name, require_token=False).at(recorded_endpoint(state))
    if settings.token:
        settings.require_trusted()
    return Sources(settings, _identity(directory, name), last_objects(state)), notes


def declares_in_python(directory: Path) -> bool:
    """Whether a stack directory has a program and no declaration."""
    return (
        not (directory / FILE).exists()
        and is_project(directory)
        and StackDirectory.at(directory).program.exists()
    )


def report_on_program(directory: Path, stack: str | None) -> Report:
    """The checks on what a Python program declares, with the line of each object. Raises InvalidDeclaration with everything
    that can be refused without them, and as `discover_facts` does.
    """
    from coreweave_inference.engine.program import InlineProgram
    from coreweave_inference.stack.mocked import MockedStack, declared_by

    place = StackDirectory.at(directory.resolve())
    name = stack_at(directory, stack)
    sources, notes = _sources(directory, name)
    asks = sources.settings is not None and bool(sources.settings.token)
    *organization, short = (name or "dev").split("/")
    configuration = place.plain_configuration(name) if name else place.project_configuration
    mocked = MockedStack(
        place.project, short, organization[0] if organization else "organization", configuration, not asks
    )
    found = declared_by(InlineProgram(place.program), place.path, mocked)
    if found.faults:
        raise InvalidDeclaration(found.faults)
    identity = Identity(found.identity, place.project, short)
    report = checks_for_objects(found.objects, replace(sources, identity=identity), found.origin)
    return replace(report, notes=(*notes, *report.notes)) if asks else report


def report_on(found: CheckContext) -> Report:
    """The checks. Without a token one note says what was not read; with one, each thing that could not be read."""
    report = checks_for(found.declaration, Sources(found.settings, found.identity, found.last))
    looked = found.settings is not None and bool(found.settings.token)
    return replace(report, notes=(*found.notes, *report.notes)) if looked else report


def stopping_findings(declaration: Declaration) -> tuple[Finding, ...]:
    """What stops a run of a declaration, as far as the file alone tells."""
    return checks_for(declaration, Sources()).errors


def _only_stack(directory: Path) -> str | None:
    """The only stack with a file; `None` where there are several or none."""
    names = StackDirectory.at(directory).stacks() if is_project(directory) else ()
    return names[0] if len(names) == 1 else None


def _identity(directory: Path, stack: str | None) -> Identity | None:
    """What ids and names of this stack derive from: the identity in its file, and the names of project and stack."""
    if not stack or not is_project(directory):
        return None
    found = StackDirectory.at(directory)
    return Identity(found.identity(stack), found.project, stack.rsplit("/", 1)[-1])


def _last_state(directory: Path, stack: str | None) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    """The last state, an empty one before the first run; None with a note on why it is not known."""
    if not stack or not is_project(directory):
        return None, ("the last state was not read (no stack is named), so changes were not judged",)
    try:
        return _exported(directory, stack) or {}, ()
    except (CoreWeaveError, OSError, ValueError) as error:
        why = one_line(str(error), 200)
        return None, (f"the last state could not be read, so changes were not judged: {why}",)


def _exported(directory: Path, stack: str) -> dict[str, Any] | None:
    from coreweave_inference.engine.installation import (
        PulumiCli,  # It imports the engine's library; here and below.
    )
    from coreweave_inference.engine.stacks import exported

    return exported(StackDirectory.at(directory), lambda: PulumiCli.found(os.environ), stack)


def _outputs(directory: Path, stack: str, note: Callable[[str], None]) -> Mapping[str, Any] | None:
    """What another stack exports; None, with a note on why, where it cannot be read."""
    from coreweave_inference.engine.installation import PulumiCli
    from coreweave_inference.engine.stacks import outputs

    try:
        return outputs(StackDirectory.at(directory), PulumiCli.found(os.environ), stack)
    except (CoreWeaveError, OSError, ValueError) as error:
        why = one_line(str(error), 200)
        note(f'what stack "{stack}" exports could not be read, so what uses it was not judged: {why}')
        return None
