"""`preview`, `up`, `destroy` and `refresh`: a run of the engine, with its plan before it and a report after it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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
from .arguments import RunOptions
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


def preview(options: RunOptions, *, exit_code: bool, save_plan: Path | None) -> None:
    """Print the plan."""
    with _events_of(options, "preview") as events:
        selection = _selection(options)
        engine = _opened(options, events.watching(View(), "preview"))
        result, plan = _planned(engine, selection, options, events)
        if save_plan is not None and result.ok:
            plans.save(plan, save_plan)
        finish(result, events, as_json=options.as_json, full=options.full)
        if save_plan is not None:
            text = formatting.saved_plan(options.directory, engine.stack, save_plan)
            say(text, error=options.as_json)
        if exit_code and result.changes:
            raise typer.Exit(DIFFERS)


def up(options: RunOptions, *, remove_first: bool, plan_file: Path | None) -> None:
    """Show the plan and ask, unless asked not to; then run it. What moved meanwhile is shown, and asked about again."""
    as_json = options.as_json
    if plan_file is not None and (options.only or options.targets or options.refresh is not None):
        raise usage_error(
            "--plan has its own --only, --target and --refresh; leave them out", as_json=as_json
        )
    yes = options.yes or plan_file is not None
    require_answer(yes, "up", as_json=as_json)
    with _events_of(options, "up") as events:
        selection = _selection(options)
        view = _view(as_json)
        engine = _opened(options, events.watching(view, "up"), create="first")
        engine.repair()
        while True:
            if plan_file is None:
                planned, plan = _planned(engine, selection, options, events)
            else:
                plan = plans.read(plan_file, engine.directory, engine.stack)
                planned = plan.preview
            if not planned.ok:
                # The view of this run has said what was repaired.
                refused = replace(planned, operation="up") if as_json else replace(planned, repairs=())
                finish(refused, events, as_json=as_json)
            if not as_json:
                print_plan(formatting.plan(planned, full=options.full))
                view.shown = frozenset(message.text for message in planned.messages)
            if planned.settled and plan_file is None:
                done = replace(planned, operation="up", outputs=exported_by(engine.state()))
                _finish_up(engine, done, planned, plan.selection, events, as_json=as_json)
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


def destroy(options: RunOptions, *, prove: bool, without_state: bool) -> None:
    """Show what happens to each object, stop where one must not be deleted, and ask, unless asked not to; then run."""
    as_json = options.as_json
    if (prove or without_state) and options.targets:
        raise usage_error(
            "--prove and --without-state are of a whole stack; leave --target out", as_json=as_json
        )
    if without_state and options.refresh is not None:
        raise usage_error("--without-state has no state to refresh; leave --refresh out", as_json=as_json)
    require_answer(options.yes, "destroy", as_json=as_json)
    with _events_of(options, "destroy") as events:
        if without_state:
            _destroy_without_state(options, events, prove=prove)
            return
        selection = _selection(options)
        view = _view(as_json)
        engine = _opened(options, events.watching(view, "destroy"), create="never")
        engine.repair()
        prover = _prover(engine, as_json=as_json) if prove else None
        plan = engine.plan_destroy(selection)
        if plan.errors:
            _refuse(engine.directory.project, engine.stack, plan, events, as_json=as_json)
        if plan.deletions and not as_json:
            print_plan([*formatting.destroy_plan(plan.deletions), formatting.destroy_summary(plan.deletions)])
        what = f'stack "{engine.stack}"'
        what = f"{len(plan.deletions)} of {what}" if options.targets else what
        if not options.yes and plan.deletions and not agreed(f"Destroy {what}?"):
            return
        with view.running():
            result = engine.destroy(refresh=options.refresh, selection=selection)
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


def _destroy_without_state(options: RunOptions, events: EventFile, *, prove: bool) -> None:
    """The same for what the stack would have chosen the ids of; its state has nothing."""
    from . import stateless_destroy as stateless
    from .proving import Prover

    as_json = options.as_json
    files = stateless.files_without_state(options.directory, options.stack)
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
        if going and not options.yes and not agreed(f'Destroy {len(going)} that stack "{name}" made?'):
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


def refresh(options: RunOptions) -> None:
    """Read, and say what was changed outside."""
    with _events_of(options, "refresh") as events:
        engine = _opened(options, events.watching(View(), "refresh"), create="never")
        finish(engine.refresh(), events, as_json=options.as_json)


@contextmanager
def _events_of(options: RunOptions, command: str) -> Iterator[EventFile]:
    """Where a run's events go; its errors are reported."""
    with report_errors(as_json=options.as_json), event_file(options.events, command) as events:
        yield events


def _opened(options: RunOptions, watch: Watch, create: str = "with-file") -> Engine:
    """The engine, once the first line of the run has been printed."""
    engine = Engine.opened(options.directory, options.stack, watch, create=create)
    say(engine.context, error=options.as_json, flush=True)
    return engine


def _selection(options: RunOptions) -> Selection:
    """What the run is limited to. Raises StartupError for a limit that there is not."""
    return Selection(options.only, options.targets)


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
    engine: Engine, selection: Selection, options: RunOptions, events: EventFile
) -> tuple[Result, plans.Plan]:
    watch = Previewing(say_to(as_json=options.as_json))
    with watch.running():
        shown = events.watching(watch, "preview")
        return engine.plan(refresh=options.refresh, selection=selection, watch=shown)


def agreed(question: str) -> bool:
    try:
        agreed = typer.confirm(question)
    except typer.Abort:
        raise typer.Exit(STOPPED) from None
    if not agreed:
        say("nothing was changed")
    return agreed
