"""The figures of a campaign, and the story of what broke a promise. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.lives import Round

PROMISES = {
    "orphan": "objects that exist and that no state has",
    "duplicate": "objects that exist twice",
    "lost": "declared objects that are missing, or are others than before",
    "leftover": "objects or policy statements that stayed after they were no longer declared",
    "other spec": "objects that are otherwise than declared",
    "not done": "clean runs that failed, left something pending, or hung",
    "deleted before an error": "something was deleted or changed by a run that was then refused",
    "ran otherwise than shown": "a run did something else than its plan said",
    "one object for two": "two resources got one object",
    "foreign changed": "an object of others, or who may read a bucket, was changed",
    "forgotten": "an object of the stack was left out of its state",
    "broken and not seen": "what broke after it was ready was called unchanged, or good",
    "called deleted and not deleted": "a destroy succeeded, and something was still there",
    "false ready": "a run called ready what did not serve its declaration",
}
"""What is counted, and what it means. Each has to be 0."""


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
    cpu_seconds: float = 0.0

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
            self.cpu_seconds += found.cpu_seconds

    def lines(self, seed: int, seconds: float, jobs: int) -> list[str]:
        """The report as a person reads it."""
        faults = ", ".join(f"{kind} {count}" for kind, count in self.faults.most_common())
        each, used = (total / max(self.rounds, 1) for total in (self.round_seconds, self.cpu_seconds))
        width = max(map(len, PROMISES.values()))
        return [
            (
                f"seed {seed}: {self.rounds} rounds in {seconds:.0f} s with {jobs} jobs, {each:.1f} s and {used:.1f} s of a "
                f"processor each; {self.plain} of them with plain pulumi; {self.failed_first_runs} first runs failed, "
                f"{self.writes} writes"
            ),
            f"faults: {faults}",
            f"{'must not happen':{width}}  times",
            *(f"{words:{width}}  {self.broken[name]}" for name, words in PROMISES.items()),
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
            "cpuSeconds": round(self.cpu_seconds, 1),
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
