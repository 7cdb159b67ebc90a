"""One sparse normal form of a spec, the complete request body made from it, and the questions asked about both.

Specs are plain JSON-like values in camelCase. In the normal form a value that equals its default is left out, whoever
wrote it: zero numbers, `false`, `""`, empty lists and maps, unset messages. Two things are values although they are
empty: entries of a map (`enable-auto-tool-choice: ""`) and the messages of which exactly one is chosen
(`coreWeaveAuth: {}`). Every other empty message is left out, so `traffic: {}`, `traffic: {weight: 0}` and no `traffic`
are one: weight 0. What a *declaration* means by leaving `traffic` out is decided before, where it is read.

Everything here is a pure function and takes `UNKNOWN` at any depth. Nothing here may read files, know a stack or talk
to the service.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from .comparison import Difference, between, differences
from .defaults import complete, sparse, sparse_message
from .kinds import Kind
from .paths import below, segments, value_at
from .shape import fields_of
from .unknown import UNKNOWN, has_unknown
from .violations import faults

NEVER_SENT = ("id", "organizationId")
"""Fields of a live spec that no request body but a POST's `id` carries."""


def patch_body(kind: Kind, complete_body: Mapping[str, Any]) -> dict[str, Any]:
    """What of a complete body a PATCH carries: all but the id, and for a capacity claim all but its name."""
    dropped = ("id", "name") if kind is Kind.CAPACITY_CLAIM else ("id",)
    return {name: value for name, value in complete_body.items() if name not in dropped}


def unknown_fields(kind: Kind, live_spec: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a live spec that the kind's model does not know, by dotted path.

    They belong to a newer API and must go back with a PATCH, or it would reset them. Entries of maps are never unknown.
    """
    found = _unknown_in(kind.model, live_spec, "")
    return {path: value for path, value in found.items() if path not in NEVER_SENT}


def _unknown_in(model: type[BaseModel], values: Mapping[str, Any], start: str) -> dict[str, Any]:
    known = fields_of(model)
    found: dict[str, Any] = {}
    for name, value in values.items():
        field = known.get(name)
        if field is None and value is not None:
            found[below(start, str(name))] = value
        elif field and field.message and isinstance(value, Mapping):
            found.update(_unknown_in(field.message, value, below(start, name)))
    return found


def with_unknown_fields(body: Mapping[str, Any], unknown: Mapping[str, Any]) -> dict[str, Any]:
    """`body` and the fields found by `unknown_fields`; where both have a value the body's wins.

    A field is added only to a message that the body has: bringing back a message that was not chosen would make two.
    """
    merged = dict(body)
    for path, value in unknown.items():
        merged = _with_field(merged, path.split("."), value)
    return merged


def _with_field(message: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    name, rest = path[0], path[1:]
    ours = message.get(name)
    if rest:
        return (
            {**message, name: _with_field(ours, rest, value)} if isinstance(ours, Mapping) else dict(message)
        )
    return {**message, name: _merged(ours, value)}


def _merged(ours: Any, theirs: Any) -> Any:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        both = {name: _merged(ours.get(name), value) for name, value in theirs.items()}
        return {**ours, **both}
    return theirs if ours is None else ours


def get_path(spec: Mapping[str, Any], path: str) -> Any:
    """The value at a path such as `traffic.weight` or `runtime.engineConfig["max-model-len"]`; `None` if absent."""
    return value_at(spec, segments(path))


def with_path(spec: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of `spec` with `value` at `path`; `None` removes what is there."""
    return _with_part(spec, segments(path), value)


def _with_part(message: Mapping[str, Any], parts: tuple[str, ...], value: Any) -> dict[str, Any]:
    name, rest = parts[0], parts[1:]
    inner = message.get(name)
    if inner is UNKNOWN and rest:
        return dict(message)
    if rest and (isinstance(inner, Mapping) or value is not None):
        return {**message, name: _with_part(inner if isinstance(inner, Mapping) else {}, rest, value)}
    kept = {key: item for key, item in message.items() if key != name or value is not None}
    return kept if value is None else {**kept, name: value}


__all__ = [
    "UNKNOWN",
    "Difference",
    "between",
    "complete",
    "differences",
    "faults",
    "get_path",
    "has_unknown",
    "patch_body",
    "sparse",
    "sparse_message",
    "unknown_fields",
    "with_path",
    "with_unknown_fields",
]
