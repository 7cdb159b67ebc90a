"""Findings that a declaration accepts, and what is wrong with an acceptance itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from coreweave_inference.declaration import Accepted
from coreweave_inference.model.violations import nearest

from .finding import About, Finding, Problem, Severity
from .rule import Rule
from .view import View


def accepts(view: View, finding: Finding) -> bool:
    """Whether the declaration accepts the finding today."""
    return any(matches(entry, finding) and not is_over(view, entry) for entry in view.accepted)


def matches(entry: Accepted, finding: Finding) -> bool:
    """Whether an acceptance means this finding: its code and its object."""
    same_kind = entry.kind is None or entry.kind == finding.about.kind
    return entry.code == finding.code and entry.key == finding.about.key and same_kind


def is_over(view: View, entry: Accepted) -> bool:
    """Whether the last day of an acceptance has passed."""
    return entry.until is not None and entry.until < view.today


@dataclass(frozen=True)
class Judged:
    """What the rules on acceptances know besides the view: what all other rules found, and every code there is."""

    findings: tuple[Finding, ...] = ()
    codes: frozenset[str] = frozenset()


def rules_on(found: Iterable[Finding], codes: frozenset[str]) -> tuple[Rule, ...]:
    """The rules on acceptances of what was found."""
    known = Judged(tuple(found), codes)
    return tuple(
        Rule(code, severity, title, partial(check, known)) for code, severity, title, check in _ON_ACCEPTANCE
    )


def unused(known: Judged, view: View) -> Iterator[Problem]:
    """Nothing is found that an acceptance is about, although everything could be read that it needs."""
    for place, entry in enumerate(view.accepted):
        if (
            entry.code in known.codes
            and not is_over(view, entry)
            and not any(matches(entry, finding) for finding in known.findings)
        ):
            yield Problem(
                _about(entry),
                f"accept[{place}]",
                f'{entry.code} is accepted for "{entry.key}", and there is no such finding',
                "a stale acceptance hides future findings",
                "remove the entry"
                if view.live is not None
                else "remove the entry, unless it is about what only a token shows",
                None if view.live is not None else Severity.NOTE,
            )


def outdated(_known: Judged, view: View) -> Iterator[Problem]:
    """The last day of an acceptance has passed, and its finding counts again."""
    for place, entry in enumerate(view.accepted):
        if is_over(view, entry):
            yield Problem(
                _about(entry),
                f"accept[{place}].until",
                f'{entry.code} was accepted for "{entry.key}" until {entry.until}',
                f"the reason given was: {entry.reason}",
                "fix what it is about, or give a new date and reason",
            )


def unknown_code(known: Judged, view: View) -> Iterator[Problem]:
    """An acceptance names a code that no rule has."""
    for place, entry in enumerate(view.accepted):
        if entry.code not in known.codes:
            right = nearest(entry.code, known.codes)
            yield Problem(
                _about(entry),
                f"accept[{place}].code",
                f'no rule has the code "{entry.code}"',
                "so it accepts nothing",
                f'did you mean "{right}"?' if right else "docs/checks.md lists the codes",
            )


def _about(entry: Accepted) -> About:
    return About(entry.kind or "object", entry.key)


_Judge = Callable[[Judged, View], Iterator[Problem]]
_ON_ACCEPTANCE: tuple[tuple[str, Severity, str, _Judge], ...] = (
    ("accept-unused", Severity.WARNING, "A finding is accepted that is not there", unused),
    ("accept-outdated", Severity.WARNING, "The date of an acceptance has passed", outdated),
    ("accept-unknown-code", Severity.ERROR, "A code is accepted that no rule has", unknown_code),
)
RULES = rules_on((), frozenset())
"""For listing; a report makes its own."""
