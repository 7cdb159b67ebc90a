"""Previews and findings of stack directories, as the review reads them: by running what a user would run.

What they mean is `review`'s.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from coreweave_inference.engine import stacks
from coreweave_inference.engine.directory import StackDirectory
from coreweave_inference.engine.installation import CommandFailed, PulumiCli
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.review import FoundProblem, Preview, read_findings, read_preview
from coreweave_inference.review.reading import failed_preview


def preview_of(place: Path, stack: str | None, *, refresh: bool | None) -> Preview:
    """The preview in a file, or of a stack directory. Raises CoreWeaveError where there is neither."""
    if place.is_dir():
        return _run(StackDirectory.at(place), stack, refresh=refresh)
    try:
        text = place.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CoreWeaveError(
            f"{place} is neither a stack directory nor a preview that can be read: {error}"
        ) from error
    return read_preview(text, str(place))


def _run(directory: StackDirectory, stack: str | None, *, refresh: bool | None) -> Preview:
    cli = PulumiCli.found(os.environ)
    name = stacks.chosen(directory, cli, stack)
    source = f"{directory.project}/{name}"
    command = ["preview", "--json", "--show-sames", "--stack", name, "--color", "never"]
    if refresh is not None:
        command.append(f"--refresh={str(refresh).lower()}")
    try:
        output = cli.run(
            command, str(directory.path), {"PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "false"}
        ).stdout
    except CommandFailed as error:
        output = error.result.stdout
        try:
            return read_preview(output, source)
        except CoreWeaveError:
            return failed_preview(source, str(error))
    return read_preview(output, source)


def findings_of(place: Path, stack: str | None) -> tuple[FoundProblem, ...] | None:
    """What `cw-inference check` finds in a stack directory; None where it could not look at the declaration."""
    command = [sys.executable, "-m", "coreweave_inference.cli", "check", str(place), "--json"]
    found = subprocess.run(
        [*command, *(["--stack", stack] if stack else [])], capture_output=True, text=True, check=False
    )
    try:
        return read_findings(found.stdout, f"check of {place}")
    except CoreWeaveError:
        return None
