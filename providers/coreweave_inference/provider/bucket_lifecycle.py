"""A weights bucket's lifecycle.

CreateBucket succeeds silently where the bucket exists already, so what is there is read first: a bucket is taken
only if it carries this stack's tag and this run can do it no harm, is empty and in the right zone, or `adopt` says so.
Only `forceDestroy` empties it before it is deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreweave_inference.errors import AccessDenied, CoreWeaveError, Fault, NotOurs
from coreweave_inference.fleet.deletions import BUCKET
from coreweave_inference.model.bucket_names import bucket_name_problem
from coreweave_inference.model.unknown import UNKNOWN, has_unknown

from . import in_use, stores
from .bucket_ownership import (
    BY_TAG,
    DECLARED_TAG,
    fault_of_harm,
    forced_replacement,
    is_named,
    tag_changes,
    tags_of_adopted,
    tags_of_own,
)
from .buckets import (
    INPUTS,
    adoptable,
    empty,
    has_our_statement,
    outputs_of,
    prove_bucket_deleted,
    seen,
    subject_of,
    take,
    wait_for_readers,
)
from .creation import may_adopt, remember
from .deletion_guard import refuse_after_failure
from .lifecycle import Checked, Created, Difference, Entry, Observed
from .messages import translate_service_errors
from .session import Session
from .values import STACK, URN, bucket_in_state

NEW_BUCKET = "for a new bucket, declare another `name`, push the weights there, then change the deployments"
LAST_NAME = "__lastName"
"""Input that is read and not recorded: the bucket's name in the last state, where the state has the resource."""


