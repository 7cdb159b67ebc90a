"""Where each value of a declaration was written: in which file, on which line, inherited ones included.

Only asked once a declaration is right; the faults of a wrong one carry their places already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from coreweave_inference.model.nested import Location
from coreweave_inference.model.paths import location_of

from .inheritance import NEVER_INHERITED
from .origin import Origin

AS_WRITTEN = {("capacityClaims", "resources"): (), ("deployments", "gatewayIds"): ("gateways",)}
"""Fields of the API that a file writes otherwise: a claim's one level higher, a deployment's gateways by key."""


@dataclass(frozen=True)
class Places:
    """The files' data, the place of each value, and the chain of `extends` (itself first) of each entry."""

    file: str = ""
    data: Any = None
    origins: Mapping[Location, Origin] = field(default_factory=dict)
    chains: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def origin(self, path: str) -> Origin:
        """Where the value at a path was written; the nearest enclosing place for one that nobody wrote."""
        location = _written(location_of(path))
        best: Location = ()
        for candidate in self._candidates(location):
            reached, decided = self._reached(candidate)
            if decided:
                return self._nearest(reached)
            best = max(best, reached, key=len)
        return self._nearest(best)

    def _candidates(self, location: Location) -> list[Location]:
        """The location itself, and those that it inherits from, nearest first."""
        bases = self.chains.get(location[:2], ())[1:]
        if len(location) < 3 or location[2] in NEVER_INHERITED:
            return [location]
        return [location, *((location[0], base, *location[2:]) for base in bases)]

    def _reached(self, location: Location) -> tuple[Location, bool]:
        """How far the data goes towards a location, and whether nothing that is inherited can go farther."""
        value = self.data
        for place, part in enumerate(location):
            if not _holds(value, part):
                return location[:place], not isinstance(value, Mapping)
            value = value[part]
        return location, True

    def _nearest(self, location: Location) -> Origin:
        for length in range(len(location), -1, -1):
            origin = self.origins.get(location[:length])
            if origin:
                return origin
        return Origin(self.file, 1)


def _holds(value: Any, part: Any) -> bool:
    if isinstance(value, Mapping):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _written(location: Location) -> Location:
    """A location in the API's terms as it is in a file."""
    written = AS_WRITTEN.get((location[0], location[2])) if len(location) > 2 else None
    return location if written is None else (*location[:2], *written, *location[3:])
