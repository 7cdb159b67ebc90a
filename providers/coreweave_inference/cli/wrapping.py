"""Lines for a person, broken between words where they are longer than the window is wide. Pure but for the width."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator

from coreweave_inference.errors import single_line

FALLBACK = (80, 24)
WORD = re.compile(r"\s*(?:`[^`]*`\S*|\S+)")
"""With the space before it; a command in backquotes stays on one line, so that it can be copied."""


def columns() -> int:
    """How wide the window is; 80 where there is none."""
    return shutil.get_terminal_size(FALLBACK).columns


def wrapped(lines: Iterable[str], width: int, hang: int = 2) -> Iterator[str]:
    """Each on one line, broken where it is longer than `width`; what follows a break is indented `hang` deeper."""
    for text in map(single_line, lines):
        indent = " " * (len(text) - len(text.lstrip()) + hang)
        line = ""
        for word in WORD.findall(text):
            if line.strip() and len(line) + len(word) > width:
                yield line
                line = indent + word.lstrip()
            else:
                line += word
        yield line
