"""What others changed outside of the stacks and what broke by itself, and what a run would do about it.

The one place that decides what drift is: a review, a preview, an `up` and a `refresh` all show what is found here. It is
the difference between the inputs that the state had before a run read the account and those that it has after; what only
an output shows, or another owner's statement in a policy, is none. The account and `Readiness` are bookkeeping: of them
counts the health of the objects that `Readiness` covers, under their own names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from coreweave_inference.model import Kind

from .properties import changes
from .reading import Resource


@dataclass(frozen=True)
class Drift:
    """One property that was changed outside; `path` is empty where the whole object was deleted, and `health` where it broke.

    `what` says what a run does: overwrites it, keeps it (it is declared so by now), makes the object again, or nothing.
    """

    noun: str
    label: str
    path: str
    recorded: Any
    live: Any
    declared: Any
    what: str
    urn: str = ""
    id: str = ""


HEALTH = "health"
OVERWRITTEN = "overwritten"
KEPT = "kept: it is declared so by now"
CREATED_AGAIN = "created again"
DELETED_OUTSIDE = "deleted, and not declared any more"
DELETED = "deleted with the object"
SERVING = "serving"
WAITED_FOR = "waited for; what is FAILED is sent its spec again"
SERVES_AGAIN = "nothing: it serves again"
NOT_DECLARED = "not declared any more"


def drift(resources: Iterable[Resource]) -> tuple[Drift, ...]:
    """Everything that was changed outside or broke by itself, object by object in the order of the resources."""
    resources = tuple(resources)
    order = {resource.urn: position for position, resource in enumerate(resources)}
    found = (
        drifted
        for resource in resources
        for drifted in (_broken(resource, resources) if resource.noun == "readiness" else _of(resource))
    )
    return tuple(sorted(found, key=lambda item: order.get(item.urn, len(order))))


def drifted_objects(found: Iterable[Drift]) -> int:
    """How many objects it concerns."""
    return len({(item.urn, item.noun, item.label) for item in found})


def _broken(readiness: Resource, resources: Iterable[Resource]) -> Iterator[Drift]:
    """What is recorded as broken, however long ago that was seen: it is so until a run has seen it serve."""
    former, now = broken(readiness.recorded), broken(readiness.before)
    for covered in sorted({*former, *now}):
        noun, name = _kind_and_name(covered)
        entry = covered_objects(readiness.before).get(covered) or {}
        object_ = next(
            (r for r in resources if r.stack == readiness.stack and _is(r, entry, noun, name)), None
        )
        declared = covered in covered_objects(readiness.after)
        recorded, live = former.get(covered, SERVING), now.get(covered, SERVING)
        what = SERVES_AGAIN if covered not in now else WAITED_FOR if declared else NOT_DECLARED
        yield Drift(
            noun,
            object_.label if object_ else name,
            HEALTH,
            recorded if covered not in now else SERVING,
            live,
            SERVING,
            what,
            object_.urn if object_ else str(entry.get("urn") or ""),
            object_.id if object_ else str(entry.get("id") or ""),
        )


def _kind_and_name(covered: str) -> tuple[str, str]:
    """`deployment` and `chat` from `deployment chat`."""
    noun = next((kind.noun for kind in Kind if covered.startswith(f"{kind.noun} ")), "")
    return noun, covered.removeprefix(noun).strip()


def _is(resource: Resource, entry: Mapping[str, Any], noun: str, name: str) -> bool:
    if entry.get("urn"):
        return bool(resource.urn == entry["urn"])
    return (resource.noun, resource.name) == (noun, name)


def covered_objects(state: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What a `Readiness` covers, by its label (`deployment chat`)."""
    found = (state or {}).get("objects")
    return found if isinstance(found, Mapping) else {}


def broken(state: Mapping[str, Any] | None) -> dict[str, str]:
    """Why each covered object that a refresh found broken is, by its label."""
    return {
        label: str(item[HEALTH])
        for label, item in covered_objects(state).items()
        if isinstance(item, Mapping) and item.get(HEALTH)
    }


def _of(resource: Resource) -> Iterator[Drift]:
    if resource.recorded is None:
        return
    known = (resource.urn, resource.id)
    if resource.before is None:
        what = CREATED_AGAIN if resource.operation == "create" else DELETED_OUTSIDE
        yield Drift(resource.noun, resource.label, "", "there", "gone", None, what, *known)
        return
    undone = (
        {}
        if resource.after is None
        else {
            change.path: change.after
            for change in changes(
                resource.kind, resource.before, resource.after, resource.paths if resource.kind else ()
            )
        }
    )
    for change in changes(
        resource.kind, resource.recorded, resource.before, resource.drifted_paths if resource.kind else ()
    ):
        path, live = change.path, change.after
        what = DELETED if resource.after is None else OVERWRITTEN if path in undone else KEPT
        declared = undone.get(path, live)
        yield Drift(resource.noun, resource.label, path, change.before, live, declared, what, *known)
