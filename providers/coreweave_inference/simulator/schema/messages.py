"""The messages of the API by their published schema, and their JSON form. The rules of fields are not checked here.

The sparse form of a message is a dict with camelCase names: defaults are left out, set empty messages are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

DESCRIPTORS = Path(__file__).with_name("inference-v1alpha1.binpb")
"""What `scripts/compile_schema.py` makes of the published schema."""
PACKAGE = "coreweave.inference.v1alpha1"
NO_SUCH_FIELD = re.compile(r'has no field named "(.*)" at "', re.DOTALL)


class Unparsable(Exception):
    """The text is no JSON of this message; the text of the exception is the service's."""


class UnknownField(Exception):
    """A strict service met a field that the message does not have."""


def _published() -> DescriptorPool:
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file:
        _add_former_names(file)
        pool.Add(file)
    return pool


def _add_former_names(file: FileDescriptorProto) -> None:
    """The name of the managed capacity type that the published schema only reserves; some services have it."""
    for enum in file.enum_type:
        if enum.name == "CapacityType":
            enum.ClearField("reserved_range")
            enum.ClearField("reserved_name")
            enum.value.add(name="CAPACITY_TYPE_SERVERLESS", number=1)


_POOL = _published()


def message(name: str) -> Descriptor:
    """The message of that name in the schema."""
    return _POOL.FindMessageTypeByName(f"{PACKAGE}.{name}")


def enum(name: str) -> EnumDescriptor:
    """The enum of that name in the schema."""
    return _POOL.FindEnumTypeByName(f"{PACKAGE}.{name}")


def decode(kind: Descriptor, text: str, strict: bool) -> dict[str, Any]:
    """The message in sparse form. An empty text is an empty message.

    Raises Unparsable for what proto JSON refuses, and UnknownField when `strict` and a field is not the message's.
    """
    if not text.strip():
        return {}
    try:
        parsed = json_format.Parse(text, GetMessageClass(kind)(), ignore_unknown_fields=not strict)
    except json_format.ParseError as error:
        if unknown := NO_SUCH_FIELD.search(str(error)):
            name = json.dumps(unknown[1])
            raise UnknownField(f"proto: (line 1:{text.find(name) + 1}): unknown field {name}") from error
        place = str(error).replace(kind.name, "request")
        raise Unparsable(f"unmarshal message: proto: {place}") from error
    _require_plain_form(kind, json.loads(text))
    # Sorted, because a protobuf map has another order in each process.
    return dict(json.loads(json_format.MessageToJson(parsed, indent=None, sort_keys=True)))


def _require_plain_form(kind: Descriptor, value: Any) -> None:
    """Refuse what json_format takes and the service does not: a field in both spellings, a list as a message."""
    if not isinstance(value, Mapping):
        raise Unparsable(f"unmarshal message: proto: invalid value for a message: {json.dumps(value)[:60]}")
    for field in kind.fields:
        given = [value[name] for name in {field.name, field.json_name} if name in value]
        if len(given) > 1:
            raise Unparsable(f'unmarshal message: proto: duplicate field "{field.name}"')
        if field.message_type and given not in ([], [None]):
            _require_plain_form(field.message_type, given[0])


def encode(kind: Descriptor, value: Mapping[str, Any], zero_values: bool) -> dict[str, Any]:
    """The message as an answer shows it: fields in the schema's order, zero values where a service emits them.

    Of a oneof only the chosen member is shown. Unset messages are `null` among zero values.
    """
    shown: dict[str, Any] = {}
    for field in kind.fields:
        if field.json_name in value:
            shown[field.json_name] = _encoded(field, value[field.json_name], zero_values)
        elif zero_values and field.containing_oneof is None:
            shown[field.json_name] = _zero(field)
    return shown


def _encoded(field: FieldDescriptor, value: Any, zero_values: bool) -> Any:
    if field.message_type is None or _is_map(field) or isinstance(value, str):
        return value
    if isinstance(value, list):
        return [encode(field.message_type, item, zero_values) for item in value]
    return encode(field.message_type, value, zero_values)


def _zero(field: FieldDescriptor) -> Any:
    if _is_map(field):
        return {}
    if field.enum_type and field.default_value == 0:
        return field.enum_type.values_by_number[0].name
    return field.default_value


def _is_map(field: FieldDescriptor) -> bool:
    return bool(field.message_type and field.message_type.GetOptions().map_entry)
