"""What is drawn at random for a life and for each of its rounds, beside the faults of one run (`misbehaviour`). Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from random import Random

from tests.faults import misbehaviour, situations_of_health, situations_of_owners, situations_of_plans
from tests.faults.changes import changed, first, fixed
from tests.faults.programs import Program
from tests.faults.situations import Situation

SITUATIONS: tuple[Situation, ...] = (
    *situations_of_plans.SITUATIONS,
    *situations_of_owners.SITUATIONS,
    *situations_of_health.SITUATIONS,
)
SITUATION_CHANCE = 0.3
"""So many rounds end with a situation."""
PLAIN_LIVES = 0.25
"""So many lives are led with plain `pulumi`, which is promised less: what is made must stay declared."""
RESTRICTED_BUCKETS = 0.4
"""So many lives begin with a bucket whose policy names two principals and nobody else."""
CLOCKS_APART, CLOCK_AHEAD_SECONDS = 0.3, 5400.0
"""In so many lives the service's clock is ahead of this machine's."""
HOURS_LATER = "hours later"
HOURS_LATER_CHANCE = 0.15
"""So often a night lies between a disturbed run and the next one."""


@dataclass(frozen=True)
class Setting:
    """What stays so for a whole life."""

    plain: bool
    restricted: bool
    clock_ahead_seconds: float

    @property
    def kinds(self) -> tuple[str, ...]:
        """The words that are counted."""
        named = (
            ("plain pulumi", self.plain),
            ("policy of others", self.restricted),
            ("clocks apart", bool(self.clock_ahead_seconds)),
        )
        return tuple(name for name, holds in named if holds)


def setting(random: Random) -> Setting:
    """Of a new life."""
    plain, restricted = random.random() < PLAIN_LIVES, random.random() < RESTRICTED_BUCKETS
    return Setting(plain, restricted, CLOCK_AHEAD_SECONDS if random.random() < CLOCKS_APART else 0.0)


def between(random: Random, before: Program) -> tuple[Program, str]:
    """What the disturbed run declares, and how that differs from the program before."""
    if not before.objects():
        return first(random), "first"
    chance = random.random()
    if chance < 0.06:
        return Program(prefixes=before.prefixes, retired=before.retired), "destroy"
    if chance < 0.12:
        return Program(prefixes=before.prefixes, retired=before.retired), "remove all"
    return changed(random, before, may_fail=True)


def after(random: Random, before: Program, between_: Program, *, failed: bool, plain: bool) -> Program:
    """What the clean run declares: the same, what was there before, or something else."""
    retired = before.retired | between_.retired
    chance = random.random()
    if chance < 0.45 or not failed or plain:
        base = between_
    elif chance < 0.7:
        base = before
    else:
        base, _ = changed(random, random.choice((before, between_)), may_fail=False)
        retired |= base.retired
    return fixed(random, replace(base, retired=retired))


def is_hours_later(random: Random, *, plain: bool) -> bool:
    """Whether a night lies between the two runs of a round."""
    return random.random() < HOURS_LATER_CHANCE and not plain


def situation(random: Random, program: Program, *, plain: bool, only: str = "") -> Situation | None:
    """The situation that a round ends with; `only`: always the one of this name."""
    possible = [
        found
        for found in SITUATIONS
        if found.possible(program) and (found.plain or not plain) and only in ("", found.name)
    ]
    if random.random() >= (1.0 if only else SITUATION_CHANCE) or not possible:
        return None
    return random.choice(possible)


def kinds_of(seed: int, lives: int, rounds: int) -> Counter[str]:
    """How often each kind is drawn in so many lives of so many rounds, without running anything: each disturbed run counts as
    one that failed.
    """
    kinds: Counter[str] = Counter()
    for number in range(1, lives + 1):
        random = Random(f"{seed}/{number}")
        life, program = setting(random), Program()
        kinds.update(life.kinds)
        for _ in range(rounds):
            kinds.update(misbehaviour.planned(random).kinds)
            declared, _what = between(random, program)
            program = after(random, program, declared, failed=True, plain=life.plain).settled()
            kinds.update([HOURS_LATER] if is_hours_later(random, plain=life.plain) else [])
            ends_with = situation(random, program, plain=life.plain)
            kinds.update([ends_with.name] if ends_with else [])
    return kinds
