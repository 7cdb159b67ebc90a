"""How the service can be set to misbehave: rules as data, and which rule a request meets. They are applied in `exchange`."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter

Action = Literal[
    "status",
    "reset",
    "lose-answer",
    "delay",
    "truncate",
    "redirect",
    "stale",
    "reorder",
    "rename-enums",
    "add-fields",
    "trickle",
    "swell",
    "hide",
    "wrong-object",
]


@dataclass(frozen=True)
class Fault:
    """One rule: which requests, and what happens to them.

    - status: answered with `status` and `body` (`headers` on top, e.g. Retry-After), not handled
    - reset: the connection is closed before the request is handled
    - lose-answer: handled, then the connection is closed without an answer
    - delay: `seconds` of real time pass, `when` before or after handling
    - truncate: handled, and only the first half of the answer's body is sent
    - redirect: answered with 307 to `location`, not handled
    - stale: the old status is shown for `seconds` of simulated time after a PATCH
    - reorder: every list in the answer comes in reverse
    - rename-enums: values of the answer are renamed by `names`
    - trickle: handled, and the answer's body is sent byte by byte, `seconds` of real time apart
    - swell: handled, and the answer is one of `megabytes` of white space, packed
    - add-fields: `fields` are added to each object of the answer, and to its spec and status
    - hide: LIST leaves an object out, and GET answers 404, until `seconds` of simulated time after the first such request
      that would have shown it; which of the two, says `path`
    - wrong-object: a POST is handled, and answered with another object of its kind, where there is one
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    action: Action
    method: str | None = None
    path: str = ""
    """A regular expression; it is looked for anywhere in the path."""
    nth: int = 1
    """The first of the matching requests that is hit."""
    count: int | None = 1
    """How many are hit; None: all."""
    status: int = 503
    body: Literal["status", "quota", "html", "empty", "skewed"] = "status"
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    when: Literal["before", "after"] = "before"
    location: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    megabytes: int = 100

    def matches(self, method: str, path: str) -> bool:
        """Whether the rule is about this request."""
        return self.method in (None, method) and re.search(self.path, path) is not None

    def as_json(self) -> dict[str, Any]:
        """The rule's JSON form."""
        dumped: dict[str, Any] = ADAPTER.dump_python(self, mode="json")
        return dumped


ADAPTER: TypeAdapter[Fault] = TypeAdapter(Fault)


def fault_from_json(value: Any) -> Fault:
    """The rule of a JSON value; raises ValueError naming what is wrong with it."""
    return ADAPTER.validate_python(value)


class _Rule:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.hits = 0

    def is_due(self) -> bool:
        used_up = self.fault.count is not None and self.hits >= self.fault.count
        return self.seen >= self.fault.nth and not used_up


class Faults:
    """The rules in force, in the order they were added; a request meets the first one that hits it."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._first_asked: dict[tuple[int, str], float] = {}
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Put a rule in force."""
        with self._lock:
            self._rules.append(_Rule(fault))

    def clear(self) -> None:
        """Behave well again."""
        with self._lock:
            self._rules.clear()
            self._first_asked.clear()

    def in_force(self) -> list[Fault]:
        """The rules that were added, used up or not."""
        with self._lock:
            return [rule.fault for rule in self._rules]

    def met(self, method: str, path: str) -> Fault | None:
        """The rule that this request meets; each call counts as one request."""
        with self._lock:
            matching = [rule for rule in self._rules if rule.fault.matches(method, path)]
            for rule in matching:
                rule.seen += 1
            due = next((rule for rule in matching if rule.is_due()), None)
            if due is None:
                return None
            due.hits += 1
            return due.fault

    def hides(self, fault: Fault, object_id: str, now: float) -> bool:
        """Whether a rule that hides objects hides this one at `now`, in epoch seconds; its time begins with the first call."""
        with self._lock:
            return now < self._first_asked.setdefault((id(fault), object_id), now) + fault.seconds
