"""`check`: what can be known before anything runs, as text or as one JSON document; and the declaration itself, printed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .exits import REFUSED, report_errors


def check(
    directory: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The stack directory.", show_default="here")
    ] = Path(),
    stack: Annotated[
        str | None,
        typer.Option(
            "--stack", "-s", help="The stack; else the only one that has a file.", show_default=False
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document, and nothing else.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--print", help="Print the declaration with the file and line of each value.")
    ] = False,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Ask nothing of the service, and run none of the directory's code."),
    ] = False,
) -> None:
    """Say what in a declaration cannot work or will surprise, before anything runs.

    A Python program without a declaration runs with Pulumi's mocks: nothing is created, and what outputs will be is not known.
    With --offline no code of the directory runs.
    Exit code 2 where there are errors, or the declaration itself is at fault. With a token the account, the buckets
    and the stack's last state are read too; nothing is ever changed.

    The document of --json: ok, errors (why nothing was checked), findings and accepted (code, severity, object, kind, key,
    path, inheritedBy, origin, what, why, do), notes, traffic, counts (error, warning, note, accepted). With --print: ok, errors,
    findings, values (path, value, file, line).

    Example: cw-inference check stacks/quickstart --stack dev
    """
    from coreweave_inference.checks import Report

    from .announcing import announce_look

    announce_look("checking", directory, stack, as_json=as_json)
    from . import check_report, declared_values
    from .checking import declares_in_python, discover_facts, report_on, report_on_program
    from .output import print_document, print_lines

    empty = declared_values.document(()) if show else check_report.document(Report())
    with report_errors(as_json=as_json, document=empty):
        if show:
            values = list(
                declared_values.values_of(discover_facts(directory, stack, offline=True).declaration)
            )
            if as_json:
                print_document(declared_values.document(values))
            else:
                print_lines(declared_values.text(values))
            return
        if declares_in_python(directory) and not offline:
            report = report_on_program(directory, stack)
        else:
            report = report_on(discover_facts(directory, stack, offline=offline))
    if as_json:
        print_document(check_report.document(report))
    else:
        print_lines(check_report.text(report))
    if report.errors:
        raise typer.Exit(REFUSED)
