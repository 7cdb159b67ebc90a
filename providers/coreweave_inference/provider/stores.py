"""What a plan holds of buckets that exist and of the stack's statement in their policies: as the preview saw them, compared
before the first write.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.policy.statements import find_ours

from .bucket_ownership import DECLARED_TAG
from .owner_access import shown_statement
from .session import Session
from .values import URN, bucket_in_state, managed_id

BUCKET, POLICY = "bucket", "policy"


def hold_plan(run: Session) -> None:
    """Raise PlanMoved, before anything is written or recorded, where the account is not as the plan saw it.

    Every `read` asks this: a refresh that fails for one object alone records what it found of the others.
    """

    def tags_of(name: str, zone: str) -> Mapping[str, str] | None:
        live = run.storage(zone).bucket(name)
        return None if live is None else live.tags

    run.agreement.hold(run.lists.look_recent, tags_of, lambda key, look: form_now(run, key, look))


def own_tags(old: Mapping[str, Any], live: Mapping[str, str]) -> dict[str, str]:
    """The tags of a bucket that the stack declares or declared; those of others are none of its business."""
    keys = {*(old.get("tags") or {}), *live.get(DECLARED_TAG, "").split()}
    return {key: value for key, value in live.items() if key in keys}


def hold_bucket(run: Session, old: Mapping[str, Any], name: str, form: Mapping[str, str] | None) -> None:
    """A bucket was seen with these tags of the stack's, None: absent. Raises PlanMoved."""
    look = {URN: old.get(URN, ""), "zone": old.get("zone"), "tags": old.get("tags") or {}}
    run.agreement.store(str(old.get(URN, "")), f"{BUCKET} {name}", form, look)


def hold_policy(
    run: Session, old: Mapping[str, Any], bucket: str, form: Mapping[str, Any] | None, *, own: bool
) -> None:
    """A policy was seen with this statement, None: without one; `own`: under the stack's Sid. Raises PlanMoved."""
    look = {URN: old.get(URN, ""), "sid": old.get("sid")} if own else None
    run.agreement.store(str(old.get(URN, "")), f"{POLICY} {bucket}", form, look)


def record_unread(run: Session, old: Mapping[str, Any], kind: str, name: str) -> None:
    """For a plan without a refresh: nothing else reads what exists. What cannot be read is not compared."""
    id_ = bucket_in_state(name) if kind == BUCKET else managed_id(name, str(old.get("sid", "")))
    if not run.agreement.records or id_ in run.memory.read:
        return
    with suppress(CoreWeaveError):
        if kind == BUCKET:
            hold_bucket(run, old, name, form_now(run, f"{BUCKET} {name}", old))
        else:
            hold_policy(run, old, name, form_now(run, f"{POLICY} {name}", old), own=True)


def form_now(run: Session, key: str, look: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a plan holds of it, as it is now. Raises CoreWeaveError where it cannot be read."""
    kind, _, name = key.partition(" ")
    if kind == BUCKET:
        live = run.storage(str(look.get("zone") or "")).bucket(name)
        return None if live is None else own_tags(look, live.tags)
    statement = find_ours(run.storage().policy(name), str(look.get("sid")))
    return shown_statement(statement) if statement else None
