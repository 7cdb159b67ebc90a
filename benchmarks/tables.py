"""Tables of a run: on the terminal, and as sections of a page, of which a run writes those that it measured."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

TITLE = """# Performance

How long this package takes beside what the Pulumi engine takes by itself. Everything here is written by `make bench`, on the
simulator, whose objects are ready at once unless a section says otherwise; so times are those of this package, of the engine and
of the machine alone. A run of a part (`make bench BENCH="--only imports"`) writes that part anew.

The *floor* is a Pulumi program of as many trivial dynamic resources with the same properties, which talks to nobody. Ratios are
those of runs side by side: the median, and in brackets the lowest and the highest. CPU seconds are less noisy than seconds.
"""
WIDTH = 140
NONE = "-"
"""What a cell without a figure shows."""


@dataclass(frozen=True)
class Table:
    """Rows of text, and sentences about them."""

    heading: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Section:
    """One part of a run. `how` says when, where and with which command it was measured."""

    title: str
    how: str
    tables: Sequence[Table]


def terminal(section: Section) -> Iterator[str]:
    """Its lines, with columns in line."""
    yield f"{section.title} ({section.how})"
    for table in section.tables:
        yield ""
        yield from (line for note in table.notes for line in textwrap.wrap(note, WIDTH))
        rows = [table.heading, *table.rows]
        widths = [max(len(row[at]) for row in rows) for at in range(len(table.heading))]
        for row in rows:
            yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""


def write_page(page: Path, sections: Iterable[Section], order: Sequence[str]) -> None:
    """Put `sections` in the place of those of the same titles; `order` has the titles of all that the page may have."""
    known = _sections(page.read_text(encoding="utf-8")) if page.exists() else {}
    known |= {section.title: "\n".join(_markdown(section)) for section in sections}
    text = [TITLE, *(known[title] for title in order if title in known)]
    page.write_text("\n".join(text).rstrip("\n") + "\n", encoding="utf-8")


def _sections(text: str) -> dict[str, str]:
    parts = re.split(r"(?m)^(?=## )", text)[1:]
    return {part.partition("\n")[0].removeprefix("## "): part.rstrip("\n") + "\n" for part in parts}


def _markdown(section: Section) -> Iterator[str]:
    yield f"## {section.title}"
    yield ""
    yield f"Measured {section.how}."
    for table in section.tables:
        for note in table.notes:
            yield ""
            yield from textwrap.wrap(note, WIDTH, break_on_hyphens=False, break_long_words=False)
        yield ""
        yield _row(table.heading)
        yield "|---" * len(table.heading) + "|"
        yield from map(_row, table.rows)
    yield ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Of runs side by side."""
    return [one / other for one, other in zip(ours, theirs, strict=False) if other]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median, and the range where there are several."""
    if not values:
        return NONE
    text = f"{median(values):.{digits}f}"
    return f"{text} ({min(values):.{digits}f} to {max(values):.{digits}f})" if len(values) > 1 else text


def against(values: Sequence[float], aim: float | None) -> str:
    """An aim, and whether the median holds it."""
    if aim is None or not values:
        return NONE
    return f"≤ {aim:g} {'✓' if median(values) <= aim else '✗'}"
