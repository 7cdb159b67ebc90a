"""`import`: an account as a declaration, an import file and a report, and with `--apply` in a stack's state."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from coreweave_inference.declaration import FILE, Declaration, read_for_stack
from coreweave_inference.discovery.snapshot import snapshot_of
from coreweave_inference.engine.environment import environment_with
from coreweave_inference.engine.import_values import import_file, recorded_in
from coreweave_inference.engine.imported import Importer
from coreweave_inference.engine.installation import CommandFailed
from coreweave_inference.engine.neighbours import other_stacks
from coreweave_inference.engine.operations import Engine
from coreweave_inference.engine.results import Result
from coreweave_inference.errors import CoreWeaveError, Failed, StartupError, plural
from coreweave_inference.importing import report
from coreweave_inference.importing.entries import EXISTING_BUCKETS, EXISTING_GATEWAYS
from coreweave_inference.importing.matching import Stack
from coreweave_inference.importing.plan import ImportPlan, plan_import
from coreweave_inference.importing.snapshot import Snapshot
from coreweave_inference.stack.build import accepted_unreadable

from . import formatting
from .announcing import say_to
from .checking import stopping_findings
from .context import is_project
from .exits import DIFFERS, code_of_failure, report_errors, usage_error
from .import_place import (
    IMPORT_FILE,
    REPORT_FILE,
    Place,
    alone,
    locate,
    replace_file,
    require_place,
    settle,
    text_of,
)
from .output import print_document, print_lines
from .running import agreed, require_answer
from .views import View

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


STOPPED = "stopped; the account is as it was; run again to go on: what the state has already stays"


@dataclass(frozen=True)
class Asked:
    """The command line."""

    directory: Path
    stack: str | None
    only: str | None
    name: str
    apply: bool
    yes: bool
    dry_run: bool
    as_json: bool


def import_account(asked: Asked) -> None:
    """Read the account, write the files, and apply them where that is asked for."""
    if asked.apply and asked.dry_run:
        raise usage_error("--apply and --dry-run are mutually exclusive", as_json=asked.as_json)
    if asked.only is not None and not asked.only.strip(", "):
        raise usage_error("--only names nothing; leave it out for everything", as_json=asked.as_json)
    if asked.apply:
        require_answer(asked.yes, "import --apply", as_json=asked.as_json)
    tell = say_to(as_json=asked.as_json)
    with report_errors(as_json=asked.as_json, document=NOTHING), alone(asked.directory):
        try:
            _import(asked, tell)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(STOPPED) from None


def _import(asked: Asked, tell: Callable[[str], None]) -> None:
    require_place(asked.directory, write=not asked.dry_run)
    place = locate(asked.directory, asked.stack, asked.name, repair=asked.apply)
    tell(f"reading the account at {place.settings.endpoint} …")
    file = asked.directory / FILE
    before = _readable(file, place.stack.name)
    read = _reader(file, place.stack.name)
    declared = read(before) if before.strip() else None
    names = tuple(bucket.name for bucket in declared.buckets.values()) if declared else ()
    snapshot = snapshot_of(place.settings, place.stack.identity, names)
    others, unread = other_stacks(asked.directory, place.stack)
    stack = replace(place.stack, others=others, unread=unread)
    judges = accepted_unreadable, lambda after: list(map(str, stopping_findings(after)))
    plan = plan_import(snapshot, before, read, stack, asked.only or "", os.environ, *judges)
    if not asked.as_json:
        nothing = (
            [] if snapshot.objects else ["the token sees no gateway, capacity claim or deployment there"]
        )
        print_lines(
            [*nothing, *report.lines(plan), *_of_other_stacks(place, plan), *_of_program(place, plan)]
        )
    if asked.apply and (refused := [one.label for one in plan.proof.expected if one.what == "refuses"]):
        raise StartupError(
            f"{', '.join(refused)}: declared, exists, and is not in this import, so the next run would be refused; import it "
            "too, or remove its entry; nothing was written"
        )
    if not asked.dry_run and not plan.is_nothing:
        place, lines = settle(place)
        print_lines(lines) if not asked.as_json else None
    importer = _importer(plan, place, snapshot)
    files = [] if asked.dry_run else _write(asked, place, plan, importer)
    if not asked.as_json:
        print_lines(plan.text.splitlines() if asked.dry_run and plan.text != plan.before else [])
        print_lines([f"written  {name}" for name in files])
    if asked.apply and is_project(asked.directory):
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


def _of_other_stacks(place: Place, plan: ImportPlan) -> list[str]:
    """The other stacks that read the file too."""
    others = [name for name in place.stacks if name != place.stack.name] if plan.entries else []
    if not others:
        return []
    text = (
        f"  stack {', '.join(others)}: {FILE} is the declaration of this one too, which would create what is added; import into a "
        "directory of its own, or remove it there in the overlay"
    )
    return [text]


def _of_program(place: Place, plan: ImportPlan) -> list[str]:
    """A program that does not read the file declares objects itself, and would delete what is imported."""
    program = place.path / "__main__.py"
    if (
        plan.is_nothing
        or not program.is_file()
        or "load(" in program.read_text(encoding="utf-8", errors="replace")
    ):
        return []
    return [
        f"  {program} does not load {FILE}: in a Python program say `import_` in ResourceOptions, or `adopt=True`, at each resource"
    ]


def _commands(asked: Asked, stack: Stack, *, applied: bool) -> list[str]:
    return report.commands_after(
        str(asked.directory), stack.name, IMPORT_FILE, asked.only or "", applied=applied
    )


def document(
    plan: ImportPlan, stack: Stack, files: list[str], *, declaration: bool = False, applied: bool = False
) -> dict[str, Any]:
    """As JSON; no secret is in it."""
    used = [e for e in plan.entries if e.section in (EXISTING_GATEWAYS, EXISTING_BUCKETS)]
    return {
        **NOTHING,
        "ok": not plan.proof.stops,
        "findings": [found.as_data() for found in stopping_findings(plan.declaration)],
        "project": stack.project,
        "stack": stack.name,
        "files": files,
        "imported": [
            *(_row("weights bucket", b.declared.key, b.live.name, b.live.name) for b in plan.buckets),
            *(
                _row(one.live.kind.noun, one.declared.key, one.live.id, one.live.name, one.live.status)
                for one in plan.objects
            ),
        ],
        "present": [*(live.id for live in plan.present), *plan.present_buckets],
        "leftOut": [{"label": label, "why": why} for label, why in plan.left_out.items()],
        "used": [{"section": ".".join(e.section), "key": e.key} for e in used],
        "environment": sorted({*plan.environment, *plan.unreadable}),
        "expected": [
            {"what": one.what, "label": one.label, "changes": list(one.lines)} for one in plan.proof.expected
        ],
        "open": [*plan.proof.open, *plan.doubts],
        "applied": applied,
        **({"declaration": plan.text} if declaration else {}),
    }


def _row(kind: str, key: str, id_: str, name: str, status: str = "") -> dict[str, str]:
    return {"kind": kind, "key": key, "id": id_, "name": name, "status": status}


def _readable(file: Path, stack: str) -> str:
    """The text of the declaration. Raises InvalidDeclaration, as every command does, where it cannot be read."""
    try:
        return text_of(file)
    except (OSError, UnicodeDecodeError):
        read_for_stack(file, stack)
        raise


def _reader(file: Path, stack: str) -> Any:
    def read(text: str) -> Declaration:
        return read_for_stack(file, stack, text=text)

    return read


def _importer(plan: ImportPlan, place: Place, snapshot: Snapshot) -> Importer:
    seen = {live.organization for live in snapshot.objects} - {""}
    organization = place.organization or (next(iter(seen)) if len(seen) == 1 else "")
    return Importer(plan, place.stack, place.settings.endpoint, os.environ, organization)


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
    written = [name for name, text in texts.items() if replace_file(asked.directory / name, text)]
    return [str(asked.directory / name) for name in written]


# The state.


def _apply(asked: Asked, place: Place, plan: ImportPlan, importer: Importer, files: list[str]) -> None:
    count = len(plan.objects) + len(plan.buckets)
    if (
        count
        and not asked.yes
        and not agreed(f'Import {count} into the state of stack "{place.stack.name}"?')
    ):
        return
    engine = _opened(asked, place)
    base = engine.state()
    if recorded_in(base) != dict(place.stack.recorded):
        raise CoreWeaveError(_changed_meanwhile(place))
    wanted = importer.added_to(base or {}) if count else base
    if count and wanted is not None:
        engine.replace_state(wanted, base)
    # What references name and is not set here has the live value, so that the preview can be made.
    with environment_with(plan.environment):
        result = engine.preview()
    engine.forget_state()
    now = engine.state()
    if recorded_in(now) != recorded_in(wanted):
        # Two writers that compared the state at the same moment: the later one has it.
        raise Failed(_changed_meanwhile(place))
    wrong = _wrong(result, plan)
    if count and wrong:
        engine.replace_state(base or {"version": 3, "deployment": {}}, now)
        raise Failed(f"{wrong}; nothing was imported: the state is as it was")
    if asked.as_json:
        found = document(plan, place.stack, files, applied=bool(count))
        outcome = {"errors": list(result.errors), "findings": list(result.findings), "preview": result.counts}
        print_document({**found, **outcome, "ok": result.ok})
    else:
        print_lines(
            [f"imported {count} into the state of stack {place.stack.name}"]
            if count
            else ["nothing to import"]
        )
        print_lines(["preview:", *(f"  {line}" for line in _preview(result))])
        print_lines(line for error in result.errors for line in f"error: {error}".splitlines())
    if result.stopped_by_findings:
        raise typer.Exit(DIFFERS)
    if not result.ok:
        raise typer.Exit(code_of_failure(refused=result.refused))
    if result.changes or result.drift:
        raise typer.Exit(DIFFERS)


def _opened(asked: Asked, place: Place) -> Engine:
    """The engine of the stack, which is made where the backend does not have it. Raises CoreWeaveError."""
    try:
        return Engine.opened(asked.directory, place.name, View(), create="first")
    except CommandFailed as error:
        if "already exists" not in error.text:
            raise
        raise CoreWeaveError(_changed_meanwhile(place)) from None


def _changed_meanwhile(place: Place) -> str:
    return (
        f'stack "{place.stack.name}": another run wrote its state at the same time, and what this one imported is not in it; the '
        "account is as it was; run again when that run has ended"
    )


def _preview(result: Result) -> list[str]:
    """The plan, and how many warnings there are: those are about what was there before."""
    warnings = sum(message.severity == "warning" for message in result.messages)
    shown = formatting.plan(
        replace(result, messages=tuple(m for m in result.messages if m.severity != "warning"))
    )
    return [
        *shown,
        *([f"{plural(warnings, 'warning')}; `cw-inference check` lists them"] if warnings else []),
    ]


def _wrong(result: Result, plan: ImportPlan) -> str:
    """Why an import must not stay: the program does not declare what was imported, or cannot be run at all."""
    if not (result.ok or result.plan_made):
        return f"the preview after it failed: {'; '.join(result.errors) or 'it gave no reason'}"
    imported = {one.live.id for one in plan.objects} | {one.live.name for one in plan.buckets}
    lost = [formatting.subject(s) for s in result.steps if s.op.startswith("delete") and s.id in imported]
    if lost:
        return (
            f"the program does not declare {', '.join(lost)}; __main__.py has to load the declaration "
            "(`stack = cw.load()`), or to declare them itself: with `import_` in ResourceOptions, or `adopt=True`"
        )
    return ""
