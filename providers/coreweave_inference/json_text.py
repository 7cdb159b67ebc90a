"""JSON from places that are not trusted, read with a limit on its depth: the interpreter's own is no error to rely on. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import accumulate
from typing import Any

DEEPEST = 100
"""Levels of lists and objects in each other; what the service, models and plans have is a tenth of that."""
STRING = re.compile('"[^"]*"?')
OTHERS = re.compile(r"[^\[\]{}]+")
STEP = {"[": 1, "{": 1, "]": -1, "}": -1}


def read_json(
    text: str | bytes, object_pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None
) -> Any:
    """What `json.loads` makes of it. Raises ValueError for what is no JSON, and for what is nested deeper than DEEPEST."""
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    if text.count("[") + text.count("{") > DEEPEST and max(_levels(text)) > DEEPEST:
        raise json.JSONDecodeError(f"values are nested more than {DEEPEST} deep", "", 0)
    return json.loads(text, object_pairs_hook=object_pairs_hook)


def whole_lines(lines: Iterable[str]) -> Iterator[Any]:
    """What each line holds; one that was cut off is left out."""
    for line in lines:
        with suppress(ValueError):
            yield json.loads(line)


def _levels(text: str) -> Iterable[int]:
    """How deep the text is after each of its brackets; those in strings are none."""
    without_escapes = text.replace("\\\\", "").replace('\\"', "")
    brackets = OTHERS.sub("", STRING.sub("", without_escapes))
    return accumulate(map(STEP.__getitem__, brackets), initial=0)
