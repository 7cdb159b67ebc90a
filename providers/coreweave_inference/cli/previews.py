"""Previews and findings of stack directories, as the review reads them.

A directory is previewed as `cw-inference preview` does it, and what the CLI prints of it as JSON is kept. What that means
is `review`'s.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pulumi.automation import CommandResult

from coreweave_inference.declaration import FILE
from coreweave_inference.engine import stacks
from coreweave_inference.engine.directory import StackDirectory
from coreweave_inference.engine.installation import OLDEST, CommandFailed, Line, PulumiCli
from coreweave_inference.engine.operations import Engine
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.review import FoundProblem, Preview, failed_preview, findings_from, read_preview

from .checking import discover_facts, report_on


class PrintingCli(PulumiCli):
    """The CLI, which prints each preview as JSON; `printed` is what the last one said."""

    def __init__(self, cli: PulumiCli) -> None:
        super().__init__(cli.command, cli.version or OLDEST)
        self.printed = ""

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Line | None = None,
        on_error: Line | None = None,
        standard_input: str | None = None,
    ) -> CommandResult:
        """Run one command and wait for it. Raises CommandFailed."""
        if args[:1] != ["preview"]:
            return super().run(args, cwd, additional_env, on_output, on_error, standard_input)
        command = [*args, "--json", "--show-sames"]
        # The CLI can print a stream of events instead, which is another form.
        environment = {**additional_env, "PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "false"}
        try:
            result = super().run(command, cwd, environment, on_output, on_error, standard_input)
        except CommandFailed as error:
            self.printed = error.result.stdout
            raise
        self.printed = result.stdout
        return result


def preview_of(place: Path, stack: str | None, *, refresh: bool | None) -> Preview:
    """The preview in a file, or of a stack directory. Raises CoreWeaveError where there is neither."""
    if place.is_dir():
        return _run(place, stack, refresh=refresh)
    try:
        text = place.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CoreWeaveError(
            f"{place} is neither a stack directory nor a preview that can be read: {error}"
        ) from error
    return read_preview(text, str(place))


def _run(place: Path, stack: str | None, *, refresh: bool | None) -> Preview:
    directory = StackDirectory.at(place)
    directory.require_virtualenv()
    cli = PrintingCli(PulumiCli.found(os.environ))
    name = stacks.chosen(directory, cli, stack)
    engine = Engine(directory, cli, name)
    if engine.state() is None:
        stacks.create(directory, cli, name)
    result = engine.preview(refresh=refresh)
    source = f"{directory.project}/{name}"
    try:
        return read_preview(cli.printed, source)
    except CoreWeaveError:
        return failed_preview(source, "; ".join(result.errors) or "the engine printed no preview")


def findings_of(place: Path, stack: str | None) -> tuple[FoundProblem, ...]:
    """What `cw-inference check` finds in a stack directory. Raises CoreWeaveError where it cannot be checked.

    Without a declaration file there is a program, whose preview has its findings.
    """
    if not (place / FILE).exists():
        return ()
    report = report_on(discover_facts(place, stack, offline=False))
    return findings_from(finding.as_data() for finding in report.findings)
