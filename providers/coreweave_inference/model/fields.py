"""Types of fields that more than one message has, each with the limits of the schema and the documentation.

A limit that only one field has is beside that field; rules between fields are in their message.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    StringConstraints,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from .message import OURS
from .written import WrittenInt, text_of

LARGEST_UINT32 = 2**32 - 1
HOST_LABEL = r"^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$"
ZONE = r"^([A-Z]{2}-[A-Z]+-[0-9]+[A-Z]+|RNO2A)$"
ZONE_IN_ANY_CASE = r"^([A-Za-z]{2}-[A-Za-z]+-[0-9]+[A-Za-z]+|[Rr][Nn][Oo]2[Aa])$"
UUID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"

Item = TypeVar("Item", bound=Hashable)


def refuse(what: str, do: str) -> PydanticCustomError:
    """The error of a field's own rule, in our words."""
    return PydanticCustomError(OURS, "{what}; {do}", {"what": what, "do": do})


def whole(value: Any) -> Any:
    """`4` for `4.0`, as numbers come back from the engine as floats; everything else as it is."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, WrittenInt) else value


def as_text(value: Any) -> Any:
    """What a map entry of the API holds for a YAML scalar: `"16384"`, `"true"`, `"1e10"`; not a scalar: as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return text_of(value)
    return value


def upper(value: Any) -> Any:
    """Text in upper case; everything else as it is."""
    return value.upper() if isinstance(value, str) else value


def unique(items: Sequence[Item]) -> Sequence[Item]:
    """`items`, if none is there twice."""
    for place, item in enumerate(items):
        if item in items[:place]:
            raise refuse(f'lists "{item}" twice', "name each once")
    return items


@dataclass(frozen=True)
class Matching:
    """In an annotation: text that matches all of `pattern`; `what` follows the refused value, `do` says what to do."""

    pattern: str
    what: str
    do: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "pattern": self.pattern}

    def __call__(self, value: str) -> str:
        """`value`, if it matches."""
        if not re.match(self.pattern.removesuffix("$") + r"\Z", value):
            raise refuse(f'"{shortened(value)}" {self.what}', self.do)
        return value


@dataclass(frozen=True, eq=False)
class InSchema:
    """How a JSON Schema says what a validator beside it checks; for editors, not for judging."""

    keywords: Mapping[str, Any]

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), **self.keywords}


def shortened(text: str) -> str:
    """At most 60 characters of `text`."""
    return text if len(text) <= 60 else text[:59] + "…"


def no_substitution(value: str) -> str:
    """`value`, if it holds no `$(`: the schema refuses it, as Kubernetes would substitute a variable there."""
    if "$(" in value:
        raise refuse("contains `$(`, which the service refuses", "write the value itself, without a variable")
    return value


EACH_ONCE = InSchema({"uniqueItems": True})

Whole = Annotated[int, BeforeValidator(whole), Strict()]
Count = Annotated[Whole, Field(le=LARGEST_UINT32)]
Flag = Annotated[bool, Strict()]
Text = Annotated[str, Strict()]
SomeText = Annotated[Text, StringConstraints(min_length=1)]

HostLabel = Annotated[
    Text,
    Matching(
        HOST_LABEL,
        "is not a valid hostname label",
        "use 1 to 63 letters, digits and hyphens, with a letter or digit at both ends",
    ),
]
Zone = Annotated[
    Text,
    BeforeValidator(upper),
    Matching(ZONE, "is not the name of an Availability Zone", "write it as in US-EAST-04A or RNO2A"),
    InSchema({"pattern": ZONE_IN_ANY_CASE}),
]
Uuid = Annotated[Text, Matching(UUID, "is not a UUID", "use the id that the service shows for the gateway")]
MapValue = Annotated[
    Text,
    BeforeValidator(as_text),
    StringConstraints(max_length=1024),
    AfterValidator(no_substitution),
    InSchema({"type": ["string", "number", "boolean"], "not": {"type": "string", "pattern": r"\$\("}}),
]
