"""What happens to a weights bucket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coreweave_inference.review.context import ReviewContext
from coreweave_inference.review.phrases import say
from coreweave_inference.review.properties import PropertyChange
from coreweave_inference.review.reading import Resource
from coreweave_inference.review.verdicts import Consequence, caution, dangerous, plain


def consequences(
    resource: Resource, changes: Sequence[PropertyChange], _context: ReviewContext
) -> Iterator[Consequence]:
    """Everything worth saying about one bucket."""
    before, after = resource.before or {}, resource.after or {}
    name = resource.label
    if resource.operation == "create":
        words = (
            "takes the bucket {bucket} that exists" if after.get("adopt") else "new weights bucket {bucket}"
        )
        yield plain(say(f"{words} in {{zone}}", bucket=after.get("name"), zone=after.get("zone")))
    elif resource.operation == "delete" and resource.kept:
        yield plain(say("leaves the bucket {bucket} and its weights alone", bucket=before.get("name")))
    elif resource.operation == "delete":
        yield dangerous(say(_deletion(before), bucket=before.get("name")))
    elif resource.operation == "replace":
        words = "replaces bucket {before} with {after}, which is empty until weights are pushed"
        yield dangerous(say(words, before=before.get("name"), after=after.get("name")))
    else:
        yield from (_changed(name, change) for change in changes)


def _deletion(before: object) -> str:
    forced = isinstance(before, dict) and before.get("forceDestroy") is True
    return (
        "empties the bucket {bucket} and deletes it, all versions of all weights (forceDestroy)"
        if forced
        else "deletes the bucket {bucket}, if it is empty"
    )


def _changed(name: str, change: PropertyChange) -> Consequence:
    if change.path == "forceDestroy" and change.after:
        return caution(say("a destroy may from now on delete the weights in {name}", name=name))
    return plain(say("{path} {before} → {after}", path=change.path, before=change.before, after=change.after))
