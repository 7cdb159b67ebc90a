"""What others changed outside of the stacks and what broke by itself, and what a run would do about it.

The difference between what the state had before this preview looked and after. Consequences of what is overwritten are
not told here but with the change itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
SERVING = "serving"
WAITED_FOR = "waited for; what is FAILED is sent its spec again"
NOT_DECLARED = "not declared any more"


def drift(resources: Iterable[Resource]) -> tuple[Drift, ...]:
    """Everything that was changed outside or broke by itself, in the order of the resources."""
    found = tuple(resources)
    labels = {(r.stack, f"{r.noun} {r.name}"): r.label for r in found}
    return tuple(
        drifted
        for resource in found
        for drifted in (_broken(resource, labels) if resource.noun == "readiness" else _of(resource))
    )


def _broken(readiness: Resource, labels: Mapping[tuple[str, str], str]) -> Iterator[Drift]:
    """What is recorded as broken, however long ago that was seen: it is so until a run has seen it serve."""
    for covered, why in sorted(broken(readiness.before).items()):
        noun, _, name = covered.rpartition(" ")
        declared = covered in covered_objects(readiness.after)
        what = WAITED_FOR if declared else NOT_DECLARED
        yield Drift(noun, labels.get((readiness.stack, covered), name), "health", SERVING, why, SERVING, what)


def covered_objects(state: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What a `Readiness` covers, by its label (`deployment chat`)."""
    found = (state or {}).get("objects")
    return found if isinstance(found, Mapping) else {}


def broken(state: Mapping[str, Any] | None) -> dict[str, str]:
    """Why each covered object that a refresh found broken is, by its label."""
    return {
        label: str(item["health"])
        for label, item in covered_objects(state).items()
        if isinstance(item, Mapping) and item.get("health")
    }


def _of(resource: Resource) -> Iterator[Drift]:
    if resource.recorded is None:
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
