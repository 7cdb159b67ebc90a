"""One declaration from two files: what `inference.<stack>.yaml` says, laid over `inference.yaml`.

Mappings merge at every depth, lists and everything else replace, `null` removes; each value keeps the place where it
was written. What a declaration means is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from coreweave_inference.model.nested import Location

from .document import Document
from .inheritance import EXTENDS, merged
from .origin import Origin

Origins = Mapping[Location, Origin]


def overlay_path(path: Path, stack: str) -> Path:
    """`inference.prod.yaml` beside `inference.yaml`."""
    return path.with_name(f"{path.stem}.{stack}{path.suffix}")


def laid_over(base: Document, over: Document) -> Document:
    """`over` laid on `base`, both of which hold mappings.

    A `null` in an entry that extends another stays there, so that it removes what would be inherited too.
    """
    data = merged(base.data, over.data)
    for section, entries in over.data.items():
        for key, entry in entries.items() if isinstance(entries, Mapping) else ():
            whole = data[section].get(key)
            if isinstance(entry, Mapping) and whole.get(EXTENDS) is not None:
                data[section][key] = _with_nulls(whole, entry)
    return Document(data, dict(_origins(base, over)))


def _with_nulls(entry: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(entry)
    for name, value in over.items():
        if value is None:
            found[name] = None
        elif isinstance(value, Mapping):
            found[name] = _with_nulls(found[name], value)
    return found


def _origins(base: Document, over: Document) -> Iterator[tuple[Location, Origin]]:
    """The place of every value; a mapping that is in both files is where it was first written."""
    below, above = base.origins, over.origins

    def both(low: Any, high: Any, location: Location) -> Iterator[tuple[Location, Origin]]:
        if not isinstance(low, Mapping) or not isinstance(high, Mapping):
            yield from _placed(high, above, location)
            return
        yield from _placed({}, below, location)
        for name, value in low.items():
            if name not in high:
                yield from _placed(value, below, (*location, name))
        for name, value in high.items():
            yield from both(low.get(name), value, (*location, name))

    return both(base.data, over.data, ())


def _placed(value: Any, origins: Origins, location: Location) -> Iterator[tuple[Location, Origin]]:
    """The place of a value and of everything in it."""
    origin = origins.get(location)
    if origin:
        yield location, origin
    inner = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, item in inner:
        yield from _placed(item, origins, (*location, name))
