"""`preview`, `up`, `destroy` and `refresh`: a run of the engine, with its plan before it and a report after it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from coreweave_inference.discovery import recorded_objects
from coreweave_inference.doctor.smoke import SmokeResult
from coreweave_inference.engine import plans
from coreweave_inference.engine.import_values import identity_in
from coreweave_inference.engine.operations import Engine
from coreweave_inference.engine.results import Result, Watch
from coreweave_inference.engine.selection import Selection
from coreweave_inference.engine.stack_state import exported_by
from coreweave_inference.engine.teardown import DestroyPlan, ids_in
from coreweave_inference.errors import CoreWeaveError, PlanMoved
from coreweave_inference.fleet.deletions import DELETES, KEEPS
from coreweave_inference.model.kinds import Kind
from coreweave_inference.provider.session import Session
from coreweave_inference.stateless.billing import BillingProof

from . import formatting
from .account_lists import opened
from .announcing import Previewing, say_to
from .call import first_call
from .context import settings_at
from .event_file import EventFile, event_file
from .exits import DIFFERS, STOPPED, print_error, report_errors, usage_error
from .output import print_lines, print_plan, say
from .reports import finish
from .views import Lines, LiveTable, View
from .weights_place import declaration_at

if TYPE_CHECKING:
    from .proving import Prover


def preview(
    directory: Path,
    stack: str | None,
    *,
    refresh: bool | None,
    only: str,
    targets: Sequence[str],
    full: bool,
    exit_code: bool,
    save_plan: Path | None,
    events_file: Path | None,
    as_json: bool,
) -> None:
    """Print the plan."""
    with report_errors(as_json=as_json), event_file(events_file, "preview") as events:
        selection = Selection(only, tuple(targets))
        engine = _opened(directory, stack, events.watching(View(), "preview"), as_json=as_json)
        result, plan = _planned(engine, refresh, selection, events, as_json=as_json)
        if save_plan is not None and result.ok:
            plans.save(plan, save_plan)
        finish(result, events, as_json=as_json, full=full)
        if save_plan is not None:
            say(formatting.saved_plan(directory, engine.stack, save_plan), error=as_json)
        if exit_code and result.changes:
            raise typer.Exit(DIFFERS)


def up(
    directory: Path,
    stack: str | None,
    *,
    yes: bool,
    refresh: bool | None,
    remove_first: bool,
    only: str,
    targets: Sequence[str],
    full: bool,
    plan_file: Path | None,
    events_file: Path | None,
    as_json: bool,
) -> None:
    """Show the plan and ask, unless asked not to; then run it. What moved meanwhile is shown, and asked about again."""
    if plan_file is not None and (only or targets or refresh is not None):
        raise usage_error(
            "--plan has its own --only, --target and --refresh; leave them out", as_json=as_json
        )
    yes = yes or plan_file is not None
    require_answer(yes, "up", as_json=as_json)
    with report_errors(as_json=as_json), event_file(events_file, "up") as events:
        selection = Selection(only, tuple(targets))
        view = _view(as_json)
        engine = _opened(directory, stack, events.watching(view, "up"), as_json=as_json, create="first")
        engine.repair()
        while True:
            if plan_file is None:
                planned, plan = _planned(engine, refresh, selection, events, as_json=as_json)
            else:
                plan = plans.read(plan_file, engine.directory, engine.stack)
                planned = plan.preview
            if not planned.ok:
                finish(replace(planned, operation="up") if as_json else planned, events, as_json=as_json)
            if not as_json:
                print_plan(formatting.plan(planned, full=full))
                view.shown = frozenset(message.text for message in planned.messages)
            if planned.settled and plan_file is None:
                done = replace(planned, operation="up", outputs=exported_by(engine.state()))
                _finish_up(engine, done, planned, selection, events, as_json=as_json)
                return
            if not yes:
                if not agreed("Apply these changes?"):
                    return
                engine.forget_state()
            try:
                with view.running():
                    result = engine.up(remove_first=remove_first, plan=plan)
            except PlanMoved as moved:
                if yes:
                    raise
                print_lines([str(moved)])
                continue
            if yes or result.stopped or not result.moved:
                _finish_up(engine, result, planned, plan.selection, events, as_json=as_json)
                return
            print_lines(result.errors)
            view = _view(as_json)
            engine.watch(events.watching(view, "up"))


def _finish_up(
    engine: Engine, result: Result, planned: Result, selection: Selection, events: EventFile, *, as_json: bool
) -> None:
    """The smoke test, the report, and how to ask the first model. Raises typer.Exit where something failed."""
    tested = _tested(engine, result, selection)
    finish(result, events, as_json=as_json, planned=planned, tested=tested)
    if result.outputs.get("models") and not as_json:
        print_lines(_first_call(engine))


def _tested(engine: Engine, result: Result, selection: Selection) -> Sequence[SmokeResult]:
    """The declared smoke test, once a run has ended well and made more than buckets."""
    if not result.ok or selection.only:
        return ()
    from .smoke import after_up, not_run

    try:
        return after_up(engine.directory.path, engine.stack, selection.targets)
    except CoreWeaveError as error:
        return not_run(str(error))


def _first_call(engine: Engine) -> list[str]:
    """How to ask the first model of a stack that is up; nothing where that cannot be read now."""
    with suppress(CoreWeaveError):
        settings = settings_at(engine.directory.path, engine.stack)
        with opened(settings) as api:
            gateways = api.list(Kind.GATEWAY)
        return first_call(recorded_objects(engine.state()), gateways, settings, engine.stack)
    return []


def destroy(
    directory: Path,
    stack: str | None,
    *,
    yes: bool,
    refresh: bool | None,
    targets: Sequence[str],
    prove: bool,
    without_state: bool,
    events_file: Path | None,
    as_json: bool,
) -> None:
    """Show what happens to each object, stop where one must not be deleted, and ask, unless asked not to; then run."""
    if (prove or without_state) and targets:
        raise usage_error(
            "--prove and --without-state are of a whole stack; leave --target out", as_json=as_json
        )
    if without_state and refresh is not None:
        raise usage_error("--without-state has no state to refresh; leave --refresh out", as_json=as_json)
    require_answer(yes, "destroy", as_json=as_json)
    with report_errors(as_json=as_json), event_file(events_file, "destroy") as events:
        if without_state:
            _destroy_without_state(directory, stack, events, yes=yes, prove=prove, as_json=as_json)
            return
        selection = Selection(targets=tuple(targets))
        view = _view(as_json)
        engine = _opened(directory, stack, events.watching(view, "destroy"), as_json=as_json, create="never")
        engine.repair()
        prover = _prover(engine, as_json=as_json) if prove else None
        plan = engine.plan_destroy(selection)
        if plan.errors:
            _refuse(engine.directory.project, engine.stack, plan, events, as_json=as_json)
        if plan.deletions and not as_json:
            print_plan([*formatting.destroy_plan(plan.deletions), formatting.destroy_summary(plan.deletions)])
        what = f'{len(plan.deletions)} of stack "{engine.stack}"' if targets else f'stack "{engine.stack}"'
        if not yes and plan.deletions and not agreed(f"Destroy {what}?"):
            return
        with view.running():
            result = engine.destroy(refresh=refresh, selection=selection)
        result = replace(result, deletions=plan.deletions)
        finish(result, events, as_json=as_json, proof=_proof(prover, result))


def _prover(engine: Engine, *, as_json: bool) -> Prover:
    """Looks at the account before the destroy."""
    from .diff import stack_of
    from .proving import Prover

    state = engine.state()
    path, name = engine.directory.path, engine.stack
    identity = identity_in(state) or engine.directory.identity(name)
    prover = Prover(
        settings_at(path, name),
        replace(stack_of(engine.directory, name), identity=identity),
        declaration_at(path, name),
        ids_in(state or {}),
        say_to(as_json=as_json),
    )
    prover.look()
    return prover


def _proof(prover: Prover | None, result: Result) -> BillingProof | None:
    """What is there after the destroy; not known where it cannot be read: what was destroyed is reported all the same."""
    if prover is None or result.stopped:
        return None
    try:
        return prover.prove(result.deletions)
    except CoreWeaveError as error:
        return BillingProof(unread=(str(error),))


def _destroy_without_state(
    directory: Path, stack: str | None, events: EventFile, *, yes: bool, prove: bool, as_json: bool
) -> None:
    """The same for what the stack would have chosen the ids of; its state has nothing."""
    from . import stateless_destroy as stateless
    from .proving import Prover

    files = stateless.files_without_state(directory, stack)
    project, name = files.stack.project, files.stack.name
    say(f"stack {project}/{name}, without its state, {files.settings.endpoint}", error=as_json, flush=True)
    session = Session(files.settings, log=stateless.CommandLog(as_json=as_json))
    prover = (
        Prover(files.settings, files.stack, files.declaration, (), say_to(as_json=as_json)) if prove else None
    )
    try:
        if prover is not None:
            prover.look()
        found = stateless.find(files, session)
        stateless.show(found, as_json=as_json)
        if found.plan.errors:
            _refuse(project, name, found.plan, events, as_json=as_json)
        going = [deletion for deletion in found.plan.deletions if deletion.action != KEEPS]
        if going and not yes and not agreed(f'Destroy {len(going)} that stack "{name}" made?'):
            return
        result = stateless.delete(files, found, session, as_json=as_json)
    finally:
        session.api.close()
    finish(result, events, as_json=as_json, proof=_proof(prover, result))


def _refuse(project: str, stack: str, plan: DestroyPlan, events: EventFile, *, as_json: bool) -> None:
    """Say why nothing is deleted, and then which objects are protected, kept or used. Raises typer.Exit."""
    if not as_json:
        print_error("the destroy is refused; nothing was deleted")
    refused = Result("destroy", project, stack, ok=False, refused=True, errors=plan.errors)
    try:
        finish(replace(refused, deletions=plan.deletions), events, as_json=as_json)
    finally:
        if not as_json:
            print_plan(formatting.destroy_plan(found for found in plan.deletions if found.action != DELETES))


def refresh(directory: Path, stack: str | None, *, events_file: Path | None, as_json: bool) -> None:
    """Read, and say what was changed outside."""
    with report_errors(as_json=as_json), event_file(events_file, "refresh") as events:
        engine = _opened(
            directory, stack, events.watching(View(), "refresh"), as_json=as_json, create="never"
        )
        finish(engine.refresh(), events, as_json=as_json)


def _opened(
    directory: Path, stack: str | None, watch: Watch, *, as_json: bool, create: str = "with-file"
) -> Engine:
    """The engine, once the first line of the run has been printed."""
    engine = Engine.opened(directory, stack, watch, create=create)
    say(engine.context, error=as_json, flush=True)
    return engine


def require_answer(yes: bool, command: str, *, as_json: bool) -> None:
    if not yes and (as_json or not _interactive()):
        reason = "--json asks no questions" if as_json else "there is no terminal to ask on"
        raise usage_error(f"`{command}` needs --yes here: {reason}", as_json=as_json)


def _interactive() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _view(as_json: bool) -> View:
    if as_json:
        return View()
    if not sys.stdout.isatty():
        return Lines()
    from rich.console import Console

    return LiveTable(Console())


def _planned(
    engine: Engine, refresh: bool | None, selection: Selection, events: EventFile, *, as_json: bool
) -> tuple[Result, plans.Plan]:
    watch = Previewing(say_to(as_json=as_json))
    with watch.running():
        return engine.plan(refresh=refresh, selection=selection, watch=events.watching(watch, "preview"))


def agreed(question: str) -> bool:
    try:
        agreed = typer.confirm(question)
    except typer.Abort:
        raise typer.Exit(STOPPED) from None
    if not agreed:
        say("nothing was changed")
    return agreed
