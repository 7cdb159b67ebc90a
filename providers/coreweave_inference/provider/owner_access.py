"""The statement that keeps a bucket's owner in: a first policy shuts out everyone whom it does not name.

Only a bucket that had no policy gets one: a policy of others says who has access, and is never widened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreweave_inference.errors import BucketMissing, CoreWeaveError
from coreweave_inference.policy.documents import statements_of
from coreweave_inference.policy.statements import (
    OWNER_SID,
    Document,
    find_owner,
    owner_sid,
    owner_statement,
    sid_for,
    without,
)

from .session import Session
from .values import STACK

OWNER_STATEMENT_SID = "ownerSid"
"""Output: the Sid of the statement that keeps the owner in, where this stack put one."""
TOLD_BY_A_GATEWAY = "(known once the first gateway exists)"


def shown_statement(statement: Mapping[str, Any]) -> dict[str, Any]:
    """Without its Sid, which is chosen when the document is seen."""
    return {key: value for key, value in statement.items() if key != "Sid"}


def sid_of(state: Mapping[str, Any]) -> str:
    """States of 0.1.0 do not record it: all stacks of a bucket shared one."""
    return str(state.get(OWNER_STATEMENT_SID) or OWNER_SID)


def planned(run: Session, olds: Mapping[str, Any], declared: Mapping[str, Any]) -> Any:
    """The statement that keeps the owner in, as the preview shows it: only a first policy of a bucket gets one."""
    bucket = declared.get("bucket")
    if declared.get("ownerAccess") != "organization" or not isinstance(bucket, str):
        return None
    if (olds.get("bucket"), olds.get("ownerAccess")) == (bucket, "organization"):
        return olds.get("ownerStatement")
    try:
        document = _document(run, bucket)
        organization = _known_organization(run, declared, max_age_seconds=60.0)
    except CoreWeaveError:
        return None  # The run decides when it sees the document.
    if not _is_first(document, declared, {}):
        return None
    return shown_statement(owner_statement(bucket, organization or TOLD_BY_A_GATEWAY))


def is_same(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether the owner's statement is as planned; one that this stack did not put is not compared."""
    if not old.get(OWNER_STATEMENT_SID):
        return True
    was, wanted = old.get("ownerStatement"), new.get("ownerStatement")
    if was and wanted and TOLD_BY_A_GATEWAY in str(wanted):
        return True
    return bool(was == wanted)


def statement(
    run: Session, declared: Mapping[str, Any], document: Document | None, old: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The statement that keeps the owner in, where it was asked for: in a first policy, where one has to say, and
    where this stack put one. A policy of others is never widened by it.
    """
    access, bucket = declared.get("ownerAccess"), str(declared["bucket"])
    if access == "organization":
        sid = owner_sid(str(declared.get(STACK, "")))
        put_before = bool(old.get(OWNER_STATEMENT_SID)) or find_owner(document, sid) is not None
        ours = put_before or _is_first(document, declared, old)
        return owner_statement(bucket, _organization(run, declared), sid) if ours else None
    if access is None and document is None:
        raise CoreWeaveError(
            f'bucket "{bucket}" has no policy yet, and a first one shuts out everyone whom it does not name, your own '
            "users included; say `ownerAccess: organization` to keep them in, or `ownerAccess: none`"
        )
    return None


def without_owner(document: Document | None, sid: str) -> Document | None:
    """The declaration asks for no access of the owner's any more."""
    ours = find_owner(document, sid)
    return document and {**document, "Statement": [s for s in statements_of(document) if s != ours]}


def _known_organization(run: Session, declared: Mapping[str, Any], max_age_seconds: float = 1.0) -> str:
    given = declared.get("organizationId")
    if given:
        return given if isinstance(given, str) else ""
    return next(iter(sorted(run.lists.organizations or run.organizations_seen(max_age_seconds))), "")


def _organization(run: Session, declared: Mapping[str, Any]) -> str:
    known = _known_organization(run, declared)
    if not known:
        raise CoreWeaveError(
            "the id of your organization is needed for `ownerAccess: organization`, and the account is still empty, so "
            "no object tells it; give it as `organizationId` beside ownerAccess, or in Python name a gateway in `after`"
        )
    return known


def _is_first(document: Document | None, declared: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether the document holds nothing but what this stack put."""
    stack = str(declared.get(STACK, ""))
    sids = (str(old.get("sid") or sid_for(None, stack)), owner_sid(stack))
    return without(document, *sids) is None


def _document(run: Session, bucket: str) -> Document | None:
    try:
        return run.storage().policy(bucket)
    except BucketMissing:
        return None
