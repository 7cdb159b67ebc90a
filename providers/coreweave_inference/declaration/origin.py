"""Where a value of a declaration is, and the report of all faults of a file.

Nothing here knows what a declaration means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from coreweave_inference.errors import Fault
from coreweave_inference.model.nested import Location


@dataclass(frozen=True)
class Origin:
    """A place in a file; `line` counts from 1."""

    file: str
    line: int


@dataclass
class Report:
    """The faults found so far, each with the place of what it is about."""

    file: str
    origins: Mapping[Location, Origin] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def origin(self, location: Location) -> Origin:
        """Where the value is; for what is nowhere (a missing or inherited key), what it would be in."""
        for length in range(len(location), -1, -1):
            origin = self.origins.get(location[:length])
            if origin:
                return origin
        return Origin(self.file, 0)

    def add(self, location: Location, what: str, do: str) -> None:
        """One fault more; its path is the location in dots."""
        self.place(location, Fault(what=what, path=dotted(location), do=do))

    def place(self, location: Location, fault: Fault) -> None:
        """One fault more, whose path is known; the place is filled in."""
        origin = self.origin(location)
        self.faults.append(replace(fault, file=origin.file, line=origin.line))


def dotted(location: Location) -> str:
    """`deployments.chat.gateways[0]` for a location."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")
