"""The sparse form to proto JSON: fields in the schema's order, and every zero value where a service emits them."""

from __future__ import annotations

from typing import Any

from .messages import Enum, Field, Message


def encode(message: Message, value: dict[str, Any], zero_values: bool) -> dict[str, Any]:
    """The message as an answer shows it; of a oneof only the chosen member is shown, zero values or not."""
    shown: dict[str, Any] = {}
    for field in message.fields:
        if field.name in value:
            shown[field.name] = _encoded(field, value[field.name], zero_values)
        elif zero_values and not field.oneof:
            shown[field.name] = _zero(field)
    return shown


def _encoded(field: Field, value: Any, zero_values: bool) -> Any:
    if not isinstance(field.type, Message):
        return value
    if field.repeated:
        return [encode(field.type, item, zero_values) for item in value]
    return encode(field.type, value, zero_values)


def _zero(field: Field) -> Any:
    if field.map:
        return {}
    if field.repeated:
        return []
    if isinstance(field.type, Enum):
        return field.type.names[0]
    if isinstance(field.type, Message) or field.type == "timestamp":
        return None
    return {"string": "", "uint32": 0, "bool": False}[field.type]
