"""The entries of a section: found, named, made whole by `extends`, and judged by a model.

What is the same for every section belongs here; what an entry means does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from coreweave_inference.errors import Fault
from coreweave_inference.model.fields import HOST_LABEL, shortened
from coreweave_inference.model.nested import Location
from coreweave_inference.model.normal_form import get_path
from coreweave_inference.model.shape import is_path, paths
from coreweave_inference.model.violations import located_faults, nearest, unknown_key

from .origin import Origin, Report, dotted
from .result import ObjectOptions
from .secrets import without_references
from .sections import OptionsSection


@dataclass(frozen=True)
class Entry:
    """One entry of a section: `own` is what it says, `values` that and what it inherits from `bases`."""

    section: str
    key: str
    values: dict[str, Any]
    own: Mapping[str, Any]
    origin: Origin
    bases: tuple[str, ...] = ()

    @property
    def location(self) -> Location:
        """Where the entry is in the file."""
        return (self.section, self.key)

    def says(self, path: str) -> bool:
        """Whether a fault at `path` is this entry's own, and not one that its base reports already."""
        return not self.bases or get_path(self.own, path) is not None


def raw_entries(
    top: Mapping[str, Any], section: str, report: Report, *, within: Location = (), short: str = ""
) -> dict[str, Mapping[str, Any]]:
    """The section's entries as written; what is not a mapping, or has a name that cannot be one, is reported.

    `within` leads to `top`; an entry that is only text says the field `short`, if there is one.
    """
    entries, location = top.get(section), (*within, section)
    if not isinstance(entries, Mapping):
        if entries is not None:
            report.add(
                location, "is not a mapping of names to entries", "write a name, a colon and its fields"
            )
        return {}
    for key in entries:
        _check_key(key, (*location, key), report)
    found = {key: _whole(entry, short) for key, entry in entries.items()}
    for key, entry in found.items():
        if not isinstance(entry, Mapping):
            report.add((*location, key), "is not a mapping of fields", "write its fields below it")
    return {key: entry for key, entry in found.items() if isinstance(entry, Mapping)}


def _whole(entry: Any, short: str) -> Any:
    if entry is None:
        return {}
    return {short: entry} if short and isinstance(entry, str) else entry


def _check_key(key: str, location: Location, report: Report) -> None:
    if not re.match(HOST_LABEL.removesuffix("$") + r"\Z", key):
        what = f'"{shortened(key)}" cannot name a resource'
        report.add(location, what, "use 1 to 63 letters, digits and hyphens, a letter or digit at both ends")


def check_keys(values: Mapping[str, Any], known: Iterable[str], location: Location, report: Report) -> None:
    """Reports every key that is not known here, with the nearest right one."""
    names = tuple(known)
    path = ".".join(map(str, location))
    for name in values:
        if name not in names:
            report.place((*location, name), unknown_key(path, shortened(name), names))


def model_faults(model: type[BaseModel], values: Mapping[str, Any]) -> list[tuple[Location, Fault]]:
    """What `values` break of the model's limits; secrets are judged by their place, not by their value."""
    return located_faults(model, without_references(values))


def place_faults(faults: Iterable[tuple[Location, Fault]], location: Location, report: Report) -> None:
    """Reports faults of something that is at `location`."""
    start = dotted(location)
    for inner, fault in faults:
        report.place((*location, *inner), replace(fault, path=f"{start}.{fault.path}"))


def options_of(entry: Entry, model: type[BaseModel], report: Report, *, within: str = "") -> ObjectOptions:
    """The entry's options; faults are reported and answered with the defaults.

    `within` is the message of the model whose fields the entry holds directly.
    """
    location = (*entry.location, "options")
    values = entry.values.get("options")
    if values is None:
        return ObjectOptions()
    if not isinstance(values, Mapping):
        report.add(location, "is not a mapping", "write options below it, such as protect: true")
        return ObjectOptions()
    faults = model_faults(OptionsSection, values)
    place_faults(faults, location, report)
    if faults:
        return ObjectOptions()
    section = OptionsSection.model_validate(
        {name: value for name, value in values.items() if value is not None}
    )
    options = ObjectOptions(**{name: getattr(section, name) for name in OptionsSection.model_fields})
    ignored = _ignored(options.ignore_changes, model, within, (*location, "ignoreChanges"), report)
    return replace(options, ignore_changes=ignored)


def _ignored(
    given: tuple[str, ...], model: type[BaseModel], within: str, location: Location, report: Report
) -> tuple[str, ...]:
    """The given paths as paths of the model; those that are none are reported."""
    found = []
    for place, path in enumerate(given):
        candidates = (path, f"{within}.{path}") if within else (path,)
        right = next((candidate for candidate in candidates if is_path(model, candidate)), "")
        if not right:
            close = nearest(path, (known.removeprefix(f"{within}.") for known in paths(model)))
            do = f'did you mean "{close}"?' if close else "name a field such as traffic.weight"
            report.add((*location, place), f'"{shortened(path)}" is not a field', do)
        found.append(right)
    return tuple(found)


def check_names(entries: Iterable[Entry], noun: str, report: Report) -> None:
    """Reports every explicit name that an entry before it has already."""
    owners: dict[str, str] = {}
    for entry in entries:
        name = entry.values.get("name")
        if not isinstance(name, str):
            continue
        if name in owners:
            what = f'the {noun} "{owners[name]}" has the name "{shortened(name)}" too'
            report.add((*entry.location, "name"), what, "give each its own name")
        owners.setdefault(name, entry.key)
