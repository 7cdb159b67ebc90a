"""The models read as a table: for each message its fields, their form on the wire, default and what is known about them.

Comparing, completing and documenting work on this table; no knowledge of a single field belongs here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .kinds import Kind
from .message import Change, FieldMeta
from .paths import below, segments


class Form(Enum):
    """What a field is on the wire."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "boolean"
    LIST = "list"
    MAP = "map"
    MESSAGE = "message"


ZEROS: dict[Form, Any] = {Form.TEXT: "", Form.NUMBER: 0, Form.FLAG: False, Form.LIST: [], Form.MAP: {}}
"""The zero value of each form; the service leaves it out of its answers, or writes it, as it pleases."""


@dataclass(frozen=True)
class FieldShape:
    """One field: `name` on the wire, `attribute` in Python, `default` as plain data (`None`: none)."""

    name: str
    attribute: str
    form: Form
    message: type[BaseModel] | None
    default: Any
    required: bool
    about: FieldMeta
    description: str
    choices: tuple[str, ...]


@cache
def fields_of(model: type[BaseModel]) -> dict[str, FieldShape]:
    """The fields of a message by their names on the wire, in the model's order."""
    shapes = (_shape(attribute, field) for attribute, field in model.model_fields.items())
    return {shape.name: shape for shape in shapes}


def _shape(attribute: str, field: FieldInfo) -> FieldShape:
    declared = _bare(field.annotation)
    form = _form(declared)
    about = next((item for item in field.metadata if isinstance(item, FieldMeta)), FieldMeta())
    return FieldShape(
        name=field.alias or attribute,
        attribute=attribute,
        form=form,
        message=declared if form is Form.MESSAGE else None,
        default=_plain_default(field, form),
        required=field.is_required(),
        about=about,
        description=field.description or "",
        choices=_choices(declared),
    )


def _bare(annotation: Any) -> Any:
    """The type without `Annotated` and without `None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return next(_bare(member) for member in get_args(annotation) if member is not NoneType)
    return annotation


def _form(declared: Any) -> Form:
    if isinstance(declared, type) and issubclass(declared, BaseModel):
        return Form.MESSAGE
    by_origin = {tuple: Form.LIST, dict: Form.MAP}
    by_type = {bool: Form.FLAG, int: Form.NUMBER}
    return by_origin.get(get_origin(declared) or declared) or by_type.get(declared, Form.TEXT)


def _plain_default(field: FieldInfo, form: Form) -> Any:
    if form is Form.MESSAGE or field.is_required():
        return None
    return ZEROS[form] if form in (Form.LIST, Form.MAP) else field.default


def _choices(declared: Any) -> tuple[str, ...]:
    if get_origin(declared) is tuple:
        return _choices(_bare(get_args(declared)[0]))
    return get_args(declared) if get_origin(declared) is Literal else ()


def paths(model: type[BaseModel]) -> Iterator[str]:
    """The path of every field of a message, at any depth."""
    return (path for path, _ in _with_paths(model))


def is_path(message: type[BaseModel], path: str) -> bool:
    """Whether `path` names a field of the message, at any depth, or an entry of one of its maps."""
    try:
        parts = segments(path)
    except ValueError:
        return False
    model: type[BaseModel] | None = message
    for place, part in enumerate(parts):
        field = fields_of(model).get(part) if model else None
        if field is None:
            return False
        if field.form is Form.MAP:
            return len(parts) - place <= 2
        model = field.message
    return True


@cache
def replacing_fields(model: type[BaseModel]) -> dict[str, FieldShape]:
    """The fields of a message, at any depth, whose change replaces the object, by their paths."""
    return {path: field for path, field in _with_paths(model) if field.about.change is Change.REPLACES}


def _with_paths(model: type[BaseModel], start: str = "") -> Iterator[tuple[str, FieldShape]]:
    for field in fields_of(model).values():
        path = below(start, field.name)
        yield path, field
        if field.message:
            yield from _with_paths(field.message, path)


@cache
def secret_names() -> frozenset[str]:
    """The names of fields whose values are never shown."""
    return frozenset(f.name for kind in Kind for _, f in _with_paths(kind.model) if f.about.secret)


@cache
def write_only_paths(model: type[BaseModel]) -> tuple[str, ...]:
    """Paths of the fields that the service takes and never returns."""
    return tuple(path for path, field in _with_paths(model) if field.about.write_only)
