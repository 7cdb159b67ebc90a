"""The stack's statement in a bucket's policy: put, compared, taken out. Nobody else's is ever changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import random
from typing import Any

from coreweave_inference.errors import CoreWeaveError, Fault, NotOurs, StorageError, Unreachable
from coreweave_inference.model.unknown import UNKNOWN
from coreweave_inference.policy.statements import (
    Document,
    documented,
    find_ours,
    inference_statement,
    merged,
    normal_prefix,
    same_meaning,
    sid_for,
    without,
)
from coreweave_inference.storage.errors import is_unclear

from . import in_use, owner_access, users
from .messages import resource_name, translate_service_errors
from .owner_access import OWNER_STATEMENT_SID, shown_statement
from .session import Session
from .values import FORMAT, STACK, URN

INPUTS = ("bucket", "prefixes", "ownerAccess", "organizationId", "statement", "ownerStatement", STACK, URN)
OWNER_ACCESS = ("organization", "none")
OWNER = "ownerOrganizationId"
"""Output: whose bucket it is, as far as it was known. (`organizationId` is an input.)"""
OF_OTHERS = "statementOfOthers"
"""Output: the statement was there already; it is used and stays."""
ATTEMPTS = 6
"""Rounds of read, put and look again before another writer in the bucket is called an error."""
LOOK_AGAIN_SECONDS = 1.0
"""Longer than another run takes from its read to its put."""


def without_ours(document: Document | None, old: Mapping[str, Any], sids: Sequence[str]) -> Document | None:
    """The document without the stack's statements; one of others that is used stays."""
    return document if old.get(OF_OTHERS) else without(document, *sids)


def live_statement(document: Document | None, old: Mapping[str, Any]) -> dict[str, Any] | None:
    """The statement that the stack put, or uses, as it is in the document."""
    if old.get(OF_OTHERS):
        return documented(document, str(old["bucket"]), old.get("prefixes") or [])
    return find_ours(document, str(old.get("sid")))


def reads_and_goes(run: Session, live: Any, bucket: str) -> bool:
    """Whether a deployment reads from the bucket and is being deleted."""
    going = live.status == "DELETING" or live.id in run.memory.deleted
    return going and bool(users.references(live, "model", "bucket") == bucket)


def subject_of(props: Mapping[str, Any]) -> str:
    """A policy's resource in messages."""
    return f'inference bucket policy "{resource_name(props)}"'


def faults_of(declared: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with a declaration, as far as it is known."""
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


def is_same(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a put would change nothing that this stack is responsible for."""
    if old.get("ownerAccess") != new.get("ownerAccess"):
        return False
    return _ordered(old.get("statement")) == _ordered(new.get("statement")) and owner_access.is_same(old, new)


def _ordered(statement: Any) -> Any:
    if not isinstance(statement, Mapping):
        return statement
    return {key: sorted(value) if isinstance(value, list) else value for key, value in statement.items()}


def put_statement(run: Session, declared: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """Put the stack's statement into the bucket's policy; what the state records. Raises NotOurs."""
    bucket, stack = str(declared["bucket"]), str(declared.get(STACK, ""))
    prefixes = declared.get("prefixes") or []
    earlier_sid = None if old.get(OF_OTHERS) else str(old.get("sid") or "") or None
    put: dict[str, Any] = {}
    sent: list[str] = [earlier_sid] if earlier_sid else []

    def with_ours(document: Document | None) -> Document | None:
        put.clear()
        sid = sid_for(document, stack, earlier_sid)
        if sid not in sent and (fault := in_use.statement_of_another_state(run, declared, document)):
            raise NotOurs(str(fault))
        used = None if find_ours(document, sid) else documented(document, bucket, prefixes)
        if used is not None:
            put.update({"sid": used["Sid"], OF_OTHERS: True, "statement": declared.get("statement")})
            return document
        statement = inference_statement(bucket, prefixes, sid)
        owner = owner_access.statement(run, declared, document, old)
        put.update({"sid": sid, "statement": shown_statement(statement)})
        if owner is not None:
            put.update({"ownerStatement": shown_statement(owner), OWNER_STATEMENT_SID: owner["Sid"]})
        elif old.get(OWNER_STATEMENT_SID):
            document = owner_access.without_owner(document, str(old[OWNER_STATEMENT_SID]))
        if not earlier_sid:
            run.attempt(str(declared.get(URN, "")), dict(declared))
        sent.append(sid)
        return merged(document, statement, owner)

    with translate_service_errors(subject_of(declared)):
        rewrite(run, bucket, with_ours)
    kept = {key: declared[key] for key in INPUTS if key in declared and key != "ownerStatement"}
    return {
        **kept,
        **put,
        OWNER: run.organization(),
        "apiEndpoint": run.endpoint,
        "format": FORMAT,
    }


def rewrite(
    run: Session, bucket: str, change: Callable[[Document | None], Document | None]
) -> Document | None:
    """The document at the end. Read, change, put, and look again a little later: repeated where somebody else wrote in
    between, or where a put got no clear answer.

    A document is put as a whole and without a condition: another run that read it before our put, and puts after our
    first look, takes our change back. It has done so when `LOOK_AGAIN_SECONDS` are over. For the same reason nothing is
    put twice without a look in between.
    """
    storage = run.storage()
    failure: CoreWeaveError = CoreWeaveError(
        f'the policy of bucket "{bucket}" was changed by somebody else each of {ATTEMPTS} times it was put; run again '
        "when nobody else writes it"
    )
    with run.bucket_alone(bucket):
        for _ in range(ATTEMPTS):
            before = storage.policy(bucket)
            after = change(before)
            if same_meaning(before, after):
                return before
            try:
                if after is None:
                    storage.delete_policy(bucket)
                else:
                    storage.put_policy(bucket, after)
            except (StorageError, Unreachable) as error:
                if not is_unclear(error):
                    raise
                failure = error
            run.clock.sleep(LOOK_AGAIN_SECONDS * (0.8 + 0.4 * random()))
    raise failure
