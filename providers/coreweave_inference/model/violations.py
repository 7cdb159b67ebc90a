"""Every way in which a declared spec breaks its model, in our words, all in one report.

The limits are beside the fields; here they are only run and put into sentences. What is not known yet is not judged.
Rules that need another object or the service do not belong here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from coreweave_inference.errors import Fault

from .fields import shortened
from .kinds import Kind
from .message import RULE, Message, broken_rules
from .nested import Location, leaves
from .paths import below, entry
from .sentences import sentence
from .shape import FieldShape, Form, fields_of
from .unknown import UNKNOWN

LocatedFault = tuple[Location, Fault]


def faults(kind: Kind, declared: Mapping[str, Any]) -> list[Fault]:
    """All violations of a declared spec; each path is relative to the object (`traffic.weight`)."""
    return [fault for _, fault in located_faults(kind.model, declared)]


def located_faults(model: type[BaseModel], declared: Mapping[str, Any]) -> list[LocatedFault]:
    """All violations of a message, each with the keys and indexes that lead to it."""
    known, unknown_keys = _known_part(model, declared, ())
    broken = _field_faults(model, known)
    unjudged = {location for location, _ in broken} | set(_unknown_locations(known))
    return [*unknown_keys, *broken, *_rule_faults(model, known, (), unjudged)]


def nearest(name: str, names: Iterable[str]) -> str:
    """The one of `names` that is close to `name`, whatever its case and separators; `""` if none is."""
    plain = {_without_separators(candidate): candidate for candidate in names}
    close = get_close_matches(_without_separators(name), plain, n=1)
    return plain[close[0]] if close else ""


def _without_separators(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def unknown_key(path: str, name: str, names: Iterable[str]) -> Fault:
    """The fault of a key that is not one of `names`."""
    right = nearest(name, names)
    do = f'did you mean "{right}"?' if right else f"known here: {', '.join(sorted(names)) or 'nothing'}"
    return Fault(what=f'unknown key "{name}"', path=below(path, name), do=do)


def _known_part(
    model: type[BaseModel], values: Mapping[Any, Any], location: Location
) -> tuple[dict[str, Any], list[LocatedFault]]:
    """`values` without unknown keys and unset values, as plain dicts, and the faults of the unknown keys."""
    fields = fields_of(model)
    known: dict[str, Any] = {}
    found: list[LocatedFault] = []
    for name, value in values.items():
        field = fields.get(name) if isinstance(name, str) else None
        if field is None:
            fault = unknown_key(".".join(location), shortened(str(name)), fields)
            found.append(((*location, name), fault))
        elif field.message and isinstance(value, Mapping):
            known[name], inner = _known_part(field.message, value, (*location, name))
            found.extend(inner)
        elif value is not None:
            known[name] = dict(value) if isinstance(value, Mapping) else value
    return known, found


def _unknown_locations(value: Any) -> tuple[Location, ...]:
    return tuple(location for location, leaf in leaves(value, lists=True) if leaf is UNKNOWN)


def _field_faults(model: type[BaseModel], known: Mapping[str, Any]) -> list[LocatedFault]:
    """The faults of single fields, without those of fields that hold a value not known yet."""
    try:
        model.model_validate(known)
    except ValidationError as error:
        unknown = _unknown_locations(known)
        details = [detail for detail in error.errors(include_url=False) if detail["type"] != RULE]
        return [
            (detail["loc"], _fault(model, detail))
            for detail in details
            if not _touches(detail["loc"], unknown) and not _follows(detail["loc"], details)
        ]
    return []


def _touches(location: Location, unknown: tuple[Location, ...]) -> bool:
    return any(_is_within(location, other) or _is_within(other, location) for other in unknown)


def _follows(location: Location, details: Iterable[Any]) -> bool:
    """Whether something below is wrong too: a list of one bad item also counts as too short."""
    return any(detail["loc"] != location and _is_within(detail["loc"], location) for detail in details)


def _is_within(inner: Location, outer: Location) -> bool:
    return inner[: len(outer)] == outer


def _fault(model: type[BaseModel], detail: Any) -> Fault:
    field, path = _place(model, detail["loc"])
    what, do = sentence(field, detail)
    return Fault(what=what, path=path, do=do)


def _place(model: type[BaseModel], location: Location) -> tuple[FieldShape | None, str]:
    """The field at a location of a pydantic error, and its path in our notation."""
    field: FieldShape | None = None
    path = ""
    message: type[BaseModel] | None = model
    for part in location:
        if field and field.form is Form.MAP:
            return field, entry(path, str(part)[:100])
        if isinstance(part, int):
            path = f"{path}[{part}]"
            continue
        field = fields_of(message).get(part) if message else None
        path = below(path, str(part))
        message = field.message if field else None
    return field, path


def _rule_faults(
    model: type[BaseModel], values: Mapping[str, Any], location: Location, unjudged: set[Location]
) -> Iterator[LocatedFault]:
    """The broken rules between fields, of a message and of all messages in it."""
    names = frozenset(name for name in fields_of(model) if (*location, name) in unjudged)
    path = ".".join(map(str, location))
    rules = model.rules if issubclass(model, Message) else ()
    for broken in broken_rules(rules, values, names):
        yield (*location, broken.field), Fault(broken.what, below(path, broken.field), broken.do)
    for name, field in fields_of(model).items():
        inner = values.get(name)
        if field.message and isinstance(inner, Mapping):
            yield from _rule_faults(field.message, inner, (*location, name), unjudged)
