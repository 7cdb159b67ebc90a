"""What others changed outside of the stacks, and what a run would do about it.

The difference between what the state had before this preview looked and after. Consequences of what is overwritten are
not told here but with the change itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .properties import changes
from .reading import Resource


@dataclass(frozen=True)
class Drift:
    """One property that was changed outside; `path` is empty where the whole object is gone.

    `what` says what a run does: overwrites it, keeps it (it is declared so by now), makes the object again, or nothing.
    """

    noun: str
    label: str
    path: str
    recorded: Any
    live: Any
    declared: Any
    what: str


OVERWRITTEN = "overwritten"
KEPT = "kept: it is declared so by now"
MADE_AGAIN = "made again"
GONE = "gone, and not declared any more"
DELETED = "deleted with the object"
FOREIGN_NOISE = ("readiness",)


def drift(resources: Iterable[Resource]) -> tuple[Drift, ...]:
    """Everything that was changed outside, in the order of the resources."""
    return tuple(found for resource in resources for found in _of(resource))


def _of(resource: Resource) -> Iterator[Drift]:
    if resource.recorded is None or resource.noun in FOREIGN_NOISE:
        return
    if resource.before is None:
        what = MADE_AGAIN if resource.operation == "create" else GONE
        yield Drift(resource.noun, resource.label, "", "there", "gone", None, what)
        return
    undone = (
        {}
        if resource.after is None
        else {
            change.path: change.after
            for change in changes(resource.kind, resource.before, resource.after, ())
        }
    )
    for change in changes(resource.kind, resource.recorded, resource.before, ()):
        path, live = change.path, change.after
        what = DELETED if resource.after is None else OVERWRITTEN if path in undone else KEPT
        yield Drift(resource.noun, resource.label, path, change.before, live, undone.get(path, live), what)
