"""Leaving out what equals its default, and writing it out again: the sparse normal form and the request body.

What the two forms are is described in `normal_form`; here is how they are made. Nothing compares or judges here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from .fields import as_text, upper, whole
from .kinds import Kind
from .nested import SINGLE
from .shape import ZEROS, FieldShape, Form, fields_of


def sparse(kind: Kind, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The normal form of a declared, stored or live spec; fields that the kind's model does not know are dropped."""
    return sparse_message(kind.model, spec)


def sparse_message(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """The normal form of one message."""
    normal: dict[str, Any] = {}
    for field in fields_of(model).values():
        given = values.get(field.name)
        if given is not None and not _is_default(field, value := _sparse_value(field, given)):
            normal[field.name] = value
    return normal


def _sparse_value(field: FieldShape, value: Any) -> Any:
    if isinstance(value, SINGLE):
        return _sparse_scalar(field, value)
    if field.message and isinstance(value, Mapping):
        return sparse_message(field.message, value)
    if field.form is Form.MAP and isinstance(value, Mapping):
        return {str(key): as_text(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_sparse_scalar(field, item) for item in value]
    return _sparse_scalar(field, value)


def _sparse_scalar(field: FieldShape, value: Any) -> Any:
    return upper(value) if field.about.upper_case else whole(value)


def _is_default(field: FieldShape, value: Any) -> bool:
    if value is None:
        return True
    if field.form is Form.MESSAGE:
        return value == {} and not field.about.presence
    return _is_same_value(value, field.default) or _is_same_value(value, ZEROS[field.form])


def _is_same_value(value: Any, other: Any) -> bool:
    return type(value) is type(other) and bool(value == other)


def complete(kind: Kind, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The request body: `spec` with every optional field written out.

    Left out are the messages of a choice that were not chosen, texts that have no default (`name`, `version`: whoever
    sends the body resolves them first), and fields newer than the published schema while they hold their default.
    """
    return _complete_message(kind.model, sparse(kind, spec))


def _complete_message(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    filled = {field.name: _filled(field, values.get(field.name)) for field in fields_of(model).values()}
    return {name: value for name, value in filled.items() if value is not None}


def _filled(field: FieldShape, value: Any) -> Any:
    if field.message:
        if isinstance(value, Mapping) or (value is None and not field.about.presence):
            return _complete_message(field.message, value or {})
        return value
    if value is None and field.about.newer:
        return None
    if value is None:
        return _fresh(field.default)
    return value


def _fresh(default: Any) -> Any:
    """A default that a caller may change without changing the next caller's."""
    return type(default)() if isinstance(default, (list, dict)) else default
