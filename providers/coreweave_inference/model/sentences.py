"""Sentences for the errors of the validation library: what is wrong with a field, and what to do.

Only words belong here; what a field's limits are is beside the field.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from .fields import LARGEST_UINT32, shortened
from .message import OURS
from .shape import FieldShape

Words = tuple[str, str]
"""What is wrong, what to do."""


def sentence(field: FieldShape | None, detail: Any) -> Words:
    """What is wrong and what to do, for one error of pydantic's `errors()`."""
    context: dict[str, Any] = detail.get("ctx", {})
    if detail["type"] == OURS:
        return context["what"], context["do"]
    words = SENTENCES.get(detail["type"], _anything_else)
    what, do = words(field, detail.get("input"), {**context, "msg": detail["msg"]})
    if context.get("le") == LARGEST_UINT32:
        return f"{what}, the largest number that the service holds there", do
    if field is None or detail["type"] not in LIMITS:
        return what, do
    why = field.about.why if detail["type"] in ("greater_than_equal", "less_than_equal") else ""
    return f"{what}: {why}" if why else what, field.about.do or do


def shown(field: FieldShape | None, value: Any) -> str:
    """A refused value as a sentence names it; a secret one never."""
    if field and field.about.secret:
        return "the value"
    if isinstance(value, str):
        return f'"{shortened(value)}"'
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return shortened(str(value))
    except ValueError:
        return "the number"


def _missing(_field: FieldShape | None, _value: Any, _context: dict[str, Any]) -> Words:
    return "is required and not given", "add it"


def _not_text(field: FieldShape | None, value: Any, _context: dict[str, Any]) -> Words:
    if value is None:
        return "has no value", 'write "" to switch a flag on, or remove the entry'
    return f"{shown(field, value)} is not text", "write it in quotes"


def _not_a_number(field: FieldShape | None, value: Any, _context: dict[str, Any]) -> Words:
    do = "write the number without quotes" if isinstance(value, str) else "write a whole number"
    return f"{shown(field, value)} is not a whole number", do


def _not_a_flag(field: FieldShape | None, value: Any, _context: dict[str, Any]) -> Words:
    return f"{shown(field, value)} is neither true nor false", "write true or false, without quotes"


def _not_a_list(field: FieldShape | None, value: Any, _context: dict[str, Any]) -> Words:
    return f"{shown(field, value)} is not a list", "write it in brackets: [first, second]"


def _not_a_mapping(field: FieldShape | None, value: Any, _context: dict[str, Any]) -> Words:
    return f"{shown(field, value)} is not a mapping", "write keys with values: {key: value}"


def _too_low(field: FieldShape | None, value: Any, context: dict[str, Any]) -> Words:
    return f"{shown(field, value)} is below {context['ge']}", f"use {context['ge']} or more"


def _too_high(field: FieldShape | None, value: Any, context: dict[str, Any]) -> Words:
    return f"{shown(field, value)} is above {context['le']}", f"use {context['le']} or less"


def _text_too_short(field: FieldShape | None, value: Any, context: dict[str, Any]) -> Words:
    if value == "":
        return "is empty", "give a value"
    return f"{shown(field, value)} is shorter than {context['min_length']} characters", "use a longer one"


def _text_too_long(_field: FieldShape | None, value: Any, context: dict[str, Any]) -> Words:
    return f"has {len(value)} characters, more than {context['max_length']}", "shorten it"


def _too_few(_field: FieldShape | None, _value: Any, context: dict[str, Any]) -> Words:
    if context["actual_length"] == 0:
        return "is empty", "name at least one"
    return f"has {context['actual_length']} entries, fewer than {context['min_length']}", "add some"


def _too_many(_field: FieldShape | None, value: Any, context: dict[str, Any]) -> Words:
    if isinstance(value, str):
        return _text_too_long(_field, value, context)
    number = len(value) if isinstance(value, (list, tuple, dict)) else "too many"
    return f"has {number} entries, more than {context['max_length']}", "remove some"


def _no_choice(field: FieldShape | None, value: Any, _context: dict[str, Any]) -> Words:
    choices = field.choices if field else ()
    close = get_close_matches(str(value).upper(), choices, n=1, cutoff=0.45) if isinstance(value, str) else []
    do = f"did you mean {close[0]}?" if close else "choose one of these"
    return f"{shown(field, value)} is not one of {', '.join(choices)}", do


def _anything_else(field: FieldShape | None, value: Any, context: dict[str, Any]) -> Words:
    return f"{shown(field, value)} is not valid ({context['msg']})", "see the field's description"


LIMITS = frozenset(
    {
        "missing",
        "greater_than_equal",
        "less_than_equal",
        "string_too_short",
        "string_too_long",
        "too_short",
        "too_long",
    }
)
"""The errors after which the field itself knows best what to do."""

SENTENCES: dict[str, Callable[[FieldShape | None, Any, dict[str, Any]], Words]] = {
    "missing": _missing,
    "string_type": _not_text,
    "int_type": _not_a_number,
    "int_from_float": _not_a_number,
    "bool_type": _not_a_flag,
    "tuple_type": _not_a_list,
    "dict_type": _not_a_mapping,
    "model_type": _not_a_mapping,
    "greater_than_equal": _too_low,
    "less_than_equal": _too_high,
    "string_too_short": _text_too_short,
    "string_too_long": _text_too_long,
    "too_short": _too_few,
    "too_long": _too_many,
    "literal_error": _no_choice,
}
