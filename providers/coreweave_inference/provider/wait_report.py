"""What a wait tells while it goes on: lines on the row of `Readiness`, and one entry per object for the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from coreweave_inference.errors import one_line
from coreweave_inference.waiting import Failed, Outcome, Ready, Waiting

from .session import Session


class WaitReport:
    """Lines on this resource's row, and one entry per object for a watching command line."""

    def __init__(self, run: Session, urn: str, covered: Mapping[str, Any]) -> None:
        self._run = run
        self._urn = urn
        self._urns = {item["id"]: item.get("urn", "") for item in covered.values()}
        self._last: dict[str, str] = {}

    def __call__(self, outcomes: Iterable[Outcome]) -> None:
        outcomes = list(outcomes)
        waiting = [o for o in outcomes if isinstance(o.verdict, Waiting) and not o.late]
        for outcome in outcomes:
            self._one(outcome)
        if waiting:
            names = ", ".join(f"{o.target.name} ({one_line(_why(o), 80)})" for o in waiting[:3])
            more = f" and {len(waiting) - 3} more" if len(waiting) > 3 else ""
            done = len(outcomes) - len(waiting)
            self._run.log.progress(
                self._urn, f"{done}/{len(outcomes)} ready, {waiting[0].seconds:.0f} s: {names}{more}"
            )

    def _one(self, outcome: Outcome) -> None:
        target, live = outcome.target, outcome.live
        word, text = _word(outcome), _why(outcome)
        self._run.progress(
            self._urns.get(target.id, ""),
            kind=target.kind.noun,
            name=target.name,
            status=live.status if live else "",
            verdict=word,
            message=one_line(text, 300),
            seconds=round(outcome.seconds, 1),
        )
        if word == "failed" and self._last.get(target.id) != text:
            self._last[target.id] = text
            self._run.log.progress(
                self._urns.get(target.id, "") or self._urn, f"{target.label}: {one_line(text, 300)}"
            )

    def report_notes(self, outcomes: Iterable[Outcome]) -> None:
        """What is ready and still worth telling: a reduction that is pending."""
        for outcome in outcomes:
            if isinstance(outcome.verdict, Ready) and "pending" in outcome.verdict.note:
                self._run.log.note(
                    self._urns.get(outcome.target.id, ""), f"{outcome.target.label}: {outcome.verdict.note}"
                )


def _word(outcome: Outcome) -> str:
    if outcome.late:
        return "failed"
    return {Ready: "ready", Failed: "failed", Waiting: "waiting"}[type(outcome.verdict)]


def _why(outcome: Outcome) -> str:
    if isinstance(outcome.verdict, Ready):
        return outcome.verdict.note
    late = f"not ready after {outcome.seconds:.0f} s: " if outcome.late else ""
    return late + outcome.verdict.why
