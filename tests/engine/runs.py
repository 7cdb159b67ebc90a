"""What one run of the engine did: read from its event stream and from the requests that the service saw meanwhile.

Pure: nothing here starts anything, and nothing judges.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from coreweave_inference.engine.results import FRAME
from coreweave_inference.simulator.journal import Entry

API = "/v1alpha1/inference/"
QUIET = frozenset({"same", "refresh", "read"})
OURS = "pulumi-python:dynamic/"


@dataclass(frozen=True)
class Run:
    """One `preview`, `up`, `refresh` or `destroy`. `output` is all that the engine printed."""

    ok: bool
    output: str
    events: tuple[Mapping[str, Any], ...]
    requests: tuple[Entry, ...]

    @cached_property
    def changes(self) -> dict[str, str]:
        """By resource: what happens to it and in which properties, such as `update traffic.weight`."""
        steps: dict[str, list[str]] = {}
        for step in self._steps("resourcePreEvent"):
            if step["op"] not in QUIET:
                steps.setdefault(_name(step["urn"]), []).append(_told(step))
        return {name: ", ".join(found) for name, found in sorted(steps.items())}

    @cached_property
    def drift(self) -> dict[str, str]:
        """By resource: what a refresh found to be other than recorded."""
        found = [step for step in self._steps("resOutputsEvent") if step["op"] == "refresh"]
        return {
            _name(step["urn"]): _told(step) for step in found if step.get("detailedDiff") or not step["new"]
        }

    def declared(self, name: str) -> dict[str, Any]:
        """The inputs that a resource has after this run, as the engine shows them; hidden ones left out."""
        step = next(
            step for step in self._steps("resourcePreEvent") if _name(step["urn"]) == name and step["new"]
        )
        return {key: value for key, value in step["new"]["inputs"].items() if not key.startswith("__")}

    @cached_property
    def errors(self) -> tuple[str, ...]:
        """What the engine shows as an error, without what it says of the run as a whole."""
        found = self._diagnostics("error")
        return tuple(text for text in found if text not in FRAME)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What is shown as a warning."""
        return self._diagnostics("warning")

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What is shown beside errors and warnings, progress included."""
        return self._diagnostics("info")

    @cached_property
    def writes(self) -> dict[str, int]:
        """How often what was written, such as `PATCH deployments` or `PUT acme-weights?policy`; keys are not counted."""
        return dict(Counter(_what(entry) for entry in self.requests if _is_write(entry)))

    @cached_property
    def lists(self) -> dict[str, int]:
        """How often each kind was listed."""
        kinds = [
            entry.path.removeprefix(API)
            for entry in self.requests
            if entry.method == "GET" and API in entry.path
        ]
        return dict(Counter(kind for kind in kinds if "/" not in kind))

    def bodies(self, method: str, kind: str) -> list[Any]:
        """The bodies that were sent for a kind of object."""
        return [entry.body for entry in self.requests if _what(entry) == f"{method} {kind}"]

    def _steps(self, event: str) -> Iterable[Mapping[str, Any]]:
        metadata = (found[event]["metadata"] for found in self.events if event in found)
        return (step for step in metadata if step["type"].startswith(OURS))

    def _diagnostics(self, severity: str) -> tuple[str, ...]:
        found = (event["diagnosticEvent"] for event in self.events if "diagnosticEvent" in event)
        return tuple(_plain(event["message"]) for event in found if event["severity"] == severity)


def kinds_of(requests: Iterable[Entry]) -> dict[str, int]:
    """How often each kind of request was sent: `LIST deployments` or `PATCH deployments`, `parameters deployments`, `key`, and
    those of object storage, such as `GET acme-weights?policy`.
    """
    return dict(sorted(Counter(map(_kind, requests)).items()))


def _kind(entry: Entry) -> str:
    if "/access-key" in entry.path:
        return "key"
    kind, _, rest = entry.path.removeprefix(API).partition("/")
    if entry.method == "GET" and API in entry.path:
        return f"{'parameters' if rest == 'parameters' else 'GET' if rest else 'LIST'} {kind}"
    return _what(entry)


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]


def _told(step: Mapping[str, Any]) -> str:
    paths = sorted(path for path in step.get("detailedDiff") or () if not path.startswith("__"))
    return " ".join([step["op"], *paths])


def _plain(message: str) -> str:
    return re.sub(r"<\{%.*?%\}>", "", message).strip()


def _is_write(entry: Entry) -> bool:
    return entry.method not in ("GET", "HEAD") and "/access-key" not in entry.path


def _what(entry: Entry) -> str:
    if API in entry.path:
        return f"{entry.method} {entry.path.removeprefix(API).split('/')[0]}"
    query = f"?{entry.query.split('=')[0]}" if entry.query else ""
    return f"{entry.method} {entry.path.strip('/')}{query}"