class BucketLifecycle:
    """State and declaration have its name, zone and tags; its weights are in neither."""

    def check(self, run: Session, before: Mapping[str, Any], declared: dict[str, Any]) -> Checked:
        """Names by the rules of object storage; a bucket cannot move to another zone."""
        in_last_state = declared.pop(LAST_NAME, None)
        name = declared.get("name")
        problem = "" if name is UNKNOWN else bucket_name_problem(str(name or ""))
        wrong = [Fault(f'"{name}" {problem}', path="name")] if problem else []
        same_bucket = before and before.get("name") == declared.get("name")
        zones = (before.get("zone"), declared.get("zone"))
        if same_bucket and UNKNOWN not in zones and zones[0] != zones[1]:
            do = "give the bucket in the new zone another name, copy the weights, then change the deployments"
            wrong.append(Fault(f"a bucket cannot move from {zones[0]} to {zones[1]}", path="zone", do=do))
        if wrong:
            return Checked.of(subject_of(declared), declared, wrong)
        run.memory.checked.add(str(declared.get(URN, "")))
        if same_bucket and STACK in before:
            declared[STACK] = before[STACK]  # As its tag has it, whatever the stack is called now.
        if same_bucket:
            remember(run, declared, bucket_in_state(str(name)))
        run.agreement.declared(BUCKET, declared)
        claimed = in_use.claimed_by_another(run, declared, "bucket", name)
        if not same_bucket and not claimed and not has_unknown((name, declared.get("zone"))):
            live = adoptable(run, declared)
            if live is not None and not before and in_last_state == name and name not in may_adopt():
                live = forced_replacement(f'bucket "{name}"', NEW_BUCKET)
            if isinstance(live, Fault):
                return Checked.of(subject_of(declared), declared, [live])
            if live is not None and run.agreement.records and not before:
                changes = tag_changes(live.tags, tags_of_adopted(declared, live))
                run.agreement.adopts(str(declared.get(URN, "")), changes)
        return Checked.of(subject_of(declared), declared, claimed)

    def diff(self, run: Session, id_: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
        """Another name replaces; tags change in place."""
        run.guard_endpoint(str(old.get("apiEndpoint", "")))
        if old.get("name") != new.get("name"):
            return Difference(replaces=("name",))
        run.memory.claim_id(str(new.get(URN, "")), id_)
        stores.record_unread(run, old, stores.BUCKET, id_)
        if (fault := fault_of_harm(old, new)) is not None and str(new.get(URN, "")) in run.memory.checked:
            raise NotOurs(f"{subject_of(new)}: {fault}")
        newly_named = bool(old.get(BY_TAG)) and is_named(new)
        same = not newly_named and all(
            (old.get(key) or None) == (new.get(key) or None) for key in ("zone", "tags", "forceDestroy")
        )
        return Difference(same)

    def create(self, run: Session, declared: dict[str, Any]) -> Created:
        """One CreateBucket, unless the bucket is there and may be taken."""
        name, zone = str(declared["name"]), str(declared["zone"])
        with translate_service_errors(subject_of(declared)):
            live, by_tag = seen(run, declared), False
            if live is None:
                run.attempt(str(declared.get(URN, "")), declared)
                run.storage(zone).create_bucket(name, zone, tags_of_own(declared))
            else:
                by_tag = take(run, declared, live)
        run.memory.managed_ids.add(name)
        return Created(name, {**outputs_of(run, declared), **({BY_TAG: True} if by_tag else {})})

    def update(
        self, run: Session, id_: str, old: Mapping[str, Any], declared: dict[str, Any]
    ) -> dict[str, Any]:
        """Tags; the stack's own are always among them, others' stay."""
        run.guard_endpoint(str(old.get("apiEndpoint", "")))
        with translate_service_errors(subject_of(declared)):
            storage = run.storage(str(declared["zone"]))
            live = storage.bucket(id_)
            if live is None:
                raise CoreWeaveError(
                    f"{subject_of(declared)} is not there any more; refresh, and the next run makes it"
                )
            dropped = {*(old.get("tags") or {}), DECLARED_TAG} - set(declared.get("tags") or {})
            others = {key: value for key, value in live.tags.items() if key not in dropped}
            storage.put_tags(id_, {**others, **tags_of_own(declared)})
        by_tag = old.get(BY_TAG) and not is_named(declared)
        return {**outputs_of(run, declared), **({BY_TAG: True} if by_tag else {})}

    def read(self, run: Session, entry: Entry) -> Observed | None:
        """Zone and the tags that were declared; tags of others are none of ours.

        A bucket that is seen needs no other proof of the organization: an account may hold nothing else.
        """
        id_, old = entry.id, entry.outputs
        run.guard_endpoint(str(old.get("apiEndpoint", "")))
        stores.hold_plan(run)
        try:
            with translate_service_errors(subject_of(old)):
                live = run.storage(str(old.get("zone", ""))).bucket(id_)
        except AccessDenied as error:
            if not has_our_statement(run, old, id_):
                run.guard_organization(subject_of(old), str(old.get("organizationId", "")))
            # It is there: a policy with `ownerAccess: none` shuts its own owner out, and that is no error.
            run.log.note(
                str(old.get(URN, "")),
                f"{subject_of(old)} could not be read, so its recorded form is used: {error}",
            )
            return Observed(dict(old), {key: old[key] for key in INPUTS if key in old})
        run.memory.read.add(bucket_in_state(id_))
        if live is None:
            prove_bucket_deleted(run, old)
            stores.hold_bucket(run, old, id_, None)
            return None
        tags = stores.own_tags(old, live.tags)
        stores.hold_bucket(run, old, id_, tags)
        seen = {
            **old,
            "zone": live.zone or old.get("zone"),
            **({"tags": tags} if tags or old.get("tags") else {}),
        }
        seen["organizationId"] = run.organization(str(old.get("organizationId", "")))
        return Observed(seen, {key: seen[key] for key in INPUTS if key in seen})

    def delete(self, run: Session, entry: Entry) -> None:
        """Only an empty bucket goes, or one that `forceDestroy` says to empty first."""
        id_, old = entry.id, entry.outputs
        run.guard_endpoint(str(old.get("apiEndpoint", "")))
        if id_ in run.memory.managed_ids:
            run.log.warning(str(old.get(URN, "")), f"{subject_of(old)} kept: still declared")
            return
        refuse_after_failure(run, subject_of(old))
        wait_for_readers(run, old, id_)
        with translate_service_errors(subject_of(old)):
            storage = run.storage(str(old.get("zone", "")))
            if storage.bucket(id_) is None:
                prove_bucket_deleted(run, old)
                return
            if not storage.is_empty(id_):
                if (fault := fault_of_harm(old, old)) is not None:
                    raise NotOurs(f"{subject_of(old)}: {fault}")
                empty(run, old, id_)
            storage.delete_bucket(id_)
