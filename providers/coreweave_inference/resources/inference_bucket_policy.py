"""This stack's statement in the policy of a weights bucket: it lets the inference service read the weights.

A bucket has one document for everybody, so the statement is put into it and taken out of it; nobody else's is ever
changed. A first policy shuts out everyone whom it does not name, the owner's own users included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import random
from typing import Any

import pulumi
import pulumi.dynamic
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from coreweave_inference.errors import BucketMissing, CoreWeaveError, Fault
from coreweave_inference.policy import (
    OWNER_SID,
    Document,
    find_ours,
    inference_statement,
    merged,
    normal_prefix,
    owner_statement,
    same_meaning,
    sid_for,
    without,
)
from coreweave_inference.spec.unknown import UNKNOWN

from . import removal
from .account import account_of
from .host import one_line_errors
from .object_provider import HostedProvider
from .program import MODULE, current_program, output, urn_of, with_dependencies
from .session import Session, current
from .values import FORMAT, STACK, URN, failures, for_engine, plain
from .weights_bucket import WeightsBucket
from .wording import resource_name, speaking_of

INPUTS = ("bucket", "prefixes", "ownerAccess", "organizationId", "statement", STACK, URN)
OWNER_ACCESS = ("organization", "none")
OWNER = "ownerOrganizationId"
"""Output: whose bucket it is, as far as it was known. (`organizationId` is an input.)"""
ATTEMPTS = 6
"""Rounds of read, put and look again before another writer in the bucket is called an error."""
LOOK_AGAIN_SECONDS = 1.0
"""Longer than another run takes from its read to its put."""


class InferenceBucketPolicyProvider(HostedProvider):
    """CRUD of one statement. State format: the module and the name of this class are part of it."""

    @one_line_errors
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Show the statement in the preview; refuse prefixes and access words that mean nothing."""
        declared = plain(news)
        wrong = _faults(declared)
        if wrong:
            return CheckResult(news, failures(_subject(declared), wrong))
        current().memory.checked.add(str(declared.get(URN, "")))
        bucket, prefixes = declared.get("bucket"), declared.get("prefixes") or []
        known = bucket is not UNKNOWN and prefixes is not UNKNOWN and UNKNOWN not in prefixes
        statement = _shown(inference_statement(bucket, prefixes)) if known else UNKNOWN
        return CheckResult(for_engine({**declared, "statement": statement}), [])

    @one_line_errors
    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Another bucket replaces; everything else is put in place."""
        old, new = plain(olds), plain(news)
        current().guard_endpoint(str(old.get("apiEndpoint", "")))
        if old.get("bucket") != new.get("bucket"):
            return DiffResult(changes=None, replaces=["bucket"], delete_before_replace=False)
        urn, sid = str(new.get(URN, "")), str(old.get("sid", ""))
        current().memory.stand_for(urn, _standing(id_, sid))
        same = _comparable(old) == _comparable(new)
        return DiffResult(changes=False if same else None)

    @one_line_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Put the statement into the document."""
        declared = plain(props)
        run = current()
        outputs = _put(run, declared, None)
        run.memory.standing.add(_standing(str(declared["bucket"]), outputs["sid"]))
        return CreateResult(declared["bucket"], outputs)

    @one_line_errors
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Put it again, under the Sid it has."""
        old = plain(olds)
        current().guard_endpoint(str(old.get("apiEndpoint", "")))
        return UpdateResult(_put(current(), plain(news), str(old.get("sid") or "")))

    @one_line_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Our statement as it is live; a document without it shows as a statement that is gone."""
        old = plain(props)
        run = current()
        run.guard_endpoint(str(old.get("apiEndpoint", "")))
        run.guard_organization(_subject(old), str(old.get(OWNER, "")))
        bucket = str(old["bucket"])
        try:
            with speaking_of(_subject(old)):
                document = run.storage().policy(bucket)
        except CoreWeaveError as error:
            if isinstance(error.__cause__, BucketMissing):
                return ReadResult("", {})
            raise
        live = find_ours(document, str(old.get("sid")))
        if live is None:
            return ReadResult("", {})
        owner = run.organization(str(old.get(OWNER, "")))
        outputs = {**old, "statement": _shown(live), OWNER: owner, "format": FORMAT}
        return ReadResult(id_, outputs, {key: outputs[key] for key in INPUTS if key in outputs})

    @one_line_errors
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Take our statement out, once no deployment that is going reads through it any more."""
        old = plain(props)
        run = current()
        run.guard_endpoint(str(old.get("apiEndpoint", "")))
        if _standing(id_, str(old.get("sid", ""))) in run.memory.standing:
            run.log.warning(str(old.get(URN, "")), f"{_subject(old)} stays: this run still declares it")
            return
        bucket = str(old["bucket"])
        removal.wait_for_users(
            run,
            _subject(old),
            str(old.get(URN, "")),
            lambda live: _reads_and_goes(run, live, bucket),
            refuse_live=False,
        )
        with speaking_of(_subject(old)):
            _rewrite(run, bucket, lambda document: without(document, str(old.get("sid")), OWNER_SID))


def _standing(bucket: str, sid: str) -> str:
    """Not the bucket's own id: a policy may go while its bucket stays, and a former statement beside a new one."""
    return f"{sid} in the policy of {bucket}"


