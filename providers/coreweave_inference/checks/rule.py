"""A rule: a pure function over a view, and the names by which users know it.

What the rules are is the matter of the modules beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .finding import Finding, Problem, Severity
from .view import View

Check = Callable[[View], Iterable[Problem]]


@dataclass(frozen=True)
class Rule:
    """`code` is stable; `title` says in one line what the rule finds."""

    code: str
    severity: Severity
    title: str
    check: Check

    def __call__(self, view: View) -> list[Finding]:
        """What the rule finds in `view`."""
        return [self._finding(view, problem) for problem in self.check(view)]

    def _finding(self, view: View, problem: Problem) -> Finding:
        return Finding(
            code=self.code,
            severity=problem.severity or self.severity,
            about=problem.about,
            path=problem.path,
            what=problem.what,
            why=problem.why,
            do=problem.do,
            origin=view.origin(problem.path),
        )


def rule(code: str, severity: Severity, title: str) -> Callable[[Check], Rule]:
    """Makes a rule of the function below."""
    return lambda check: Rule(code, severity, title, check)
