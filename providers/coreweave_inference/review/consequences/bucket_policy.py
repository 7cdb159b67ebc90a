"""What happens to the statement that lets the inference service read weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.policy.statements import normal_prefix
from coreweave_inference.review.context import ReviewContext
from coreweave_inference.review.phrases import say
from coreweave_inference.review.properties import PropertyChange
from coreweave_inference.review.reading import Resource
from coreweave_inference.review.verdicts import Consequence, caution, dangerous, plain

STATEMENTS = ("statement", "ownerStatement")
"""What follows from the other properties."""


def consequences(
    resource: Resource, changes: Sequence[PropertyChange], context: ReviewContext
) -> Iterator[Consequence]:
    """Everything worth saying about one statement."""
    before, after = resource.before or {}, resource.after or {}
    if resource.operation == "create":
        yield from _created(after)
    elif resource.operation in ("delete", "replace"):
        yield from _locked_out(before, {} if resource.operation == "delete" else after, context)
        if resource.operation == "replace":
            yield from _created(after)
    else:
        yield from _locked_out(before, after, context)
        shown = [change for change in changes if change.path.split("[")[0].split(".")[0] not in STATEMENTS]
        for change in shown:
            yield plain(
                say("{path} {before} → {after}", path=change.path, before=change.before, after=change.after)
            )


def _created(after: Mapping[str, Any]) -> Iterator[Consequence]:
    prefixes = after.get("prefixes") or "everything"
    yield plain(
        say(
            "lets the inference service read {prefixes} in bucket {bucket}",
            prefixes=prefixes,
            bucket=after.get("bucket"),
        )
    )
    if after.get("ownerStatement"):
        yield plain(say("keeps the organization of bucket {bucket} in", bucket=after.get("bucket")))
    if after.get("ownerAccess") == "none":
        words = "if it is the first policy of {bucket}, everyone whom it does not name is shut out (ownerAccess: none)"
        yield caution(say(words, bucket=after.get("bucket")))


def _locked_out(
    before: Mapping[str, Any], after: Mapping[str, Any], context: ReviewContext
) -> Iterator[Consequence]:
    """Deployments whose weights the statement covers now and will not."""
    users = sorted(
        deployment.label
        for deployment in context.after.deployments.values()
        if _covers(before, deployment.bucket, deployment.model_path)
        and not _covers(after, deployment.bucket, deployment.model_path)
    )
    if users:
        words = (
            "the inference service may no longer read the weights of {users}: replicas that start later fail"
        )
        yield dangerous(say(words, users=users))
    elif not after:
        yield caution(
            say("takes the inference service's access to bucket {bucket} away", bucket=before.get("bucket"))
        )


def _covers(statement: Mapping[str, Any], bucket: str | None, path: str | None) -> bool:
    if bucket is None or path is None or statement.get("bucket") != bucket:
        return False
    prefixes = statement.get("prefixes") or [""]
    return not isinstance(prefixes, list) or any(_below(str(prefix), path) for prefix in prefixes)


def _below(prefix: str, path: str) -> bool:
    try:
        normal = normal_prefix(prefix)
    except CoreWeaveError:
        return False
    return not normal or f"{path.strip('/')}/".startswith(f"{normal}/")
