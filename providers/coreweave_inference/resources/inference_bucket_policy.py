"""This stack's statement in the policy of a weights bucket: it lets the inference service read the weights.

A bucket has one document for everybody, so the statement is put into it and taken out of it; nobody else's is ever
changed. A first policy shuts out everyone whom it does not name, the owner's own users included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi.dynamic
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from coreweave_inference.errors import (
    BucketMissing,
    CoreWeaveError,
)
from coreweave_inference.fleet.deletions import POLICY
from coreweave_inference.model.resource_types import MODULE
from coreweave_inference.model.unknown import UNKNOWN
from coreweave_inference.policy.statements import (
    find_owner,
    inference_statement,
)
from coreweave_inference.program.context import (
    current_program,
    output,
    refuse_import,
    urn_of,
    with_dependencies,
)
from coreweave_inference.program.last_state import recorded_name
from coreweave_inference.program.parents import place_of
from coreweave_inference.provider import in_use, owner_access, stores, users
from coreweave_inference.provider.bucket_ownership import forced_replacement
from coreweave_inference.provider.bucket_policies import (
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
from coreweave_inference.provider.creation import may_adopt, remember
from coreweave_inference.provider.host import one_line_errors
from coreweave_inference.provider.messages import translate_service_errors
from coreweave_inference.provider.object_provider import HostedProvider
from coreweave_inference.provider.owner_access import OWNER_STATEMENT_SID, shown_statement
from coreweave_inference.provider.session import current
from coreweave_inference.provider.values import FORMAT, STACK, URN, failures, for_engine, managed_id, plain

from .account import account_of
from .weights_bucket import WeightsBucket

PUT_AGAIN = "to have the statement put again, run up with --refresh"
LAST_BUCKET = "__lastBucket"
"""Input that is read and not recorded: the bucket in the last state, where the state has the resource."""


class InferenceBucketPolicyProvider(HostedProvider):
    """CRUD of one statement. State format: the module and the name of this class are part of it."""

    @one_line_errors
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Show the statement in the preview; refuse prefixes and access words that mean nothing."""
        before, declared = plain(olds), plain(news)
        if before.get("bucket") == declared.get("bucket") and STACK in before:
            declared[STACK] = before[STACK]  # As its Sid has it, whatever the stack is called now.
        in_last_state, bucket = declared.pop(LAST_BUCKET, None), declared.get("bucket")
        forced = not before and in_last_state == bucket and bucket not in may_adopt()
        if forced and in_use.statement_is_there(current(), declared):
            what = f'the statement in the policy of bucket "{bucket}"'
            return CheckResult(news, failures(subject_of(declared), [forced_replacement(what, PUT_AGAIN)]))
        wrong = faults_of(declared) or in_use.claimed_by_another(current(), declared, "policy", bucket)
        if before and before.get("bucket") == bucket:
            remember(current(), declared, in_use.own_statement(declared))
        elif not wrong and bucket is not UNKNOWN:
            fault = in_use.fault_of_statement(current(), declared)
            wrong = [fault] if fault else []
        if wrong:
            return CheckResult(news, failures(subject_of(declared), wrong))
        current().memory.checked.add(str(declared.get(URN, "")))
        prefixes = declared.get("prefixes") or []
        known = bucket is not UNKNOWN and prefixes is not UNKNOWN and UNKNOWN not in prefixes
        statement = shown_statement(inference_statement(bucket, prefixes)) if known else UNKNOWN
        owner = owner_access.planned(current(), plain(olds), declared)
        shown = {"statement": statement, **({"ownerStatement": owner} if owner else {})}
        current().agreement.declared(POLICY, declared)
        return CheckResult(for_engine({**declared, **shown}), [])

    @one_line_errors
    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Another bucket replaces; everything else is put in place."""
        old, new = plain(olds), plain(news)
        current().guard_endpoint(str(old.get("apiEndpoint", "")))
        if old.get("bucket") != new.get("bucket"):
            return DiffResult(changes=None, replaces=["bucket"], delete_before_replace=False)
        urn, sid = str(new.get(URN, "")), str(old.get("sid", ""))
        current().memory.claim_id(urn, managed_id(id_, sid))
        if not old.get(OF_OTHERS):
            stores.record_unread(current(), old, stores.POLICY, id_)
        return DiffResult(changes=False if is_same(old, new) else None)

    @one_line_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Put the statement into the document."""
        declared = plain(props)
        run = current()
        outputs = put_statement(run, declared, {})
        run.memory.managed_ids.add(managed_id(str(declared["bucket"]), outputs["sid"]))
        return CreateResult(declared["bucket"], outputs)

    @one_line_errors
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Put it again, under the Sid it has."""
        old = plain(olds)
        current().guard_endpoint(str(old.get("apiEndpoint", "")))
        return UpdateResult(put_statement(current(), plain(news), old))

    @one_line_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Our statement as it is live; a document without it shows as a statement that is gone.

        A policy that is read needs no other proof of the organisation: an account may hold nothing but the bucket.
        """
        old = plain(props)
        run = current()
        run.guard_endpoint(str(old.get("apiEndpoint", "")))
        run.hold_plan()
        bucket = str(old["bucket"])
        try:
            with translate_service_errors(subject_of(old)):
                document = run.storage().policy(bucket)
        except CoreWeaveError as error:
            run.guard_organization(subject_of(old), str(old.get(OWNER, "")))
            if isinstance(error.__cause__, BucketMissing):
                return ReadResult("", {})
            raise
        live = live_statement(document, old)
        run.memory.read.add(managed_id(bucket, str(old.get("sid", ""))))
        form = shown_statement(live) if live else None
        stores.hold_policy(run, old, bucket, form, own=not old.get(OF_OTHERS))
        if live is None:
            return ReadResult("", {})
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
        return ReadResult(id_, outputs, inputs)

    @one_line_errors
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Take our statement out, once no deployment that is going reads through it any more."""
        old = plain(props)
        run = current()
        run.guard_endpoint(str(old.get("apiEndpoint", "")))
        if managed_id(id_, str(old.get("sid", ""))) in run.memory.managed_ids:
            run.log.warning(str(old.get(URN, "")), f"{subject_of(old)} kept: still declared")
            return
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


class InferenceBucketPolicy(pulumi.dynamic.Resource, module=MODULE, name="InferenceBucketPolicy"):
    """This stack's statement in a bucket's policy.

    `prefixes` left out means the whole bucket. `owner_access` must be said where the bucket has no policy yet.
    `after` are resources that tell the organisation's id (a gateway): they are made first.
    """

    def __init__(
        self,
        name: str,
        *,
        bucket: WeightsBucket | pulumi.Input[str],
        prefixes: pulumi.Input[Sequence[pulumi.Input[str]]] = (),
        owner_access: pulumi.Input[str] | None = None,
        organization_id: pulumi.Input[str] | None = None,
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        do = "leave it out: a statement that is there is adopted by itself, or import it with `cw-inference import --apply`"
        refuse_import("inference bucket policy", name, opts, do)
        program, urn = current_program(), urn_of("InferenceBucketPolicy", name, opts)
        last = {LAST_BUCKET: urn.apply(lambda found: recorded_name(program.last, found, "bucket"))}
        props: dict[str, Any] = {
            "bucket": bucket.bucket_name if isinstance(bucket, WeightsBucket) else bucket,
            "prefixes": prefixes,
            STACK: program.identity,
            URN: urn,
            **({"ownerAccess": owner_access} if owner_access else {}),
            **({"organizationId": organization_id} if organization_id else {}),
        }
        before = [account_of(program), *([bucket] if isinstance(bucket, WeightsBucket) else []), *after]
        self.bucket_resource = bucket
        own = with_dependencies(opts, before)
        observed = {"sid": None, OF_OTHERS: None}
        super().__init__(InferenceBucketPolicyProvider(), name, {**props, **last, **observed}, own)
        sid, of_others = output(self, "sid"), output(self, OF_OTHERS)
        program.own(self, own, kind=POLICY, name=name, id=self.bucket_name, sid=sid, keep=of_others)
        self.place = place_of(name, opts)
        of = bucket.declared_name if isinstance(bucket, WeightsBucket) else bucket
        self.planned = {"bucket": of, STACK: program.identity} if isinstance(of, str) else {}
        """What is known of it before anything is declared, where the bucket's name is plain."""
        program.policies.append(self)

    @property
    def bucket_name(self) -> pulumi.Output[str]:
        """The bucket's name."""
        return output(self, "bucket")
