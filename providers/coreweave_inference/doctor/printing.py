"""Results as lines for a terminal, as lines of findings alone, and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .check import Outcome, Result, first_verdict

WORDS = {
    Outcome.PASSED: "ok",
    Outcome.FAILED: "FAILED",
    Outcome.IN_PROGRESS: "waits",
    Outcome.WARNING: "warning",
    Outcome.UNKNOWN: "unknown",
    Outcome.SKIPPED: "skipped",
}
WIDTH = max(map(len, WORDS.values()))
EXPLAIN = "cw-inference doctor --explain"


class Terminal:
    """Lines for each result as it comes; the heading of a category before its first one."""

    def __init__(self) -> None:
        self._heading = ""

    def lines(self, result: Result) -> Iterator[str]:
        """The lines of one result."""
        if result.heading != self._heading:
            self._heading = result.heading
            yield result.heading
        subject = f"{result.subject}: " if result.subject not in ("", result.heading) else ""
        text = result.what or result.detail or result.description
        yield f"  {WORDS[result.outcome]:<{WIDTH}}  {result.code}: {subject}{text}"
        if result.is_finding:
            yield from (f"  {'':<{WIDTH}}  {line}" for line in _more(result))


def _more(result: Result) -> Iterator[str]:
    if result.why:
        yield f"why: {result.why}"
    yield f"fix: {result.do}"
    yield f"page: {EXPLAIN} {result.code}"


def short(result: Result) -> Iterator[str]:
    """A finding on one line, with its fix on the next; nothing for what is none."""
    if result.is_finding:
        subject = f"{result.subject}: " if result.subject else ""
        yield f"{WORDS[result.outcome]} {result.code} {subject}{result.what}"
        yield f"  fix: {result.do}"


def summary(results: Sequence[Result]) -> Iterator[str]:
    """How many passed, and what to look at first."""
    counts = ((outcome, sum(result.outcome is outcome for result in results)) for outcome in Outcome)
    yield ", ".join(f"{count} {outcome.value}" for outcome, count in counts if count) or "nothing was checked"
    first = first_verdict(results)
    if first is not None:
        subject = f"{first.subject}: " if first.subject else ""
        yield f"first: {first.code}: {subject}{first.what}"
        yield from [f"why: {first.why}"] if first.why else []
        yield f"fix: {first.do}"


def document(results: Sequence[Result]) -> dict[str, Any]:
    """As JSON; a finding has the form of every command's findings."""
    first = first_verdict(results)
    return {
        "ok": not any(result.outcome in (Outcome.FAILED, Outcome.UNKNOWN) for result in results),
        "errors": [],
        "findings": [_finding(result) for result in results if result.is_finding],
        "first": None if first is None else _finding(first),
        "checks": [_result(result) for result in results],
        "counts": {
            outcome.value: count
            for outcome in Outcome
            if (count := sum(result.outcome is outcome for result in results))
        },
    }


SEVERITIES = {Outcome.FAILED: "error", Outcome.UNKNOWN: "unknown", Outcome.IN_PROGRESS: "in progress"}


def _finding(result: Result) -> dict[str, Any]:
    kind, _, key = result.subject.partition(' "')
    return {
        "code": result.code,
        "severity": SEVERITIES.get(result.outcome, "warning"),
        "object": result.subject,
        "kind": kind if key else "",
        "key": key.removesuffix('"') if key else "",
        "path": "",
        "origin": None,
        "what": result.what,
        "why": result.why,
        "do": result.do,
    }


def _result(result: Result) -> dict[str, Any]:
    return {
        "category": result.category,
        "code": result.code,
        "description": result.description,
        "subject": result.subject,
        "outcome": result.outcome.value,
        "detail": result.detail,
        "what": result.what,
        "why": result.why,
        "do": result.do,
        "seconds": round(result.seconds, 3),
    }
