"""Paths of properties, as users, the engine and reports write them: `runtime.engineConfig["max-model-len"]`, `zones[0]`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .nested import Location
from .unknown import UNKNOWN

KEY = r'\["(?P<key>(?:[^"\\]|\\.)*)"\]'
PART = re.compile(rf"\[(?P<index>[0-9]+)\]|{KEY}|\.?(?P<name>[^.\[]+)")
FIELD = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z][A-Za-z0-9]*|" + KEY.replace("?P<key>", "?:") + ")*")


def location_of(path: str) -> Location:
    """The keys and indexes of a path."""
    return tuple(
        int(match["index"])
        if match["index"] is not None
        else match["name"]
        if match["key"] is None
        else re.sub(r'\\(["\\])', r"\1", match["key"])
        for match in PART.finditer(path)
    )


def segments(path: str) -> tuple[str, ...]:
    """The keys of a path of fields and of entries of maps; raises ValueError for what is not one."""
    if not FIELD.fullmatch(path):
        raise ValueError(f'"{path}" is not a path such as traffic.weight')
    return location_of(path)


def entry(path: str, key: str) -> str:
    """The path of a map's entry: `runtime.engineConfig["max-model-len"]`."""
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'{path}["{escaped}"]'


def below(path: str, name: str) -> str:
    """The path of a field below `path`."""
    return f"{path}.{name}" if path else name


def path_of(location: Location, start: str = "") -> str:
    """The path that leads to a location below `start`: names in dots, indexes and other keys in brackets."""
    path = start
    for part in location:
        if isinstance(part, int):
            path = f"{path}[{part}]"
        else:
            path = below(path, part) if part.isidentifier() else entry(path, part)
    return path


def value_at(value: Any, location: Iterable[Any]) -> Any:
    """The value at a location; None where there is none, `UNKNOWN` below what is not known yet."""
    for part in location:
        if value is UNKNOWN:
            return UNKNOWN
        if isinstance(value, Mapping):
            value = value.get(part)
        else:
            listed = isinstance(value, (list, tuple)) and isinstance(part, int) and part < len(value)
            value = value[part] if listed else None
    return value
