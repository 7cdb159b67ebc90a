"""What differs between two specs, field by field and by meaning.

Order counts only where it means something, case only where the service minds it, and two names of one value are one.
Secrets are compared and never shown. Nothing here decides what a difference leads to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from .defaults import sparse
from .kinds import Kind
from .nested import mask
from .paths import below, entry, segments
from .shape import ZEROS, FieldShape, Form, fields_of, secret_names
from .unknown import UNKNOWN

HIDDEN = "(hidden)"


@dataclass(frozen=True, repr=False)
class Difference:
    """One field, or one entry of a map, that differs; `None` is absent. Shown without secrets."""

    path: str
    left: Any
    right: Any

    def __str__(self) -> str:
        if self._is_secret():
            return f"{self.path}: {HIDDEN} -> {HIDDEN}"
        return f"{self.path}: {_shown(self.left)} -> {_shown(self.right)}"

    def __repr__(self) -> str:
        return f"Difference({self})"

    def as_data(self) -> dict[str, Any]:
        """As JSON, secrets hidden."""
        hide = self._is_secret()

        def seen(value: Any) -> Any:
            if value is None or value is UNKNOWN:
                return None
            return HIDDEN if hide else mask(value, secret_names(), lambda _: HIDDEN)

        return {"path": self.path, "live": seen(self.left), "declared": seen(self.right)}

    def _is_secret(self) -> bool:
        return not secret_names().isdisjoint(segments(self.path))


def _shown(value: Any) -> str:
    if value is None:
        return "(none)"
    if value is UNKNOWN:
        return repr(value)
    try:
        shown = mask(value, secret_names(), lambda _: HIDDEN)
        return json.dumps(shown, ensure_ascii=False, default=repr)
    except (ValueError, TypeError):
        return f"({type(value).__name__})"


def differences(
    kind: Kind, left: Mapping[str, Any], right: Mapping[str, Any], *, write_only: bool = True
) -> tuple[Difference, ...]:
    """The fields in which two specs differ by meaning, in the model's order; both are brought into normal form first.

    `write_only=False` leaves out what the service never returns (an API key): use it against a live spec. A value that
    is not known yet differs from every known one.
    """
    return between(kind, sparse(kind, left), sparse(kind, right), write_only=write_only)


def between(
    kind: Kind, left: Mapping[str, Any], right: Mapping[str, Any], *, write_only: bool = True
) -> tuple[Difference, ...]:
    """The same for two specs in normal form."""
    return tuple(_in_message(kind.model, left, right, "", write_only))


def _in_message(
    model: type[BaseModel], left: Mapping[str, Any], right: Mapping[str, Any], start: str, write_only: bool
) -> Iterator[Difference]:
    for field in fields_of(model).values():
        if field.about.write_only and not write_only:
            continue
        yield from _in_field(
            field, left.get(field.name), right.get(field.name), below(start, field.name), write_only
        )


def _in_field(field: FieldShape, left: Any, right: Any, path: str, write_only: bool) -> Iterator[Difference]:
    if field.message and not field.about.presence:
        left, right = left or {}, right or {}
    if field.form is Form.MAP:
        left, right = left or {}, right or {}
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        if field.message:
            yield from _in_message(field.message, left, right, path, write_only)
        else:
            yield from _in_map(left, right, path)
    elif _meaning(field, left) != _meaning(field, right):
        yield Difference(path, _written_out(field, left), _written_out(field, right))


def _in_map(left: Mapping[str, Any], right: Mapping[str, Any], path: str) -> Iterator[Difference]:
    for key in sorted({*left, *right}):
        if left.get(key) != right.get(key):
            yield Difference(entry(path, key), left.get(key), right.get(key))


def _written_out(field: FieldShape, value: Any) -> Any:
    """The default for what is left out, so that a reader sees `0` rather than nothing."""
    if value is not None or field.form is Form.MESSAGE:
        return value
    if field.default is None and field.form is Form.TEXT:
        return None
    return ZEROS[field.form] if field.default is None else field.default


def _meaning(field: FieldShape, value: Any) -> Any:
    """A value that is equal for two values exactly if these mean the same."""
    if isinstance(value, list):
        items = [_meaning(field, item) for item in value]
        return sorted(items, key=repr) if field.about.unordered else items
    if isinstance(value, bool) or value is None or value is UNKNOWN:
        return (type(value).__name__, repr(value))
    if isinstance(value, str):
        name = dict(field.about.synonyms).get(value, value)
        return name.casefold() if field.about.ignores_case else name
    return value


__all__ = ["HIDDEN", "Difference", "between", "differences"]
