"""Sentences that keep our words apart from what others wrote, so that each view can make the latter harmless.

No rule about Markdown, terminals or JSON belongs here.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from coreweave_inference.model import UNKNOWN
from coreweave_inference.model.nested import transform

LONGEST_VALUE = 120
KNOWN_LATER = "(known later)"
Show = Callable[[str], str]


@dataclass(frozen=True)
class Sentence:
    """Our words with `{gaps}`, and what others wrote for each gap: one text, or several in a row."""

    template: str
    gaps: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def render(self, show: Show) -> str:
        """The sentence with `show` applied to each foreign text."""
        return self.template.format_map({name: ", ".join(map(show, texts)) for name, texts in self.gaps})

    def __str__(self) -> str:
        return self.render(visible)


def say(template: str, **gaps: Any) -> Sentence:
    """A sentence; each gap takes a value of any form, a list or tuple becomes an enumeration."""
    return Sentence(template, tuple((name, _texts(value)) for name, value in sorted(gaps.items())))


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, (list, tuple)) and value:
        return tuple(shown(item) for item in value)
    return (shown(value),)


def shown(value: Any) -> str:
    """A value as one line of text, cut where it is long."""
    if value is None:
        return "(none)"
    if value is UNKNOWN:
        return KNOWN_LATER
    text = value if isinstance(value, str) and value else _as_json(value)
    return cut(text)


def cut(text: str, limit: int = LONGEST_VALUE) -> str:
    """At most `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def visible(text: str) -> str:
    """`text` on one line: control characters, line ends and direction marks are written out."""
    return "".join(c if _is_printable(c) else _escape(c) for c in text)


def _is_printable(character: str) -> bool:
    return character == " " or not unicodedata.category(character).startswith(("C", "Z"))


def _escape(character: str) -> str:
    code = ord(character)
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character) or (
        f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    )


def _as_json(value: Any) -> str:
    plain = transform(value, lambda part: KNOWN_LATER if part is UNKNOWN else part)
    return json.dumps(plain, ensure_ascii=False, sort_keys=True)
