"""Findings of a value that several entries have by `extends`, as one of the entry that says it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from coreweave_inference.declaration import Origin

from .finding import Finding
from .view import View


def grouped(view: View, findings: Iterable[Finding]) -> list[list[Finding]]:
    """Findings that say the same of one written value, the entry that wrote it first; every other finding alone."""
    groups: dict[object, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(_same(finding), []).append(finding)
    return [sorted(group, key=lambda finding: _distance(view, finding)) for group in groups.values()]


def merged(group: list[Finding]) -> Finding:
    """The first of a group, with the keys of the others."""
    first, *others = group
    return replace(first, inherited_by=tuple(sorted(other.about.key for other in others)))


def _same(finding: Finding) -> object:
    entry = _entry(finding)
    if finding.origin is None or not finding.origin.line or not entry:
        return finding
    rest = finding.path[len(entry) :]
    return (finding.code, finding.severity, finding.about.kind, rest, finding.sentence, finding.origin)


def _entry(finding: Finding) -> str:
    """`deployments.chat` of a path below it; empty where the finding is about no value of an entry."""
    section, _, rest = finding.path.partition(".")
    key = finding.about.key
    return f"{section}.{key}" if key and rest.startswith(f"{key}.") else ""


def _distance(view: View, finding: Finding) -> tuple[bool, int]:
    """How far above a written value the entry begins that the finding is about; one below it did not write it."""
    here, entry = finding.origin or Origin("", 0), view.origin(_entry(finding)) or Origin("", 0)
    lines = here.line - entry.line
    return (entry.file != here.file or lines < 0, abs(lines))
