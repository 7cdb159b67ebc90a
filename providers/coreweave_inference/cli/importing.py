"""`import`: an account as a declaration, an import file and a report, and with `--apply` in a stack's state."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from coreweave_inference.declaration import FILE, Declaration, read_for_stack
from coreweave_inference.discovery.snapshot import snapshot_of
from coreweave_inference.engine import stacks
from coreweave_inference.engine.directory import IDENTITY_KEY, StackDirectory
from coreweave_inference.engine.environment import environment_with
from coreweave_inference.engine.imported import Importer, identity_in, import_file, recorded_in
from coreweave_inference.engine.installation import PulumiCli
from coreweave_inference.engine.operations import Engine
from coreweave_inference.engine.repair import State
from coreweave_inference.engine.results import Result
from coreweave_inference.engine.stack_state import organization_of
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.importing import report
from coreweave_inference.importing.entries import EXISTING_BUCKETS, EXISTING_GATEWAYS
from coreweave_inference.importing.matching import Stack
from coreweave_inference.importing.plan import ImportPlan, plan_import
from coreweave_inference.importing.snapshot import Snapshot
from coreweave_inference.model.identity import stack_identity
from coreweave_inference.settings.resolution import Settings, resolve

from . import formatting
from .announcing import say_to
from .context import is_project, settings_at
from .exits import DIFFERS, FAILED, USAGE_ERROR, report_errors, usage_error
from .output import print_document, print_lines, say
from .running import agreed, require_answer
from .scaffold import prepare, project_name
from .views import View

IMPORT_FILE, REPORT_FILE = "import.json", "import-report.md"
FIRST_STACK = "dev"
NOTHING: dict[str, Any] = {
    "ok": False,
    "errors": [],
    "findings": [],
    "project": "",
    "stack": "",
    "files": [],
    "imported": [],
    "present": [],
    "leftOut": [],
    "used": [],
    "environment": [],
    "expected": [],
    "open": [],
    "applied": False,
    "preview": {},
}
"""The document of --json where nothing could be read."""


@dataclass(frozen=True)
class Asked:
    """The command line."""

    directory: Path
    stack: str | None
    only: str
    name: str
    apply: bool
    yes: bool
    dry_run: bool
    as_json: bool


@dataclass(frozen=True)
class Place:
    """Where an import goes: the directory (None: there is none yet), its stack, and the state of that."""

    directory: StackDirectory | None
    stack: Stack
    state: State | None
    settings: Settings

    @property
    def organization(self) -> str:
        """As the state recorded it."""
        return organization_of(self.state or {})


def import_account(asked: Asked) -> None:
    """Read the account, write the files, and apply them where that is asked for."""
    if asked.apply and asked.dry_run:
        raise usage_error("--apply and --dry-run are mutually exclusive", as_json=asked.as_json)
    if asked.apply:
        require_answer(asked.yes, "import --apply", as_json=asked.as_json)
    tell = say_to(as_json=asked.as_json)
    with report_errors(as_json=asked.as_json, document=NOTHING), _alone(asked):
        place = _place(asked)
        tell(f"reading the account at {place.settings.endpoint} …")
        file = asked.directory / FILE
        before = _text_of(file)
        read = _reader(file, place.stack.name)
        declared = read(before) if before.strip() else None
        names = tuple(bucket.name for bucket in declared.buckets.values()) if declared else ()
        snapshot = snapshot_of(place.settings, place.stack.identity, names)
        plan = plan_import(snapshot, before, read, place.stack, asked.only, os.environ)
        importer = _importer(plan, place, snapshot)
        if not asked.as_json:
            print_lines(report.lines(plan))
        files = [] if asked.dry_run else _write(asked, place, plan, importer)
        if not asked.as_json:
            print_lines([plan.text.rstrip()] if asked.dry_run and plan.text != plan.before else [])
            print_lines([f"written  {name}" for name in files])
        if asked.apply:
            _apply(asked, place, plan, importer, files)
            return
        _finish(asked, place, plan, files)


def _finish(asked: Asked, place: Place, plan: ImportPlan, files: list[str]) -> None:
    if asked.as_json:
        print_document(document(plan, place.stack, files, declaration=asked.dry_run))
    elif not asked.dry_run and (plan.objects or plan.buckets):
        print_lines(["Next:", *(f"  {command}" for command in _commands(asked, place.stack, applied=False))])
    if not plan.proof.is_empty:
        raise typer.Exit(DIFFERS)


def _commands(asked: Asked, stack: Stack, *, applied: bool) -> list[str]:
    return report.commands_after(str(asked.directory), stack.name, IMPORT_FILE, applied=applied)


def document(
    plan: ImportPlan, stack: Stack, files: list[str], *, declaration: bool = False, applied: bool = False
) -> dict[str, Any]:
    """As JSON; no secret is in it."""
    used = [e for e in plan.entries if e.section in (EXISTING_GATEWAYS, EXISTING_BUCKETS)]
    return {
        **NOTHING,
        "ok": True,
        "project": stack.project,
        "stack": stack.name,
        "files": files,
        "imported": [
            *(
                {
                    "kind": "weights bucket",
                    "key": b.declared.key,
                    "id": b.live.name,
                    "name": b.live.name,
                    "status": "",
                }
                for b in plan.buckets
            ),
            *(
                {
                    "kind": one.live.kind.noun,
                    "key": one.declared.key,
                    "id": one.live.id,
                    "name": one.live.name,
                    "status": one.live.status,
                }
                for one in plan.objects
            ),
        ],
        "present": [live.id for live in plan.present],
        "leftOut": [{"label": label, "why": why} for label, why in plan.left_out.items()],
        "used": [{"section": ".".join(e.section), "key": e.key} for e in used],
        "environment": sorted({*plan.environment, *plan.unreadable}),
        "expected": [
            {"what": one.what, "label": one.label, "changes": list(one.lines)} for one in plan.proof.expected
        ],
        "open": list(plan.proof.open),
        "applied": applied,
        **({"declaration": plan.text} if declaration else {}),
    }


# Where it goes.


def _place(asked: Asked) -> Place:
    """The stack directory, made where there is none; the state of its stack, repaired where it is to be changed."""
    if not is_project(asked.directory):
        stack = asked.stack or FIRST_STACK
        if asked.dry_run:
            project = project_name(asked.directory, asked.name)
            return Place(None, Stack(project, stack), None, resolve(os.environ, {}))
        settings = resolve(os.environ, {})  # Before anything is written.
        lines = prepare(asked.directory, name=asked.name, stack=stack)
        say("\n".join(lines), error=asked.as_json)
        directory = StackDirectory.at(asked.directory)
        return Place(directory, _stack(directory, stack, None), None, settings)
    directory = StackDirectory.at(asked.directory)
    if asked.name and asked.name != directory.project:
        raise usage_error(
            f"--name: the project in {asked.directory} is called {directory.project}; leave --name out",
            as_json=asked.as_json,
        )
    cli = PulumiCli.found(os.environ)
    stack = (
        asked.stack or FIRST_STACK
        if not directory.stacks() and not asked.stack
        else stacks.chosen(directory, cli, asked.stack)
    )
    state = stacks.exported(directory, cli, stack)
    if state is None and directory.stacks():
        stacks.require(directory, stack, lambda: cli)
    if state is not None and asked.apply:
        engine = Engine.opened(asked.directory, stack, View(), create="never")
        engine.repair()
        state = engine.state()
    if not asked.dry_run:
        told = stacks.identify(directory, stack, new=not recorded_in(state))
        say(told, error=asked.as_json) if told else None
    settings = settings_at(asked.directory, stack)
    return Place(directory, _stack(directory, stack, state), state, settings)


def _stack(directory: StackDirectory, name: str, state: State | None) -> Stack:
    short = name.rsplit("/", 1)[-1]
    configured = directory.plain_configuration(name).get(IDENTITY_KEY)
    organization = name.split("/")[0] if name.count("/") else "organization"
    identity = identity_in(state) or stack_identity(configured, organization, directory.project, short)
    return Stack(directory.project, short, identity, recorded_in(state))


def _reader(file: Path, stack: str) -> Any:
    def read(text: str) -> Declaration:
        return read_for_stack(file, stack, text=text)

    return read


def _importer(plan: ImportPlan, place: Place, snapshot: Snapshot) -> Importer:
    seen = {live.organization for live in snapshot.objects} - {""}
    organization = place.organization or (next(iter(seen)) if len(seen) == 1 else "")
    return Importer(plan, place.stack, place.settings.endpoint, os.environ, organization)


# Files.


@contextmanager
def _alone(asked: Asked) -> Iterator[None]:
    """One import at a time in a directory. Raises CoreWeaveError where another one is running."""
    try:
        import fcntl
    except ImportError:  # A system without them: the state's own comparison remains.
        yield
        return
    there = next(path for path in (asked.directory, *asked.directory.resolve().parents) if path.is_dir())
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


def _text_of(file: Path) -> str:
    if not file.exists():
        return ""
    with file.open(encoding="utf-8", newline="") as opened:
        return opened.read()


def _write(asked: Asked, place: Place, plan: ImportPlan, importer: Importer) -> list[str]:
    """The files that changed; nothing where there is nothing to import."""
    if plan.is_nothing:
        return []
    context = f"{place.stack.project}/{place.stack.name}, {place.settings.endpoint}"
    commands = _commands(asked, place.stack, applied=False)
    texts = {
        FILE: plan.text,
        IMPORT_FILE: json.dumps(import_file(importer.resources(place.state)), indent=2) + "\n",
        REPORT_FILE: report.page(plan, context, commands),
    }
    if not plan.entries and (asked.directory / REPORT_FILE).exists():
        del texts[REPORT_FILE]  # That of the import that wrote the entries says more.
    return [name for name, text in texts.items() if _replaced(asked.directory / name, text)]


def _replaced(file: Path, text: str) -> bool:
    """Write a file whole or not at all; what equals it stays."""
    if file.exists() and _text_of(file) == text:
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


# The state.


def _apply(asked: Asked, place: Place, plan: ImportPlan, importer: Importer, files: list[str]) -> None:
    count = len(plan.objects) + len(plan.buckets)
    if (
        count
        and not asked.yes
        and not agreed(f'Import {count} into the state of stack "{place.stack.name}"?')
    ):
        return
    name = asked.stack or place.stack.name
    engine = Engine.opened(asked.directory, name, View(), create="first")
    base = engine.state()
    if recorded_in(base) != dict(place.stack.recorded):
        raise CoreWeaveError(
            f'stack "{place.stack.name}": its state was changed by another run meanwhile; nothing was imported; run again'
        )
    if count:
        engine.replace_state(importer.added_to(base or {}), base)
    # What references name and is not set here has the live value, so that the preview can be made.
    with environment_with(plan.environment):
        result = engine.preview()
    wrong = _wrong(result, plan)
    if count and wrong:
        engine.forget_state()
        engine.replace_state(_emptied(base), engine.state())
        raise CoreWeaveError(f"{wrong}; nothing was imported: the state is as it was")
    if asked.as_json:
        found = document(plan, place.stack, files, applied=bool(count))
        told = {"errors": list(result.errors), "findings": list(result.findings), "preview": result.counts}
        print_document({**found, **told, "ok": result.ok})
    else:
        print_lines(
            [f"imported {count} into the state of stack {place.stack.name}"]
            if count
            else ["nothing to import"]
        )
        print_lines(["preview:", *(f"  {line}" for line in _preview(result))])
        print_lines([f"error: {line}" for line in result.errors])
    if not result.ok:
        raise typer.Exit(USAGE_ERROR if result.refused else FAILED)
    if result.changes or result.drift:
        raise typer.Exit(DIFFERS)


def _preview(result: Result) -> list[str]:
    """The plan, and how many warnings there are: those are about what was there before."""
    warnings = sum(message.severity == "warning" for message in result.messages)
    plural = "" if warnings == 1 else "s"
    shown = formatting.plan(
        replace(result, messages=tuple(m for m in result.messages if m.severity != "warning"))
    )
    return [*shown, *([f"{warnings} warning{plural}; `cw-inference check` lists them"] if warnings else [])]


def _wrong(result: Result, plan: ImportPlan) -> str:
    """Why an import must not stay: the program does not declare what was imported, or cannot be run at all."""
    if not (result.ok or result.plan_made):
        return f"the preview after it failed: {'; '.join(result.errors) or 'it gave no reason'}"
    imported = {one.live.id for one in plan.objects} | {one.live.name for one in plan.buckets}
    lost = [formatting.subject(s) for s in result.steps if s.op.startswith("delete") and s.id in imported]
    if lost:
        return (
            f"the program does not declare {', '.join(lost)}; __main__.py has to load the declaration "
            "(`stack = cw.load()`)"
        )
    return ""


def _emptied(base: State | None) -> State:
    """The state before, which an empty stack has without any resource."""
    return base or {"version": 3, "deployment": {}}
