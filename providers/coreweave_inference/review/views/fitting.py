"""Sections of a comment, and how they are put together below a length that must not be passed.

Items are never cut in two: what comes first stays, the rest is counted. What they contain is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LIMIT = 60_000
"""Characters of a comment at most; GitHub refuses more than 65,536."""


@dataclass(frozen=True)
class Section:
    """`opening` and `closing` go around the items (a heading, a table's head); each item is one or more lines.

    A `short` one gets its room before the others, wherever it is.
    """

    opening: tuple[str, ...]
    items: tuple[str, ...]
    closing: tuple[str, ...] = ()
    short: bool = False

    def text(self, count: int) -> str:
        """With its first `count` items."""
        return "\n".join((*self.opening, *self.items[:count], *self.closing))


def complete(head: str, sections: Sequence[Section], foot: str) -> str:
    """Everything."""
    return _joined(head, [section.text(len(section.items)) for section in sections], foot)


def fitted(head: str, sections: Sequence[Section], foot: str, rest: str, limit: int = LIMIT) -> str:
    """As much as fits; `rest` with its `{count}` filled in says how many items do not. Raises ValueError below head and foot."""
    whole = complete(head, sections, foot)
    if len(whole) <= limit:
        return whole
    total = sum(len(section.items) for section in sections)
    last = f"{rest.format(count=total)}\n\n{foot}"
    if len(_joined(head, [], last)) > limit:
        raise ValueError(f"{limit} characters are not enough for the first line alone")
    counts: dict[int, int] = {}
    for number in sorted(range(len(sections)), key=lambda number: not sections[number].short):
        taken = [sections[other].text(count) for other, count in counts.items() if count]
        counts[number] = _how_many_fit(head, taken, sections[number], last, limit)
    parts = [section.text(counts[number]) for number, section in enumerate(sections) if counts[number]]
    left = total - sum(counts.values())
    return _joined(head, parts, f"{rest.format(count=left)}\n\n{foot}")


def _how_many_fit(head: str, parts: list[str], section: Section, last: str, limit: int) -> int:
    room = limit - len(_joined(head, [*parts, section.text(0)], last))
    count = 0
    for item in section.items:
        room -= len(item) + 1
        if room < 0:
            break
        count += 1
    return count


def _joined(head: str, parts: list[str], foot: str) -> str:
    return "\n\n".join(part for part in (head, *parts, foot) if part) + "\n"
