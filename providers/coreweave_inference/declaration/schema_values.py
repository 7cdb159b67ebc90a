"""JSON Schema of messages and their fields, made by pydantic from the types and limits beside the fields.

What a declaration looks like around them is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

Schema = dict[str, Any]

NULL: Schema = {"type": "null"}
PART = "Part"
LIMITS = {"ge": "minimum", "le": "maximum"}
"""Limits that pydantic does not translate where a validator is between them and the number."""


def definitions(models: Iterable[type[BaseModel]], *, part: bool) -> dict[str, Schema]:
    """The schema of each message, and of those in them, by name; in a `part` nothing is required, and `null` removes."""
    generator = _Generator(ref_template="#/$defs/{model}" + (PART if part else ""))
    generator.part = part
    found = generator.generate_definitions([(m, "validation", m.__pydantic_core_schema__) for m in models])
    return {str(name): schema for name, schema in found[1].items()}


def or_null(schema: Schema) -> Schema:
    """The schema, or `null`."""
    kinds = schema.get("type")
    if kinds is None or "enum" in schema:
        return schema if schema.get("anyOf", [])[-1:] == [NULL] else {"anyOf": [schema, NULL]}
    listed = kinds if isinstance(kinds, list) else [kinds]
    return schema if "null" in listed else {**schema, "type": [*listed, "null"]}


def reference(name: str, *, part: bool = False) -> Schema:
    """A reference to a definition, whole or in part."""
    return {"$ref": f"#/$defs/{name}{PART if part else ''}"}


class _Generator(GenerateJsonSchema):
    """What is left out may be `null` as well, since a declaration drops it; nothing has a title."""

    part = False

    def model_schema(self, schema: Any) -> Schema:
        message = super().model_schema(schema)
        left_out = ("title", "required") if self.part else ("title",)
        text = " ".join((schema["cls"].__doc__ or "").split())
        return {"description": text, **{key: item for key, item in message.items() if key not in left_out}}

    def model_field_schema(self, schema: Any) -> Schema:
        field = {LIMITS.get(key, key): item for key, item in super().model_field_schema(schema).items()}
        return or_null(field) if self.part else field

    def default_schema(self, schema: Any) -> Schema:
        found, default = or_null(self.generate_inner(schema["schema"])), schema.get("default")
        plain = default not in (None, "", (), {}) and not isinstance(default, BaseModel)
        return {**found, "default": default} if plain else found

    def nullable_schema(self, schema: Any) -> Schema:
        return or_null(self.generate_inner(schema["schema"]))

    def literal_schema(self, schema: Any) -> Schema:
        return {"type": "string", "enum": schema["expected"]}

    def dict_schema(self, schema: Any) -> Schema:
        names = {k: item for k, item in self.generate_inner(schema["keys_schema"]).items() if k != "type"}
        value = self.generate_inner(schema["values_schema"])
        sizes = {"minProperties": schema.get("min_length"), "maxProperties": schema.get("max_length")}
        return {
            "type": "object",
            "propertyNames": names,
            "additionalProperties": or_null(value) if self.part else value,
            **{name: size for name, size in sizes.items() if size is not None},
        }

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False

    def sort(self, value: Schema, parent_key: str | None = None) -> Schema:  # noqa: ARG002
        """In the order of the models."""
        return value
