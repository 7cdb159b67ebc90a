"""A value that must not be shown, and how texts are cleaned of such values.

Nothing that knows where secrets come from or go to belongs here; no imports of this package.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NoReturn

HIDDEN = "***"
SHORTEST = 4
"""Characters; a shorter value is not taken out of texts, since it would also be taken out of ordinary words."""


class Secret:
    """A string whose `repr`, `str` and format are `***`; equal to another of the same value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never pickled")


def header_fault(value: str) -> str:
    """What keeps `value` out of an HTTP header, in words that do not show it; empty when nothing does."""
    if any(c in "\r\n" for c in value):
        return "contains a line break"
    if any(c.isspace() for c in value):
        return "contains white space"
    if any(not "!" <= c <= "~" for c in value):
        return "contains a control character or one outside ASCII"
    return ""


def redacted(text: str, secrets: Iterable[str]) -> str:
    """`text` with every one of `secrets` replaced by `***`, also where it is written with JSON's escapes."""
    forms = {form for value in secrets if len(value) >= SHORTEST for form in (value, json.dumps(value)[1:-1])}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text
