"""Walks over nested data: mappings, lists and single values, as JSON and YAML have them. Pure; no field is known here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

SINGLE = (str, int, float, type(None))
"""What most parts of a spec are, asked for first: whether something is a mapping is ten times as slow to tell."""
Location = tuple[Any, ...]
"""The keys and indexes that lead to a value."""


def transform(value: Any, replace: Callable[[Any], Any]) -> Any:
    """A copy of `value` in which `replace` has the word on every part, the outermost first.

    What it returns unchanged is walked into; anything else is in the part's place as it is. Tuples become lists.
    """
    other = replace(value)
    if other is not value or isinstance(value, SINGLE):
        return other
    if isinstance(value, Mapping):
        return {key: transform(item, replace) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [transform(item, replace) for item in value]
    return value


def mask(value: Any, names: Collection[str], instead: Callable[[Any], Any]) -> Any:
    """A copy of `value` with `instead(item)` for each item whose key is one of `names`."""

    def masked(part: Any) -> Any:
        if isinstance(part, Mapping) and any(key in names for key in part):
            return {
                key: instead(item) if key in names else mask(item, names, instead)
                for key, item in part.items()
            }
        return part

    return transform(value, masked)


def without_none(value: Any) -> Any:
    """A copy of `value` without the members and items that are None."""
    if isinstance(value, SINGLE):
        return value
    if isinstance(value, Mapping):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [without_none(item) for item in value if item is not None]
    return value


def whole_number(value: Any) -> Any:
    """`4` for `4.0`, as numbers come back from the engine as floats; everything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def parts(value: Any) -> Iterator[Any]:
    """`value` itself, and everything in it at any depth, in order."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, SINGLE):
            continue
        if isinstance(part, Mapping):
            waiting.extend(reversed(tuple(part.values())))
        elif isinstance(part, (list, tuple)):
            waiting.extend(reversed(part))


def leaves(value: Any, *, lists: bool, location: Location = ()) -> Iterator[tuple[Location, Any]]:
    """The single values in `value`, each with its location; so is what is empty, and a list unless `lists` are walked."""
    inner: Collection[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        inner = value.items()
    elif lists and isinstance(value, (list, tuple)):
        inner = tuple(enumerate(value))
    if not inner:
        yield location, value
    for key, item in inner:
        yield from leaves(item, lists=lists, location=(*location, key))
