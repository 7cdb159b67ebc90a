"""Checks as data, and the one runner: what a check is, how it ends, and in which order checks run. Pure but for its clock.

A check is a function over a context. It returns what it found out; it raises Problem where something is wrong, and Skip where it
does not apply or nothing is known. Anything else that it raises is a result too: a check that failed itself says nothing of
the stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from coreweave_inference.clock import Clock
from coreweave_inference.errors import CoreWeaveError, one_line

C = TypeVar("C")
FIRST_PAUSE_SECONDS = 0.2


class Outcome(str, Enum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    IN_PROGRESS = "in progress"
    WARNING = "warning"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


class Problem(Exception):
    """Something is wrong: what, why where that is known, and the command or line that fixes it."""

    def __init__(
        self, what: str, do: str, *, why: str = "", subject: str = "", outcome: Outcome = Outcome.FAILED
    ) -> None:
        super().__init__(what)
        self.what, self.why, self.do, self.subject, self.outcome = what, why, do, subject, outcome


@dataclass(frozen=True)
class Note:
    """What a check reports of one of several subjects that nothing is wrong with; `known` is false where nothing is known."""

    subject: str
    detail: str
    known: bool = True


class Problems(Exception):
    """Several of them, of one check, and what it reports of the other subjects."""

    def __init__(self, found: Iterable[Problem], notes: Iterable[Note] = ()) -> None:
        self.found, self.notes = tuple(found), tuple(notes)
        super().__init__("; ".join(problem.what for problem in self.found))


class Skip(Exception):
    """The check does not apply, or nothing is known; the text says why."""


@dataclass(frozen=True)
class Check(Generic[C]):
    """`code` is stable and has a page. `fatal`: where it fails, the rest of its category is skipped. `warning`: a failure stops
    nobody. `retry_seconds`: how long a failure is tried again before it counts.
    """

    code: str
    description: str
    run: Callable[[C], str | Sequence[Note]]
    fatal: bool = False
    warning: bool = False
    retry_seconds: float = 0.0


@dataclass(frozen=True)
class Category:
    """Checks of one subject, in order, each bound to what it looks at."""

    title: str
    subject: str
    checks: Sequence[Check[None]]


@dataclass(frozen=True)
class Result:
    """How one check of one subject ended, under the heading of its category. `detail` is what was found out where it passed
    or was skipped.
    """

    category: str
    heading: str
    code: str
    description: str
    subject: str
    outcome: Outcome
    detail: str = ""
    what: str = ""
    why: str = ""
    do: str = ""
    seconds: float = field(default=0.0, compare=False)

    @property
    def is_finding(self) -> bool:
        """Whether somebody has to do or know something."""
        return self.outcome not in (Outcome.PASSED, Outcome.SKIPPED)


STOPPING = (Outcome.FAILED, Outcome.UNKNOWN, Outcome.IN_PROGRESS)


Explain = Callable[[str, Problem], Problem]
"""From a check's code and a problem that it found to the problem with its cause."""


def bind(
    checks: Iterable[Check[C]], context: C, explain: Explain = lambda code, problem: problem
) -> tuple[Check[None], ...]:
    """The checks over one context; `explain` gets each problem that they find."""

    def ran(check: Check[C]) -> str | Sequence[Note]:
        try:
            return check.run(context)
        except Problem as problem:
            raise explain(check.code, problem) from None
        except Problems as problems:
            raise Problems((explain(check.code, found) for found in problems.found), problems.notes) from None

    def bound(check: Check[C]) -> Check[None]:
        return Check(
            check.code,
            check.description,
            lambda _: ran(check),
            check.fatal,
            check.warning,
            check.retry_seconds,
        )

    return tuple(bound(check) for check in checks)


def run(
    categories: Iterable[Category],
    clock: Clock,
    observe: Callable[[Result], None] = lambda result: None,
) -> tuple[Result, ...]:
    """Run them in order; `observe` hears each result when it is there. Categories may come one by one: the ones that depend on
    earlier results are made when those are there.
    """
    results: list[Result] = []
    for category in categories:
        stopped = ""
        for check in category.checks:
            if stopped:
                found = [_skipped(category, check, f"{stopped} did not pass")]
            else:
                found = _ended(category, check, clock)
            if check.fatal and any(result.outcome in STOPPING for result in found):
                stopped = stopped or check.code
            for result in found:
                results.append(result)
                observe(result)
    return tuple(results)


def _ended(category: Category, check: Check[None], clock: Clock) -> list[Result]:
    started = clock.monotonic()
    pause = FIRST_PAUSE_SECONDS
    while True:
        found = _tried(category, check, lambda: clock.monotonic() - started)
        elapsed = clock.monotonic() - started
        if not any(result.outcome is Outcome.FAILED for result in found) or elapsed >= check.retry_seconds:
            return found
        clock.sleep(min(pause, check.retry_seconds - elapsed))
        pause *= 2


def _tried(category: Category, check: Check[None], seconds: Callable[[], float]) -> list[Result]:
    def result(outcome: Outcome, **more: str) -> Result:
        subject = more.pop("subject", "") or category.subject
        return Result(
            category.title,
            category.subject,
            check.code,
            check.description,
            subject,
            outcome,
            seconds=seconds(),
            **more,
        )

    def of(problem: Problem) -> Result:
        failed = problem.outcome is Outcome.FAILED and check.warning
        outcome = Outcome.WARNING if failed else problem.outcome
        return result(outcome, what=problem.what, why=problem.why, do=problem.do, subject=problem.subject)

    def of_note(note: Note) -> Result:
        return result(
            Outcome.PASSED if note.known else Outcome.SKIPPED, detail=note.detail, subject=note.subject
        )

    try:
        found = check.run(None)
        return [result(Outcome.PASSED, detail=found)] if isinstance(found, str) else list(map(of_note, found))
    except Problem as problem:
        return [of(problem)]
    except Problems as problems:
        return [*map(of, problems.found), *map(of_note, problems.notes)]
    except Skip as skip:
        return [result(Outcome.SKIPPED, detail=str(skip))]
    except CoreWeaveError as error:
        what = f"could not be checked: {one_line(str(error), 400)}"
        return [result(Outcome.UNKNOWN, what=what, do="see the reason, and run again")]
    except Exception as error:
        what = f"the check itself failed: {type(error).__name__}: {one_line(str(error), 200)}"
        do = "this says nothing of the stack; report it with the output of `cw-inference doctor --json`"
        return [result(Outcome.UNKNOWN, what=what, do=do)]


def _skipped(category: Category, check: Check[None], why: str) -> Result:
    return Result(
        category.title,
        category.subject,
        check.code,
        check.description,
        category.subject,
        Outcome.SKIPPED,
        detail=why,
    )


WORST_FIRST = (Outcome.FAILED, Outcome.UNKNOWN, Outcome.IN_PROGRESS, Outcome.WARNING)


def first_verdict(results: Sequence[Result]) -> Result | None:
    """What to look at first: the first of the worst kind; None where there is no finding."""
    for outcome in WORST_FIRST:
        for result in results:
            if result.outcome is outcome:
                return result
    return None
