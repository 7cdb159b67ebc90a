"""`preview`, `up`, `destroy` and `refresh`: a run of the engine, with a question before it and a report after it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import typer

from coreweave_inference.engine.operations import Engine
from coreweave_inference.engine.results import Result

from . import wording
from .exits import FAILED, MEND, STOPPED, errors_told, tell_error, usage_error
from .views import Lines, LiveTable, View

NEXT_AFTER_STOP = {
    "up": "stopped; the state is consistent, and the next `cw-inference up` goes on where this run ended",
    "destroy": "stopped; what is not gone yet stays in the state, and the next `cw-inference destroy` goes on",
    "refresh": "stopped; nothing was changed, and the state holds what was read so far",
    "preview": "stopped; nothing was changed",
}


def preview(directory: Path, stack: str | None, *, refresh: bool | None, as_json: bool) -> None:
    """Print the plan."""
    with errors_told(as_json=as_json):
        engine = _opened(directory, stack, View(), as_json=as_json)
        _finish(engine.preview(refresh=refresh), as_json=as_json)


def up(
    directory: Path,
    stack: str | None,
    *,
    yes: bool,
    refresh: bool | None,
    remove_first: bool,
    only: str,
    as_json: bool,
) -> None:
    """Show the plan and ask, unless told not to; then run."""
    if only not in ("", "buckets"):
        raise usage_error(f'--only "{only}" is not known; the one that is: buckets', as_json=as_json)
    _require_answer(yes, "up", as_json=as_json)
    with errors_told(as_json=as_json):
        view = _view(as_json)
        engine = _opened(directory, stack, view, as_json=as_json, create="first")
        engine.repair()
        if not yes and not _agreed_to_plan(engine, refresh):
            return
        with view.running():
            result = engine.up(refresh=refresh, only=only, remove_first=remove_first)
        _finish(result, as_json=as_json)


def destroy(directory: Path, stack: str | None, *, yes: bool, refresh: bool | None, as_json: bool) -> None:
    """Name what goes and ask, unless told not to; then run, and say what is kept."""
    _require_answer(yes, "destroy", as_json=as_json)
    with errors_told(as_json=as_json):
        view = _view(as_json)
        engine = _opened(directory, stack, view, as_json=as_json, create="never")
        engine.repair()
        if not yes and not _agreed_to_destroy(engine):
            return
        with view.running():
            result = engine.destroy(refresh=refresh)
        _finish(result, as_json=as_json)


def refresh(directory: Path, stack: str | None, *, as_json: bool) -> None:
    """Read, and say what was changed outside."""
    with errors_told(as_json=as_json):
        engine = _opened(directory, stack, View(), as_json=as_json, create="never")
        _finish(engine.refresh(), as_json=as_json)


def _opened(
    directory: Path, stack: str | None, view: View, *, as_json: bool, create: str = "with-file"
) -> Engine:
    """The engine, once the first line of the run has said what it is about."""
    engine = Engine.opened(directory, stack, view, create=create)
    print(engine.context, file=sys.stderr if as_json else sys.stdout, flush=True)
    return engine


def _require_answer(yes: bool, command: str, *, as_json: bool) -> None:
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


def _agreed_to_plan(engine: Engine, refresh: bool | None) -> bool:
    plan = engine.preview(refresh=refresh)
    if not plan.ok:
        _finish(plan, as_json=False)
    _print_lines(wording.plan(plan))
    return _agreed("Do it?")


def _agreed_to_destroy(engine: Engine) -> bool:
    steps = engine.resources()
    if not steps:
        return True
    for step in reversed(steps):
        print(f"{'  keeps  ' if step.kept else '- deletes'} {wording.subject(step)}")
    return _agreed(f'Destroy stack "{engine.stack}"?')


def _agreed(question: str) -> bool:
    try:
        agreed = typer.confirm(question)
    except typer.Abort:
        raise typer.Exit(STOPPED) from None
    if not agreed:
        print("nothing was changed")
    return agreed


def _finish(result: Result, *, as_json: bool) -> None:
    """Report, and exit with the code that fits."""
    if as_json:
        print(json.dumps(wording.document(result)))
    else:
        _print_lines(REPORTS[result.operation](result) if result.ok else [])
        for error in result.errors:
            tell_error(error)
        if result.stopped:
            print(NEXT_AFTER_STOP[result.operation], file=sys.stderr)
    code = _code(result)
    if code:
        raise typer.Exit(code)


def _code(result: Result) -> int:
    if result.stopped:
        return STOPPED
    if result.ok:
        return 0
    return MEND if result.refused else FAILED


def _print_lines(lines: list[str]) -> None:
    for line in lines:
        print(line)


def _up_report(result: Result) -> list[str]:
    return [f"{wording.summary(result)} in {result.seconds:.1f} s", *wording.outputs(result.outputs)]


def _destroy_report(result: Result) -> list[str]:
    kept = wording.kept_objects(result.steps)
    if not result.steps:
        return ["nothing to destroy: the stack has no resources"]
    bills = "nothing of this stack bills any more" + (", but for the storage of what is kept" if kept else "")
    return [
        f"{wording.summary(result)} in {result.seconds:.1f} s",
        *(f"kept: {name}" for name in kept),
        bills,
    ]


def _refresh_report(result: Result) -> list[str]:
    return [*result.repairs, *(wording.drift(result) or ["nothing was changed outside"])]


REPORTS: dict[str, Callable[[Result], list[str]]] = {
    "preview": wording.plan,
    "up": _up_report,
    "destroy": _destroy_report,
    "refresh": _refresh_report,
}
