"""`status`: how the objects of a stack or an account are, once or until Ctrl-C."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import typer

from coreweave_inference.api.client import InferenceApi
from coreweave_inference.errors import ServiceUnavailable, Throttled, Unreachable
from coreweave_inference.fleet.instances import default_prices
from coreweave_inference.status.computed import State
from coreweave_inference.status.report import Report, report_on

from . import status_view
from .account_lists import listed, opened
from .exits import DIFFERS, FAILED, IN_PROGRESS, UNKNOWN, report_errors
from .live_account import Scope, scope_of
from .output import print_document, print_lines
from .wrapping import columns

Look = Callable[[], Report]


def status(
    directory: Path,
    stack: str | None,
    *,
    account: bool,
    watch: bool,
    interval: float | None,
    exit_code: bool,
    as_json: bool,
) -> None:
    """Print the status; with `watch` again and again."""
    with report_errors(as_json=as_json):
        scope = scope_of(directory, stack, account=account)
        with opened(scope.settings) as api:
            if watch:
                _watch(
                    scope, lambda: look(scope, api), interval or scope.settings.poll_seconds, as_json=as_json
                )
            report = look(scope, api)
    _print(scope, report, as_json=as_json)
    if exit_code and (code := code_of(report)):
        raise typer.Exit(code)


def look(scope: Scope, api: InferenceApi) -> Report:
    """One LIST of each kind, and what follows from it."""
    found = listed(api)
    return report_on(
        scope.recorded,
        found.lists,
        default_prices(),
        now=found.now,
        settle_seconds=scope.settings.settle_seconds,
        buckets=scope.buckets,
        unread=found.unread,
    )


def code_of(report: Report) -> int:
    """The worst of it: failed, not known, changed outside, in progress; 0 where all is current."""
    if report.count(State.FAILED):
        return FAILED
    if report.count(State.UNKNOWN):
        return UNKNOWN
    if report.drifted:
        return DIFFERS
    return IN_PROGRESS if report.count(State.IN_PROGRESS, State.TERMINATING) else 0


def _print(scope: Scope, report: Report, *, as_json: bool) -> None:
    if as_json:
        print_document(status_view.document(scope, report))
        sys.stdout.flush()
    else:
        print_lines(status_view.lines(scope, report, columns()))


def _watch(scope: Scope, look: Look, interval: float, *, as_json: bool) -> None:
    """Look until Ctrl-C: on a terminal one screen that is drawn anew, else what changed, one document or screen each."""
    last: Report | None = None

    def looked() -> Report | None:
        nonlocal last
        try:
            last = look()
        except (ServiceUnavailable, Throttled, Unreachable) as error:
            note = f"the last look failed, and what is shown is older: {error}"
            return None if last is None else replace(last, notes=(*last.notes, note))
        return last

    if sys.stdout.isatty() and not as_json:
        _redraw(scope, looked, interval)
        return
    shown: Report | None = None
    while True:
        report = looked()
        if report is not None and report != shown:
            if shown is not None and not as_json:
                print_lines([""])
            _print(scope, report, as_json=as_json)
            shown = report
        time.sleep(interval)


def _redraw(scope: Scope, looked: Callable[[], Report | None], interval: float) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(), auto_refresh=False) as live:
        while True:
            report = looked()
            if report is not None:
                live.update(Text("\n".join(status_view.lines(scope, report, columns()))), refresh=True)
            time.sleep(interval)
