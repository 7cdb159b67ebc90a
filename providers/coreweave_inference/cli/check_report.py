"""A report of the checks as lines and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from coreweave_inference.checks import Finding, Report, Severity
from coreweave_inference.errors import plural


def document(report: Report) -> dict[str, Any]:
    """A report as JSON."""
    return {
        "ok": not report.errors,
        "errors": [],
        "findings": [finding.as_data() for finding in report.findings],
        "accepted": [finding.as_data() for finding in report.accepted],
        "notes": list(report.notes),
        "traffic": list(report.traffic),
        "memory": [verdict.as_data() for verdict in report.memory],
        "counts": _counts(report),
    }


def _counts(report: Report) -> dict[str, int]:
    return {
        **{severity.value: len(report.of(severity)) for severity in Severity},
        "accepted": len(report.accepted),
    }


def text(report: Report) -> Iterator[str]:
    """A report as lines: traffic, findings by severity, what was not read, and the counts."""
    if report.traffic:
        yield "traffic"
        yield from (f"  {line}" for line in report.traffic)
    for severity in Severity:
        found = report.of(severity)
        if found:
            yield f"{severity.value}s"
            for finding in found:
                yield from _lines(finding)
    for note in report.notes:
        yield f"not checked: {note}"
    counts = _counts(report)
    accepted = counts.pop("accepted")
    yield ", ".join([*(plural(count, name) for name, count in counts.items()), f"{accepted} accepted"])


def _lines(finding: Finding) -> Iterator[str]:
    head = " ".join(part for part in (finding.code, finding.subject) if part)
    yield f"  {head}{f' ({finding.place})' if finding.place else ''}"
    yield from (f"      {part}" for part in (finding.what, finding.why, finding.do) if part)
