"""The figures of a campaign, and the story of what broke a promise. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.lives import Round

PROMISES = (
    "orphan",
    "duplicate",
    "lost",
    "leftover",
    "other spec",
    "false ready",
    "not done",
    "deleted before a refusal",
    "ran otherwise than shown",
    "one object for two",
    "foreign changed",
    "forgotten",
    "broken and not seen",
    "called gone and not gone",
)


@dataclass
class Totals:
    """Sums over the rounds so far."""

    rounds: int = 0
    plain: int = 0
    failed_first_runs: int = 0
    writes: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    round_seconds: float = 0.0

    def add(self, rounds: Sequence[Round]) -> None:
        """Count the rounds of a life."""
        for found in rounds:
            self.rounds += 1
            self.plain += found.plain
            self.failed_first_runs += not found.first_run_ok
            self.writes += found.writes
            self.faults.update(found.kinds)
            self.broken.update(violation.what for violation in found.violations)
            self.round_seconds += found.seconds

    def lines(self, seed: int, seconds: float, jobs: int) -> list[str]:
        """The report as a person reads it."""
        faults = ", ".join(f"{kind} {count}" for kind, count in self.faults.most_common())
        promises = ", ".join(f"{name} {self.broken[name]}" for name in PROMISES)
        each = self.round_seconds / max(self.rounds, 1)
        return [
            (
                f"seed {seed}: {self.rounds} rounds in {seconds:.0f} s with {jobs} jobs, {each:.1f} s each; "
                f"{self.plain} of them with plain pulumi; {self.failed_first_runs} first runs failed, {self.writes} writes"
            ),
            f"faults: {faults}",
            f"broken promises: {promises}",
        ]

    def document(self, seed: int, seconds: float, jobs: int) -> dict[str, Any]:
        """The same for a program."""
        return {
            "seed": seed,
            "jobs": jobs,
            "rounds": self.rounds,
            "plain": self.plain,
            "failedFirstRuns": self.failed_first_runs,
            "writes": self.writes,
            "faults": dict(self.faults.most_common()),
            "broken": {name: self.broken[name] for name in PROMISES},
            "seconds": round(seconds, 1),
        }


def story(seed: int, rounds_of_a_life: int, found: Round) -> str:
    """Everything that a reader needs to see why a round broke a promise, and how to play it again."""
    again = f"--seed {seed} --life {found.life} --rounds {rounds_of_a_life}"
    head = f"BROKEN in life {found.life}, round {found.number}; again with: {again}"
    violations = [f"  {violation.what}: {violation.text}" for violation in found.violations]
    return "\n".join([head, *violations, *(f"    {line}" for line in found.story)])


def as_json(document: dict[str, Any]) -> str:
    """One line of JSON."""
    return json.dumps(document)
