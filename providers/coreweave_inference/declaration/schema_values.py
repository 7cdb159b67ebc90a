"""JSON Schema of single values and messages, from the types and limits that stand beside the fields.

What a declaration looks like around them is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo

from coreweave_inference.model.fields import InSchema, Matching
from coreweave_inference.model.shape import FieldShape, fields_of

Schema = dict[str, Any]

PLAIN = {str: "string", bool: "boolean", int: "integer", float: "number"}
SIZES = {"array": ("minItems", "maxItems"), "object": ("minProperties", "maxProperties")}
NULL: Schema = {"type": "null"}


def properties_of(model: type[BaseModel], *, part: bool) -> dict[str, Schema]:
    """The schema of each field of a message; in a `part` every value may be `null`, which removes it."""
    return {name: field_schema(model, shape, part=part) for name, shape in fields_of(model).items()}


def field_schema(model: type[BaseModel], shape: FieldShape, *, part: bool) -> Schema:
    """The schema of a field, with its description and default."""
    field = model.model_fields[shape.attribute]
    value = _limited(_of_type(field.annotation, part), field.metadata)
    schema = value if shape.required and not part else or_null(value)
    default = {} if shape.default in (None, "", [], {}) else {"default": shape.default}
    return {**schema, "description": " ".join(shape.description.split()), **default}


def or_null(schema: Schema) -> Schema:
    """The schema, or `null`."""
    kinds = schema.get("type")
    if kinds is None or "enum" in schema:
        return schema if schema.get("anyOf", [])[-1:] == [NULL] else {"anyOf": [schema, NULL]}
    listed = kinds if isinstance(kinds, list) else [kinds]
    return schema if "null" in listed else {**schema, "type": [*listed, "null"]}


def reference(name: str, *, part: bool = False) -> Schema:
    """A reference to a definition, whole or in part."""
    return {"$ref": f"#/$defs/{name}{'Part' if part else ''}"}


def required_of(model: type[BaseModel]) -> list[str]:
    """The names of the fields that must be given."""
    return [name for name, shape in fields_of(model).items() if shape.required]


def messages_in(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The messages within a message, at any depth, by name."""
    inner = [shape.message for shape in fields_of(model).values() if shape.message]
    found = {message.__name__: message for message in inner}
    for message in inner:
        found.update(messages_in(message))
    return found


def _of_type(annotation: Any, part: bool) -> Schema:
    if get_origin(annotation) is Annotated:
        bare, *metadata = get_args(annotation)
        return _limited(_of_type(bare, part), metadata)
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        inner = next(member for member in arguments if member is not NoneType)
        return or_null(_of_type(inner, part)) if NoneType in arguments else _of_type(inner, part)
    if origin is Literal:
        return {"type": "string", "enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": _of_type(arguments[0], part)}
    if origin is dict:
        names = {key: value for key, value in _of_type(arguments[0], part).items() if key != "type"}
        value = _of_type(arguments[1], part)
        return {
            "type": "object",
            "propertyNames": names,
            "additionalProperties": or_null(value) if part else value,
        }
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return reference(annotation.__name__, part=part)
    return {"type": PLAIN[annotation]}


def _limited(schema: Schema, metadata: Iterable[Any]) -> Schema:
    """The schema with the limits among what stands beside a type; rules that only code can tell are not in it."""
    limited = dict(schema)
    for item in metadata:
        limited.update(_limits(item, limited))
    return limited


def _limits(item: Any, schema: Mapping[str, Any]) -> Schema:
    least, most = SIZES.get(str(schema.get("type")), ("minLength", "maxLength"))
    if isinstance(item, FieldInfo):
        return _limited({**schema}, item.metadata)
    if isinstance(item, InSchema):
        return dict(item.keywords)
    validator = getattr(item, "func", None)
    found = {
        least: item.min_length if isinstance(item, (MinLen, StringConstraints)) else None,
        most: item.max_length if isinstance(item, (MaxLen, StringConstraints)) else None,
        "minimum": item.ge if isinstance(item, Ge) else None,
        "maximum": item.le if isinstance(item, Le) else None,
        "pattern": validator.pattern if isinstance(validator, Matching) else None,
    }
    return {name: value for name, value in found.items() if value is not None}
