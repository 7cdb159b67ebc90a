"""One LIST of each kind for everyone in a provider process who looks at about the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable

from coreweave_inference.api.client import ApiObject, InferenceApi
from coreweave_inference.clock import Clock
from coreweave_inference.model import Kind


def _ignore(kind: Kind, objects: dict[str, ApiObject]) -> None:
    """For lists that no plan is made from."""


class Lists:
    """One LIST per kind for everyone who looks at about the same time."""

    def __init__(
        self, api: InferenceApi, clock: Clock, listed: Callable[[Kind, dict[str, ApiObject]], None] = _ignore
    ) -> None:
        self._api = api
        self._listed = listed
        self._clock = clock
        self._locks = {kind: threading.Lock() for kind in Kind}
        self._seen: dict[Kind, tuple[float, dict[str, ApiObject]]] = {}
        self.longest_seconds = 0.0
        """How long the longest of the newest lists took: nothing that changes while one is read is seen any sooner."""
        self._seconds: dict[Kind, float] = {}
        self.organizations: set[str] = set()
        """Ids of the organizations whose objects this process has seen; one token sees the same one all along."""

    def look(self, kind: Kind, max_age_seconds: float = 0.0) -> dict[str, ApiObject]:
        """All objects of `kind` by id, as of at most `max_age_seconds` before this call."""
        wanted = self._clock.monotonic() - max_age_seconds
        with self._locks[kind]:
            at, objects = self._seen.get(kind, (float("-inf"), {}))
            if at <= wanted:
                at = self._clock.monotonic()
                objects = {live.id: live for live in self._api.list(kind)}
                self._seen[kind] = (at, objects)
                self._seconds[kind] = self._clock.monotonic() - at
                self.longest_seconds = max(self._seconds.values())
                self._listed(kind, objects)
                self.organizations |= {live.organization_id for live in objects.values()} - {""}
            return objects

    def look_recent(self, kind: Kind) -> dict[str, ApiObject]:
        """As of at most a minute ago."""
        return self.look(kind, 60.0)

    def known(self, kind: Kind) -> dict[str, ApiObject]:
        """The newest list of `kind`, however old; asked for only where there is none."""
        return self.look(kind, max_age_seconds=float("inf"))
