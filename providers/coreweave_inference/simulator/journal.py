"""What was asked and what was answered, for tests and for `GET /simulator/requests`. Secrets do not get in."""

from __future__ import annotations

import re
import threading
from dataclasses import asdict, dataclass
from typing import Any

SECRET_FIELDS = frozenset({"apiKey", "api_key"})
MASK = "***"


@dataclass
class Entry:
    """One request. `status` is None until it is answered, and stays so where no answer was ever made.

    Times are epoch seconds; `fault` names the action of the fault applied.
    """

    number: int
    request_id: str
    method: str
    path: str
    query: str
    organisation_id: str | None
    body: Any
    simulated_at: float
    real_at: float
    status: int | None = None
    fault: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The entry's JSON form."""
        return asdict(self)


class Journal:
    """All requests since the start, or since the last `clear`, in the order of their arrival."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._lock = threading.Lock()
        self._number = 0

    def begin(self, **fields: Any) -> Entry:
        """Record the arrival of a request: every field of `Entry` up to `real_at` but the number."""
        with self._lock:
            self._number += 1
            entry = Entry(number=self._number, **fields)
            self._entries.append(entry)
            return entry

    def entries(self, method: str | None = None, path: str | None = None) -> list[Entry]:
        """The requests of a method whose path a regular expression finds a match in; all, without either."""
        with self._lock:
            return [
                entry
                for entry in self._entries
                if method in (None, entry.method) and (path is None or re.search(path, entry.path))
            ]

    def clear(self) -> None:
        """Forget all requests; numbers go on."""
        with self._lock:
            self._entries.clear()


def masked(value: Any) -> Any:
    """A JSON value without the values of its secret fields."""
    if isinstance(value, dict):
        return {key: MASK if key in SECRET_FIELDS else masked(item) for key, item in value.items()}
    return [masked(item) for item in value] if isinstance(value, list) else value
