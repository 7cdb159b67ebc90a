"""What happens to resources of other packages, and to `Readiness`: shown in the engine's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from coreweave_inference.model import UNKNOWN, Kind
from coreweave_inference.review.context import ReviewContext
from coreweave_inference.review.drift import broken, covered_objects
from coreweave_inference.review.phrases import say
from coreweave_inference.review.properties import PropertyChange
from coreweave_inference.review.reading import Resource
from coreweave_inference.review.verdicts import Consequence, caution, dangerous, plain

FAILED = "FAILED"
WORDS = {"create": "creates", "update": "updates", "import": "takes in as it is"}


def consequences(
    resource: Resource, changes: Sequence[PropertyChange], context: ReviewContext
) -> Iterator[Consequence]:
    """Everything worth saying about one resource of which only properties are known."""
    names = {"noun": resource.noun, "name": resource.label}
    if resource.noun == "readiness":
        yield from _judged_again(resource, context)
    elif resource.operation == "replace":
        yield dangerous(say("replaces {noun} {name} ({paths})", paths=_paths(changes), **names))
    elif resource.operation == "delete":
        words = "leaves {noun} {name} alone" if resource.kept else "deletes {noun} {name}"
        yield (plain if resource.kept else caution)(say(words, **names))
    else:
        yield plain(say(f"{WORDS.get(resource.operation, resource.operation)} {{noun}} {{name}}", **names))
        if resource.operation == "update":
            yield from (_changed(change) for change in changes)


def _paths(changes: Sequence[PropertyChange]) -> list[str]:
    return [change.path for change in changes] or ["asked for"]


def _changed(change: PropertyChange) -> Consequence:
    return plain(say("{path} {before} → {after}", path=change.path, before=change.before, after=change.after))


def _judged_again(resource: Resource, context: ReviewContext) -> Iterator[Consequence]:
    """A revision that is known and was not seen to serve: the last run failed or was stopped."""
    lost = broken(resource.before)
    for label in sorted(lost.keys() & covered_objects(resource.after).keys()):
        failed = lost[label].startswith(FAILED) and _has_traffic(label, resource.stack, context)
        state = "is FAILED while it has traffic" if failed else "does not serve any more"
        words = f"waits for {{label}}, which {state}: {{why}}"
        yield caution(say(words, label=label, why=lost[label]))
    names = [label for label in unjudged(resource) if label not in lost]
    if names:
        yield caution(say("waits again for {names}, which the last run did not see ready", names=names))


def _has_traffic(label: str, stack: str, context: ReviewContext) -> bool:
    name = label.removeprefix(f"{Kind.DEPLOYMENT.noun} ")
    return context.serves_now(name) or context.serves_now(f"{name} ({stack})")


def unjudged(resource: Resource) -> list[str]:
    """Labels (`deployment chat`) of what a run would wait for although nothing about it changes."""
    old, new = covered_objects(resource.before), covered_objects(resource.after)
    lost = broken(resource.before)
    return sorted(
        label
        for label, item in new.items()
        if label in lost or (label in old and _revision(item) not in (None, UNKNOWN, _revision(old[label])))
    )


def _revision(item: Any) -> Any:
    return item.get("revision") if isinstance(item, Mapping) else None
