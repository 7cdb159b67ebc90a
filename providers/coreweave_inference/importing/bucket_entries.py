"""Entries of buckets, and what of their policies a stack may declare without changing them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from coreweave_inference.declaration import PolicyDeclaration
from coreweave_inference.errors import plural
from coreweave_inference.policy.documents import statements_of
from coreweave_inference.policy.statements import (
    INFERENCE_SID,
    documented,
    find_ours,
    inference_may_read,
    inference_statement,
    same_meaning,
    sid_for,
)

from .matching import Stack
from .snapshot import LiveBucket

OWN, OTHER = "own", "other"
SID_OF_A_STACK = re.compile(INFERENCE_SID + "[0-9a-f]{8}")


@dataclass(frozen=True)
class LivePolicy:
    """A statement that lets the service read; `of_others`: the documentation's own, which a stack uses and never takes out."""

    sid: str
    prefixes: tuple[str, ...] = ()
    of_others: bool = True


def declarable_policy(bucket: LiveBucket, paths: Iterable[str]) -> LivePolicy | None:
    """The documentation's statement, where it lets the service read all of `paths`; None: the policy is left to others."""
    statement = find_ours(bucket.policy, INFERENCE_SID)
    if statement is None:
        return None
    prefixes = prefixes_of(bucket.name, statement)
    if documented(bucket.policy, bucket.name, prefixes) is None:
        return None
    if prefixes and not all(any(_is_below(path, prefix) for prefix in prefixes) for path in paths):
        return None
    return LivePolicy(INFERENCE_SID, prefixes)


def put_policy(bucket: LiveBucket, declared: PolicyDeclaration, identity: str) -> LivePolicy | None:
    """The statement that a declared policy represents, as it is live: the stack's own, else the documentation's; None where
    neither is there in that form.
    """
    own = sid_for(None, identity)
    for sid, prefixes in ((own, declared.prefixes), (INFERENCE_SID, declared.prefixes), (INFERENCE_SID, ())):
        live = find_ours(bucket.policy, sid)
        wanted = inference_statement(bucket.name, prefixes, sid)
        if live is not None and same_meaning({"Statement": live}, {"Statement": wanted}):
            return LivePolicy(sid, prefixes, of_others=sid != own)
    return None


def prefixes_of(bucket: str, statement: Mapping[str, Any]) -> tuple[str, ...]:
    """The folders that a statement opens; none: the whole bucket."""
    written = statement.get("Resource")
    resources = written if isinstance(written, list) else [written]
    start = f"arn:aws:s3:::{bucket}/"
    folders = [str(text).removeprefix(start) for text in resources if str(text).startswith(start)]
    if "*" in folders:
        return ()
    return tuple(folder.removesuffix("/*") for folder in folders)


def _is_below(path: str, prefix: str) -> bool:
    return f"{path.strip('/')}/".startswith(f"{prefix.strip('/')}/")


def bucket_entry(bucket: LiveBucket, policy: LivePolicy | None) -> dict[str, Any]:
    """The entry of a bucket that the stack manages from now on."""
    entry: dict[str, Any] = {"name": bucket.name, "zone": bucket.zone, "adopt": True}
    if policy is not None:
        entry["policy"] = {"prefixes": list(policy.prefixes)} if policy.prefixes else {}
    return entry


def existing_entry(bucket: LiveBucket) -> dict[str, Any]:
    """The entry of a bucket that the stack uses only."""
    return {"name": bucket.name, **({"zone": bucket.zone} if bucket.zone else {})}


def why_existing(bucket: LiveBucket, outside: Iterable[str], stack: Stack) -> str:
    """Why a stack uses a bucket and does not manage it; empty where it may manage it."""
    others = sorted(outside)
    if bucket.unread:
        return f"used and not managed: {bucket.unread.partition(' [')[0]}"
    owner = owner_of_bucket(bucket, stack)
    if owner:
        return f"used and not managed: {owner}"
    if bucket.of_stack == OTHER:
        return "used and not managed: its tag is the one of another stack of this package"
    if not bucket.zone:
        return "used and not managed: object storage does not tell its zone"
    if others:
        return f"used and not managed: deployments that are not imported read it too ({', '.join(others)})"
    return ""


def owner_of_bucket(bucket: LiveBucket, stack: Stack) -> str:
    """In words the other stack whose state, tag or statement a bucket has; empty where that is none, or no known one's tag."""
    if owner := stack.owner(bucket.name):
        return f"it is in the state of stack {owner}"
    if owner := next((one.label for one in stack.others if bucket.tag and one.tag == bucket.tag), ""):
        return f"its tag is the one of stack {owner}"
    own = sid_for(None, stack.identity) if stack.identity else ""
    for sid in (str(statement.get("Sid")) for statement in statements_of(bucket.policy)):
        if SID_OF_A_STACK.fullmatch(sid) and sid != own:
            owner = next((one.label for one in stack.others if one.sid == sid), "")
            return f"its policy has the statement {sid} of {f'stack {owner}' if owner else 'another stack of this package'}"
    return ""


def comments_of_policy(bucket: LiveBucket, policy: LivePolicy | None, paths: Iterable[str]) -> list[str]:
    """What a reader of the entry should know of the bucket's policy."""
    if policy is not None:
        return [
            f'The policy has the documentation\'s statement "{policy.sid}", which is used and never taken out.'
        ]
    if bucket.policy is None:
        return ["It has no policy, so the inference service may not read it; `policy` here would put one."]
    verdicts = [
        inference_may_read(bucket.policy, bucket.name, f"{path.strip('/')}/config.json") for path in paths
    ]
    if all(verdict.allowed for verdict in verdicts):
        count = len(statements_of(bucket.policy))
        return [f"Its policy ({plural(count, 'statement')}) lets the service read, and is left to others."]
    why = next(verdict.why for verdict in verdicts if not verdict.allowed)
    return [f"Its policy is left to others; whether the service may read all weights is not certain: {why}"]
