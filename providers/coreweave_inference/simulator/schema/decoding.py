"""Proto JSON to the sparse form: camelCase names, defaults left out, set empty messages kept. No rule is checked here."""

from __future__ import annotations

import json
from typing import Any

from .messages import Enum, Field, Message

UINT32_LIMIT = 2**32


class Unparsable(Exception):
    """The text is no JSON of this message; the text of the exception is the service's."""


class UnknownField(Exception):
    """A strict service met a field that the message does not have."""


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with its keys as written, twice-given ones included."""


def decode(message: Message, text: str, strict: bool) -> dict[str, Any]:
    """The message in sparse form. An empty text is an empty message.

    Raises Unparsable for what proto JSON refuses, and UnknownField when `strict` and a field is not the message's.
    """
    if not text.strip():
        return {}
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs, parse_constant=_refuse_constant)
    except ValueError as error:
        raise Unparsable(f"unmarshal message: proto: syntax error: {error}") from error
    return _Decoder(text, strict).message(message, pairs)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"invalid value {name}")


class _Decoder:
    def __init__(self, text: str, strict: bool) -> None:
        self._text = text
        self._strict = strict

    def message(self, message: Message, value: Any) -> dict[str, Any]:
        if not isinstance(value, _Pairs):
            raise self._wrong(message.name, value)
        seen: set[str] = set()
        found: dict[str, Any] = {}
        for key, item in value:
            field = message.field(key)
            if field is None:
                self._unknown(key)
                continue
            self._see(field, key, seen)
            if item is not None:
                self._choose(field, key, seen)
                found.update(self._field(field, item))
        return {field.name: found[field.name] for field in message.fields if field.name in found}

    def _unknown(self, key: str) -> None:
        if self._strict:
            column = self._text.find(json.dumps(key)) + 1
            raise UnknownField(f"proto: (line 1:{column}): unknown field {json.dumps(key)}")

    def _see(self, field: Field, key: str, seen: set[str]) -> None:
        if field.name in seen:
            raise Unparsable(f'unmarshal message: proto: duplicate field "{key}"')
        seen.add(field.name)

    def _choose(self, field: Field, key: str, seen: set[str]) -> None:
        oneof = f"oneof {field.oneof}"
        if field.oneof and oneof in seen:
            raise Unparsable(f'unmarshal message: proto: error parsing "{key}", {oneof} is already set')
        seen.add(oneof)

    def _field(self, field: Field, value: Any) -> dict[str, Any]:
        decoded = self._decoded(field, value)
        is_set = isinstance(field.type, Message) and not field.repeated
        return {field.name: decoded} if decoded or is_set else {}

    def _decoded(self, field: Field, value: Any) -> Any:
        if field.map:
            return self._map(field, value)
        if field.repeated:
            return self._list(field, value)
        return self._single(field, value)

    def _map(self, field: Field, value: Any) -> dict[str, str]:
        if not isinstance(value, _Pairs):
            raise self._wrong(field.name, value)
        entries: dict[str, str] = {}
        for key, item in value:
            if key in entries:
                raise Unparsable(f'unmarshal message: proto: duplicate map key "{key}"')
            entries[key] = self._string(field.name, item)
        return entries

    def _list(self, field: Field, value: Any) -> list[Any]:
        if not isinstance(value, list) or isinstance(value, _Pairs):
            raise self._wrong(field.name, value)
        items = [self._single(field, item) for item in value]
        return [item for item in items if item is not None] if isinstance(field.type, Enum) else items

    def _single(self, field: Field, value: Any) -> Any:
        if isinstance(field.type, Message):
            return self.message(field.type, value)
        if isinstance(field.type, Enum):
            return self._enum(field.type, field.name, value)
        if field.type == "uint32":
            return self._uint32(field.name, value)
        if field.type == "bool":
            return self._bool(field.name, value)
        return self._string(field.name, value)

    def _enum(self, enum: Enum, name: str, value: Any) -> str | int | None:
        """The enum's name; None for a name that is not known, which is dropped; the number when only that is known."""
        if isinstance(value, str):
            return (
                value
                if enum.named(value) and value != enum.names[0]
                else (0 if value == enum.names[0] else None)
            )
        number = self._uint32(name, value)
        return enum.names.get(number, number) if number else 0

    def _uint32(self, name: str, value: Any) -> int:
        number = self._number(name, value)
        if number != int(number) or not 0 <= number < UINT32_LIMIT:
            raise self._wrong(name, value)
        return int(number)

    def _number(self, name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise self._wrong(name, value)
        if isinstance(value, str) and value != value.strip():
            raise self._wrong(name, value)
        try:
            number = float(value)
        except (ValueError, OverflowError) as error:
            raise self._wrong(name, value) from error
        if number in (float("inf"), float("-inf")) or number != number:
            raise self._wrong(name, value)
        return number

    def _bool(self, name: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise self._wrong(name, value)
        return value

    def _string(self, name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise self._wrong(name, value)
        return value

    def _wrong(self, name: str, value: Any) -> Unparsable:
        shown = json.dumps(dict(value) if isinstance(value, _Pairs) else value)
        return Unparsable(f"unmarshal message: proto: invalid value for field {name}: {shown[:60]}")
