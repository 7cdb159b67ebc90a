"""Exit codes, and errors as one line on standard error or one JSON document on standard output.

The same for all commands: 0 good or nothing to do, 1 failed, 2 refused before the first write, 3 differs or does not
hold, 4 not known or warnings where asked for, 5 still in progress, 130 stopped. `review` documents its own 2 and 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from coreweave_inference.errors import CoreWeaveError, InvalidDeclaration, PlanMoved, is_failure
from coreweave_inference.network import marks

from .output import print_document, say

FAILED = 1
REFUSED = 2
DIFFERS = 3
UNKNOWN = 4
IN_PROGRESS = 5
STOPPED = 130

WRONG_USE: Any = typer.BadParameter.__mro__[1]
"""The parser's `UsageError`, wherever typer has its parser from."""


@contextmanager
def report_errors(*, as_json: bool = False, document: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Turn an error of this package into its line and its exit code. `document`: the command's JSON of a run without findings,
    whose keys that of an error has too.
    """
    marks.forget()
    try:
        yield
    except CoreWeaveError as error:
        findings = _findings(error) if isinstance(error, InvalidDeclaration) else []
        print_error(str(error), as_json=as_json, findings=findings, document=document)
        raise typer.Exit(code_of_error(error)) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        text = f"{where}{error.strerror or error or type(error).__name__}"
        print_error(text, as_json=as_json, document=document)
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt as stop:
        print_error(str(stop) or "stopped", as_json=as_json, document=document)
        raise typer.Exit(STOPPED) from None


def _findings(error: InvalidDeclaration) -> list[dict[str, Any]]:
    from coreweave_inference.model.findings import as_finding  # Heavier than the start of a command.

    return [as_finding(fault) for fault in error.faults]


def print_error(
    text: str,
    *,
    as_json: bool = False,
    findings: Sequence[Mapping[str, Any]] = (),
    document: Mapping[str, Any] | None = None,
) -> None:
    """One error, where whoever runs the command looks for it."""
    if not as_json:
        say(f"error: {text}", error=True)
        return
    found: dict[str, Any] = {
        **(document or {}),
        "ok": False,
        "errors": text.splitlines(),
        "findings": list(findings),
    }
    if "counts" in found:
        found["counts"] = {**found["counts"], "error": len(findings)}
    print_document(found)


def usage_error(text: str, *, as_json: bool = False) -> typer.Exit:
    """An exit that says what is wrong with the command itself."""
    print_error(text, as_json=as_json)
    return typer.Exit(REFUSED)


class Commands(TyperGroup):
    """The commands: what is wrong with one that is to print JSON is JSON too."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        as_json = "--json" in ctx.args
        try:
            return super().invoke(ctx)
        except WRONG_USE as error:
            if not as_json:
                raise
            raise usage_error(error.format_message(), as_json=True) from None


def code_of_error(error: CoreWeaveError) -> int:
    """The exit code of a command that ends with it."""
    if isinstance(error, PlanMoved):
        return DIFFERS
    return code_of_failure(refused=not marks.is_marked(marks.WROTE) and not is_failure(error))


def code_of_failure(*, refused: bool) -> int:
    """The code of what did not end well: `refused` before the first write, or failed while it ran."""
    return REFUSED if refused else FAILED
