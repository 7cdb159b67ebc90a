"""Arguments and options that several commands have."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from .output import NO_COLOR

Directory = Annotated[Path, typer.Argument(metavar="[DIR]", help="The stack directory.", show_default="here")]
StackName = Annotated[
    str | None,
    typer.Option(
        "--stack", "-s", help="The stack; else the selected one, else the only one here.", show_default=False
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document at the end, and nothing else on standard output."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def _without_colours(asked: bool) -> None:
    if asked:
        os.environ[NO_COLOR] = "1"


NoColor = Annotated[
    bool,
    typer.Option(
        "--no-color",
        callback=_without_colours,
        is_eager=True,
        help="No colours on a terminal; as NO_COLOR=1.",
    ),
]
Refresh = Annotated[
    bool | None,
    typer.Option(
        "--refresh/--no-refresh",
        help="Look at what is live first, or do not.",
        show_default="as Pulumi.yaml says in options.refresh",
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="URN|KEY",
        help="Only this object; again for more: chat, deployments.chat, or a URN. What it is made for is waited for.",
        show_default=False,
    ),
]
Only = Annotated[
    str,
    typer.Option("--only", metavar="buckets", help="The buckets alone, before weights are pushed."),
]
Diff = Annotated[
    bool, typer.Option("--diff", help="Show every field of what is created, and no value cut short.")
]
Events = Annotated[
    Path | None,
    typer.Option(
        "--events",
        metavar="FILE",
        help="Write what happens there while it runs, a JSON document on each line.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class RunOptions:
    """What the commands that run a stack have in common; each has the values that it asks for, and else these."""

    directory: Path
    stack: str | None
    events: Path | None
    as_json: bool
    refresh: bool | None = None
    only: str = ""
    targets: tuple[str, ...] = ()
    full: bool = False
    yes: bool = False


JSON_DOCUMENT = """

    The document of --json: version, operation, project, stack, ok, stopped, counts (resources by create, update, replace,
    delete, same), steps (urn, type, kind, name, id, op, what, phase, changes with path, before, after), drift (the same for
    each object that was changed or, with gone, deleted outside, or that broke: the path is `health`), messages (severity, text, urn), errors, outputs, repairs, seconds.
    That of `up` also has plan: counts, steps and drift as they were shown before the run; and smoke, where the declaration has a smoke test. That of `destroy`
    has deletions: what it does with each object, and who uses it. What could not start has ok, errors and findings alone;
    a command line that is wrong prints none.

    The lines of --events: version, event, time and run (the preview before an `up`, or the run itself). event is start, step (as in the document),
    message (severity, text, urn, passing: a line that the next one replaces), progress (of an object that is waited for: urn, status, verdict, text, seconds), retry (a request that is
    sent again: urn, text) or end (code, and result: the document of --json).
"""
