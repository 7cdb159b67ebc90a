"""The commands that run a stack, and their options; what they do is in `running`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from .arguments import (
    JSON_DOCUMENT,
    AsJson,
    Diff,
    Directory,
    Events,
    NoColor,
    Only,
    Refresh,
    RunOptions,
    StackName,
    Targets,
    Yes,
)


def _announce(doing: str, directory: Path, stack: str | None, *, as_json: bool) -> None:
    """The first line, before anything that takes time is imported."""
    from .announcing import announcement, say_to

    say_to(as_json=as_json)(announcement(doing, directory, stack))


def preview(
    directory: Directory = Path(),
    stack: StackName = None,
    refresh: Refresh = None,
    only: Only = "",
    target: Targets = None,
    diff: Diff = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with code 3 when there is something to change.")
    ] = False,
    save_plan: Annotated[
        Path | None,
        typer.Option(
            "--save-plan", metavar="FILE", help="Keep the plan, for `up --plan`.", show_default=False
        ),
    ] = None,
    events: Events = None,
    as_json: AsJson = False,
    _no_color: NoColor = False,
) -> None:
    """Show what `up` would do, and change nothing.

    Example: cw-inference preview stacks/quickstart --stack dev
    """
    _announce("previewing", directory, stack, as_json=as_json)
    from .running import preview as run

    options = RunOptions(directory, stack, events, as_json, refresh, only, tuple(target or ()), diff)
    run(options, exit_code=exit_code, save_plan=save_plan)


def up(
    directory: Directory = Path(),
    stack: StackName = None,
    yes: Yes = False,
    refresh: Refresh = None,
    remove_first: Annotated[
        bool,
        typer.Option(
            "--remove-first",
            help="Delete what is no longer declared before anything is made: for full claims.",
        ),
    ] = False,
    only: Only = "",
    target: Targets = None,
    diff: Diff = False,
    plan: Annotated[
        Path | None,
        typer.Option(
            "--plan",
            metavar="FILE",
            help="Run the plan that `preview --save-plan` kept, and nothing else; without asking.",
            show_default=False,
        ),
    ] = None,
    events: Events = None,
    as_json: AsJson = False,
    _no_color: NoColor = False,
) -> None:
    """Show the plan and ask; then run it, and wait until the stack serves.

    Where something moved since the plan was made, nothing is written: `up` shows the new plan and asks again, and ends
    with code 3 where it must not ask (`--yes`).

    The first Ctrl-C ends the waits and the run; the next run goes on from there.

    Example: cw-inference up stacks/quickstart --yes
    """
    _announce("previewing", directory, stack, as_json=as_json)
    from .running import up as run

    options = RunOptions(directory, stack, events, as_json, refresh, only, tuple(target or ()), diff, yes)
    run(options, remove_first=remove_first, plan_file=plan)


def destroy(
    directory: Directory = Path(),
    stack: StackName = None,
    yes: Yes = False,
    refresh: Refresh = None,
    target: Targets = None,
    prove: Annotated[
        bool, typer.Option("--prove", help="Look at the account before and after, and say what still bills.")
    ] = False,
    without_state: Annotated[
        bool,
        typer.Option(
            "--without-state",
            help="The state is lost: delete what the stack made, by the ids that it would have chosen.",
        ),
    ] = False,
    events: Events = None,
    as_json: AsJson = False,
    _no_color: NoColor = False,
) -> None:
    """Take the stack down, and wait until everything is confirmed deleted; buckets are kept unless declared otherwise.

    With --prove the code is 3 where something of the stack remains that it does not keep, 4 where that could not be seen, and
    the document of --json has proof: holds, remaining, costPerHour (before, after), objects (kind, name, id, whose, costPerHour,
    why), buckets (name, whose, bytes, files, costPerMonth, unfinished, statement, why), notKnown.

    Example: cw-inference destroy stacks/quickstart --stack dev --prove
    """
    _announce("reading", directory, stack, as_json=as_json)
    from .running import destroy as run

    options = RunOptions(directory, stack, events, as_json, refresh, targets=tuple(target or ()), yes=yes)
    run(options, prove=prove, without_state=without_state)


def refresh(
    directory: Directory = Path(),
    stack: StackName = None,
    events: Events = None,
    as_json: AsJson = False,
    _no_color: NoColor = False,
) -> None:
    """Bring the state to what is live; objects are not changed.

    Example: cw-inference refresh stacks/quickstart
    """
    _announce("refreshing", directory, stack, as_json=as_json)
    from .running import refresh as run

    run(RunOptions(directory, stack, events, as_json))


RUNS: tuple[Callable[..., None], ...] = (preview, up, destroy, refresh)
for command in RUNS:
    command.__doc__ = (command.__doc__ or "").rstrip() + JSON_DOCUMENT
