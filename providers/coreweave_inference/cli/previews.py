"""Previews and findings of stack directories, as the review reads them.

A directory is previewed as `cw-inference preview` does it. What that means is `review`'s.
"""

from __future__ import annotations

import os
from pathlib import Path

from coreweave_inference.declaration import FILE
from coreweave_inference.engine import stacks
from coreweave_inference.engine.directory import StackDirectory
from coreweave_inference.engine.installation import PulumiCli
from coreweave_inference.engine.operations import Engine
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.review import (
    FoundProblem,
    MemoryVerdict,
    Preview,
    failed_preview,
    findings_from,
    memory_from,
    preview_in,
    read_preview,
)

from .checking import discover_facts, report_on


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
    cli = PulumiCli.found(os.environ)
    name = stacks.chosen(directory, lambda: cli, stack)
    engine = Engine(directory, cli, name)
    if engine.state() is None:
        stacks.create(directory, cli, name)
    result = engine.preview(refresh=refresh)
    source = f"{directory.project}/{name}"
    if not result.ok and not result.document.get("diagnostics"):
        return failed_preview(
            source, "; ".join(result.errors) or "the engine reported nothing of its preview"
        )
    return preview_in(result.document, source)


def findings_of(place: Path, stack: str | None) -> tuple[tuple[FoundProblem, ...], tuple[MemoryVerdict, ...]]:
    """What `cw-inference check` finds in a stack directory, and its verdicts on memory. Raises CoreWeaveError where it cannot be checked.

    Without a declaration file there is a program, whose preview has its findings.
    """
    if not (place / FILE).exists():
        return (), ()
    report = report_on(discover_facts(place, stack, offline=False))
    found = findings_from(finding.as_data() for finding in report.findings)
    return found, memory_from(verdict.as_data() for verdict in report.memory)