def _reads_and_goes(run: Session, live: Any, bucket: str) -> bool:
    going = live.status == "DELETING" or live.id in run.memory.deleted
    return going and bool(removal.references(live, "model", "bucket") == bucket)


def _subject(props: Mapping[str, Any]) -> str:
    return f'inference bucket policy "{resource_name(props)}"'


def _faults(declared: Mapping[str, Any]) -> list[Fault]:
    found = []
    access = declared.get("ownerAccess")
    if access not in (None, UNKNOWN, *OWNER_ACCESS):
        found.append(Fault(f'"{access}" is not known', path="ownerAccess", do="use organization or none"))
    prefixes = declared.get("prefixes")
    for prefix in prefixes if isinstance(prefixes, list) else []:
        try:
            _ = prefix is UNKNOWN or normal_prefix(prefix)
        except CoreWeaveError as error:
            found.append(Fault(str(error), path="prefixes"))
    return found


def _shown(statement: Mapping[str, Any]) -> dict[str, Any]:
    """Without its Sid, which is chosen when the document is seen."""
    return {key: value for key, value in statement.items() if key != "Sid"}


def _comparable(props: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a put depends on; the owner's access only matters when it is first asked for."""
    statement = props.get("statement")
    if not isinstance(statement, Mapping):
        return (statement, props.get("ownerAccess"))
    ordered = {key: sorted(value) if isinstance(value, list) else value for key, value in statement.items()}
    return (ordered, props.get("ownerAccess"))


def _put(run: Session, declared: Mapping[str, Any], earlier_sid: str | None) -> dict[str, Any]:
    bucket, stack = str(declared["bucket"]), str(declared.get(STACK, ""))
    chosen: dict[str, str] = {}

    def with_ours(document: Document | None) -> Document:
        chosen["sid"] = sid_for(document, stack, earlier_sid or None)
        statement = inference_statement(bucket, declared.get("prefixes") or [], chosen["sid"])
        document = merged(document, statement, _owner(run, declared, document))
        if not earlier_sid:
            run.attempt(str(declared.get(URN, "")), dict(declared))
        return document

    with speaking_of(_subject(declared)):
        _rewrite(run, bucket, with_ours)
    statement = _shown(inference_statement(bucket, declared.get("prefixes") or []))
    kept = {key: declared[key] for key in INPUTS if key in declared}
    return {
        **kept,
        "statement": statement,
        "sid": chosen["sid"],
        OWNER: run.organization(),
        "apiEndpoint": run.settings.endpoint,
        "format": FORMAT,
    }


def _owner(run: Session, declared: Mapping[str, Any], document: Document | None) -> dict[str, Any] | None:
    """The statement that keeps the owner in, where it was asked for; on a first policy one has to say."""
    access, bucket = declared.get("ownerAccess"), str(declared["bucket"])
    if access == "organization":
        return owner_statement(bucket, _organization(run, declared))
    if access is None and document is None:
        raise CoreWeaveError(
            f'bucket "{bucket}" has no policy yet, and a first one shuts out everyone whom it does not name, your own '
            "users included; say `ownerAccess: organization` to keep them in, or `ownerAccess: none`"
        )
    return None


def _organization(run: Session, declared: Mapping[str, Any]) -> str:
    known = declared.get("organizationId") or next(
        iter(sorted(run.organizations_seen(max_age_seconds=1.0))), ""
    )
    if not known:
        raise CoreWeaveError(
            "the id of your organisation is needed for `ownerAccess: organization`, and the account is still empty, so "
            "no object tells it; give it as `organizationId` beside ownerAccess, or in Python name a gateway in `after`"
        )
    return str(known)


def _rewrite(run: Session, bucket: str, change: Callable[[Document | None], Document | None]) -> None:
    """Read, change, put, and look again a little later: repeated where somebody else wrote in between.

    A document is put as a whole and without a condition: another run that read it before our put, and puts after our
    first look, takes our change back. It has done so when `LOOK_AGAIN_SECONDS` are over.
    """
    storage = run.storage()
    with run.bucket_alone(bucket):
        for _ in range(ATTEMPTS):
            before = storage.policy(bucket)
            after = change(before)
            if same_meaning(before, after):
                return
            if after is None:
                storage.delete_policy(bucket)
            else:
                storage.put_policy(bucket, after)
            run.clock.sleep(LOOK_AGAIN_SECONDS * (0.8 + 0.4 * random()))
    raise CoreWeaveError(
        f'the policy of bucket "{bucket}" was changed by somebody else each of {ATTEMPTS} times it was put; run again '
        "when nobody else writes it"
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
        program = current_program()
        props: dict[str, Any] = {
            "bucket": bucket.bucket_name if isinstance(bucket, WeightsBucket) else bucket,
            "prefixes": prefixes,
            STACK: program.identity,
            URN: urn_of("InferenceBucketPolicy", name, opts),
            **({"ownerAccess": owner_access} if owner_access else {}),
            **({"organizationId": organization_id} if organization_id else {}),
        }
        before = [account_of(program), *([bucket] if isinstance(bucket, WeightsBucket) else []), *after]
        super().__init__(InferenceBucketPolicyProvider(), name, props, with_dependencies(opts, before))

    @property
    def bucket_name(self) -> pulumi.Output[str]:
        """The bucket's name."""
        return output(self, "bucket")
