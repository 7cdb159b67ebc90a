"""The lifecycle of this stack's statement in the policy of a weights bucket.

A bucket has one document for everybody, so the statement is put into it and taken out of it; nobody else's is ever
changed. A first policy shuts out everyone whom it does not name, the owner's own users included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreweave_inference.errors import BucketMissing, CoreWeaveError
from coreweave_inference.fleet.deletions import POLICY
from coreweave_inference.model.unknown import UNKNOWN
from coreweave_inference.policy.statements import find_owner, inference_statement

from . import in_use, owner_access, stores, users
from .bucket_ownership import forced_replacement
from .bucket_policies import (
    INPUTS,
    OF_OTHERS,
    OWNER,
    faults_of,
    is_same,
    live_statement,
    put_statement,
    reads_and_goes,
    rewrite,
    subject_of,
    without_ours,
)
from .creation import may_adopt, remember
from .deletion_guard import refuse_after_failure
from .lifecycle import Checked, Created, Difference, Entry, Observed
from .messages import translate_service_errors
from .owner_access import OWNER_STATEMENT_SID, shown_statement
from .session import Session
from .values import FORMAT, STACK, URN, managed_id

PUT_AGAIN = "to have the statement put again, run up with --refresh"
LAST_BUCKET = "__lastBucket"
"""Input that is read and not recorded: the bucket in the last state, where the state has the resource."""


class BucketPolicyLifecycle:
    """One statement."""

    def check(self, run: Session, before: Mapping[str, Any], declared: dict[str, Any]) -> Checked:
        """Show the statement in the preview; refuse prefixes and access words that mean nothing."""
        if before.get("bucket") == declared.get("bucket") and STACK in before:
            declared[STACK] = before[STACK]  # As its Sid has it, whatever the stack is called now.
        in_last_state, bucket = declared.pop(LAST_BUCKET, None), declared.get("bucket")
        forced = not before and in_last_state == bucket and bucket not in may_adopt()
        if forced and in_use.statement_is_there(run, declared):
            what = f'the statement in the policy of bucket "{bucket}"'
            return Checked.of(subject_of(declared), declared, [forced_replacement(what, PUT_AGAIN)])
        wrong = faults_of(declared) or in_use.claimed_by_another(run, declared, "policy", bucket)
        if before and before.get("bucket") == bucket:
            remember(run, declared, in_use.own_statement(declared))
        elif not wrong and bucket is not UNKNOWN:
            fault = in_use.fault_of_statement(run, declared)
            wrong = [fault] if fault else []
        if wrong:
            return Checked.of(subject_of(declared), declared, wrong)
        run.memory.checked.add(str(declared.get(URN, "")))
        prefixes = declared.get("prefixes") or []
        known = bucket is not UNKNOWN and prefixes is not UNKNOWN and UNKNOWN not in prefixes
        statement = shown_statement(inference_statement(str(bucket), prefixes)) if known else UNKNOWN
        owner = owner_access.planned(run, before, declared)
        shown = {"statement": statement, **({"ownerStatement": owner} if owner else {})}
        run.agreement.declared(POLICY, declared)
        return Checked({**declared, **shown})

    def diff(self, run: Session, id_: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
        """Another bucket replaces; everything else is put in place."""
        run.guard_endpoint(str(old.get("apiEndpoint", "")))
        if old.get("bucket") != new.get("bucket"):
            return Difference(replaces=("bucket",))
        urn, sid = str(new.get(URN, "")), str(old.get("sid", ""))
        run.memory.claim_id(urn, managed_id(id_, sid))
        if not old.get(OF_OTHERS):
            stores.record_unread(run, old, stores.POLICY, id_)
        return Difference(is_same(old, new))

    def create(self, run: Session, declared: dict[str, Any]) -> Created:
        """Put the statement into the document."""
        outputs = put_statement(run, declared, {})
        run.memory.managed_ids.add(managed_id(str(declared["bucket"]), outputs["sid"]))
        return Created(declared["bucket"], outputs)

    def update(
        self, run: Session, id_: str, old: Mapping[str, Any], declared: dict[str, Any]
    ) -> dict[str, Any]:
        """Put it again, under the Sid it has."""
        run.guard_endpoint(str(old.get("apiEndpoint", "")))
        return put_statement(run, declared, old)

    def read(self, run: Session, entry: Entry) -> Observed | None:
        """Our statement as it is live; a document without it shows as a statement that was removed.

        A policy that is read needs no other proof of the organization: an account may hold nothing but the bucket.
        """
        old = entry.outputs
        run.guard_endpoint(str(old.get("apiEndpoint", "")))
        stores.hold_plan(run)
        bucket = str(old["bucket"])
        try:
            with translate_service_errors(subject_of(old)):
                document = run.storage().policy(bucket)
        except CoreWeaveError as error:
            run.guard_organization(subject_of(old), str(old.get(OWNER, "")))
            if isinstance(error, BucketMissing):
                return None
            raise
        live = live_statement(document, old)
        run.memory.read.add(managed_id(bucket, str(old.get("sid", ""))))
        form = shown_statement(live) if live else None
        stores.hold_policy(run, old, bucket, form, own=not old.get(OF_OTHERS))
        if live is None:
            return None
        outputs = {
            **old,
            "statement": old.get("statement") if old.get(OF_OTHERS) else shown_statement(live),
            OWNER: run.organization(str(old.get(OWNER, ""))),
            "format": FORMAT,
        }
        inputs = {key: outputs[key] for key in INPUTS if key in outputs}
        if old.get(OWNER_STATEMENT_SID):
            found = find_owner(document, str(old[OWNER_STATEMENT_SID]))
            outputs["ownerStatement"] = shown_statement(found) if found else None
        return Observed(outputs, inputs)

    def delete(self, run: Session, entry: Entry) -> None:
        """Take our statement out, once no deployment that is going reads through it any more."""
        id_, old = entry.id, entry.outputs
        run.guard_endpoint(str(old.get("apiEndpoint", "")))
        if managed_id(id_, str(old.get("sid", ""))) in run.memory.managed_ids:
            run.log.warning(str(old.get(URN, "")), f"{subject_of(old)} kept: still declared")
            return
        refuse_after_failure(run, subject_of(old))
        bucket = str(old["bucket"])
        users.wait_for_users(
            run,
            subject_of(old),
            str(old.get(URN, "")),
            lambda live: reads_and_goes(run, live, bucket),
            refuse_live=False,
        )
        sids = (str(old.get("sid")), owner_access.sid_of(old))
        with translate_service_errors(subject_of(old)):
            left = rewrite(run, bucket, lambda document: without_ours(document, old, sids))
        if find_owner(left, sids[1]) is not None:
            run.log.note(
                str(old.get(URN, "")),
                f'{subject_of(old)}: statement "{sids[1]}" stays in the policy of bucket "{bucket}": statements of others '
                "remain, which would shut out the bucket's owner without it",
            )
