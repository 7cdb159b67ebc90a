"""How bad a consequence is, and what a whole review comes to. Words and their order; nothing is judged here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .phrases import Sentence


class Danger(str, Enum):
    """`DANGEROUS` can take an answer from a client or weights from a replica; `CAUTION` is worth a second look."""

    DANGEROUS = "dangerous"
    CAUTION = "caution"
    PLAIN = "plain"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return tuple(Danger).index(self)


class Outcome(str, Enum):
    """What a review comes to, from the best to the worst."""

    NOTHING = "nothing"
    CHANGES = "changes"
    DANGEROUS = "dangerous"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """0 for the best."""
        return tuple(Outcome).index(self)


@dataclass(frozen=True)
class Consequence:
    """One thing that a change leads to."""

    danger: Danger
    sentence: Sentence


def dangerous(sentence: Sentence) -> Consequence:
    """A consequence that can hurt."""
    return Consequence(Danger.DANGEROUS, sentence)


def caution(sentence: Sentence) -> Consequence:
    """A consequence that is worth a second look."""
    return Consequence(Danger.CAUTION, sentence)


def plain(sentence: Sentence) -> Consequence:
    """A consequence that is only good to know."""
    return Consequence(Danger.PLAIN, sentence)
