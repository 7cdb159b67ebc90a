"""Checks as data go in, results in order come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from coreweave_inference.doctor import printing
from coreweave_inference.doctor.check import (
    Category,
    Check,
    Note,
    Outcome,
    Problem,
    Problems,
    Result,
    Skip,
    bind,
    first_verdict,
    run,
)
from coreweave_inference.errors import Unreachable

from tests.waiting.hand_clock import HandClock


def raising(error: Exception) -> Callable[[None], str]:
    def check(_: None) -> str:
        raise error

    return check


def results(*checks: Check[None]) -> tuple[Result, ...]:
    return run([Category("one", 'gateway "public"', bind(checks, None))], HandClock())


BROKEN = Problem("is broken", "fix it")


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (lambda _: "fine", Outcome.PASSED),
        (raising(BROKEN), Outcome.FAILED),
        (raising(Problem("soon", "wait", outcome=Outcome.IN_PROGRESS)), Outcome.IN_PROGRESS),
        (raising(Skip("does not apply")), Outcome.SKIPPED),
        (raising(Unreachable("no answer")), Outcome.UNKNOWN),
        (raising(ZeroDivisionError("division by zero")), Outcome.UNKNOWN),
    ],
)
def test_however_a_check_ends_it_is_a_result(end: Callable[[None], str], outcome: Outcome) -> None:
    (result,) = results(Check("one", "holds", end))

    assert (result.outcome, result.subject) == (outcome, 'gateway "public"')


def test_a_check_that_crashed_says_so_and_the_next_one_runs() -> None:
    crashed, after = results(
        Check("one", "holds", raising(KeyError("spec"))), Check("two", "holds", lambda _: "")
    )

    assert crashed.what == "the check itself failed: KeyError: 'spec'"
    assert after.outcome is Outcome.PASSED


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.IN_PROGRESS, Outcome.UNKNOWN])
def test_after_a_fatal_check_that_did_not_pass_the_rest_of_its_category_is_skipped(outcome: Outcome) -> None:
    problem = Problem("no", "do", outcome=outcome)

    found = results(
        Check("one", "holds", raising(problem), fatal=True),
        Check("two", "holds", lambda _: ""),
        Check("three", "holds", raising(BROKEN), fatal=True),
    )

    assert [result.outcome for result in found] == [outcome, Outcome.SKIPPED, Outcome.SKIPPED]
    assert found[2].detail == "one did not pass"


def test_a_warning_stops_nothing_and_a_note_is_shown_beside_a_problem() -> None:
    def mixed(_: None) -> Sequence[Note]:
        raise Problems([Problem("is broken", "fix it", subject="chat")], [Note("canary", "fine")])

    warned, chat, canary = results(
        Check("one", "holds", raising(BROKEN), fatal=True, warning=True), Check("two", "holds", mixed)
    )

    assert warned.outcome is Outcome.WARNING
    assert (chat.outcome, chat.subject) == (Outcome.FAILED, "chat")
    assert (canary.outcome, canary.subject) == (Outcome.PASSED, "canary")


def test_a_failure_is_tried_again_until_its_deadline_and_no_longer() -> None:
    clock, tries = HandClock(), []

    def third_time(_: None) -> str:
        tries.append(clock.monotonic())
        if len(tries) < 3:
            raise BROKEN
        return "at last"

    def never(_: None) -> str:
        raise BROKEN

    checks = (
        Check("one", "holds", third_time, retry_seconds=5),
        Check("two", "holds", never, retry_seconds=5),
    )
    passed, failed = run([Category("one", "", bind(checks, None))], clock)

    assert (passed.outcome, len(tries)) == (Outcome.PASSED, 3)
    assert (failed.outcome, failed.seconds) == (Outcome.FAILED, pytest.approx(5.0))


def test_the_first_verdict_is_the_first_of_the_worst_kind() -> None:
    found = results(
        Check("one", "holds", raising(BROKEN), warning=True),
        Check("two", "holds", raising(Problem("soon", "wait", outcome=Outcome.IN_PROGRESS))),
        Check("three", "holds", raising(BROKEN)),
        Check("four", "holds", raising(BROKEN)),
    )

    assert [getattr(first_verdict(part), "code", None) for part in (found, found[:2], found[:1], ())] == [
        "three",
        "two",
        "one",
        None,
    ]


def test_the_printers_name_subject_reason_fix_and_page() -> None:
    found = results(
        Check("one", "holds", lambda _: "fine"),
        Check("two", "holds", raising(Problem("is broken", "fix it", why="it fell"))),
    )
    terminal = printing.Terminal()

    lines = [line.strip() for result in found for line in terminal.lines(result)]
    short = [line for result in found for line in printing.short(result)]
    document = printing.document(found)

    assert lines == [
        'gateway "public"',
        "ok       one: fine",
        "FAILED   two: is broken",
        "why: it fell",
        "fix: fix it",
        "page: cw-inference doctor --explain two",
    ]
    assert short == ['FAILED two gateway "public": is broken', "  fix: fix it"]
    assert list(printing.summary(found)) == [
        "1 passed, 1 failed",
        'first: two: gateway "public": is broken',
        "why: it fell",
        "fix: fix it",
    ]
    assert (
        document["ok"],
        document["first"]["code"],
        document["first"]["kind"],
        document["first"]["key"],
    ) == (
        False,
        "two",
        "gateway",
        "public",
    )
