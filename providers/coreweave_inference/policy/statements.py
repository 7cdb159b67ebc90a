"""The statement that lets the inference service read weights, and how it lives in a bucket's document.

Pure: documents in, documents out. Nothing about buckets' contents, requests or stacks belongs here; a document is
a dict as JSON gives it, and statements of others pass through untouched.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from coreweave_inference.errors import Fault, InvalidDeclaration, NotOurs

from .decisions import INFERENCE_ORGANIZATION, INFERENCE_PRINCIPAL, Decision, decide, inference_may_read
from .documents import VERSION, canonical, parse, same_meaning, statements_of

__all__ = [
    "INFERENCE_ORGANIZATION",
    "INFERENCE_PRINCIPAL",
    "INFERENCE_SID",
    "OWNER_SID",
    "Decision",
    "Document",
    "canonical",
    "decide",
    "documented",
    "find_ours",
    "find_owner",
    "inference_may_read",
    "inference_statement",
    "merged",
    "normal_prefix",
    "owner_sid",
    "owner_statement",
    "parse",
    "same_meaning",
    "sid_for",
    "without",
]

Document = dict[str, Any]

INFERENCE_SID = "AllowInference"
OWNER_SID = "AllowOwnOrganization"
_OWNER_SID_OF_A_STACK = re.compile(OWNER_SID + "[0-9a-f]{8}")


def inference_statement(
    bucket: str, prefixes: Iterable[str] = (), sid: str = INFERENCE_SID
) -> dict[str, Any]:
    """The statement by which the inference service lists `bucket` and reads its keys, as the documentation gives it.

    `prefixes` narrow reading; listing always concerns the whole bucket. Raises InvalidDeclaration for a bucket or
    prefix that would mean more than it says.
    """
    arn = _bucket_arn(bucket)
    normal = list(dict.fromkeys(normal_prefix(prefix) for prefix in prefixes))
    objects = [f"{arn}/{prefix}/*" for prefix in normal] if normal and "" not in normal else [f"{arn}/*"]
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"CW": [INFERENCE_PRINCIPAL]},
        "Action": ["s3:ListBucket", "s3:GetObject"],
        "Resource": [arn, *objects],
    }


def owner_statement(bucket: str, organization_id: str, sid: str = OWNER_SID) -> dict[str, Any]:
    """The statement that keeps the owner's own users in: a first policy shuts out everyone it does not name."""
    if not organization_id:
        raise InvalidDeclaration([Fault("the organization id is empty, so nobody would be let in")])
    arn = _bucket_arn(bucket)
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:*"],
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"StringEquals": {"cw:PrincipalOrgID": organization_id}},
    }


def normal_prefix(prefix: str) -> str:
    """`models` for `models`, `/models/` and `models/*`; empty for the whole bucket.

    Raises InvalidDeclaration for wildcards elsewhere and for `${`, which a policy would not take literally.
    """
    bare = prefix.removesuffix("*") if prefix in ("*", "/*") or prefix.endswith("/*") else prefix
    normal = bare.strip("/")
    if any(sign in normal for sign in ("*", "?", "${")):
        raise InvalidDeclaration(
            [Fault(f'prefix "{prefix}" holds a wildcard', do='write the folder alone, such as "models"')]
        )
    return normal


def sid_for(document: Mapping[str, Any] | None, stack_key: str, earlier: str | None = None) -> str:
    """The Sid of this stack's statement in `document`: `AllowInference` and eight hex digits of a digest of `stack_key`.

    The Sid alone tells a stack's statement from those of other stacks and of hands, also where a run was killed before
    it could record that it had put one. `earlier` is the Sid that the state has, kept while nobody else holds it.
    """
    if earlier and (find_ours(document, earlier) is not None or earlier not in _sids(document)):
        return earlier
    return INFERENCE_SID + _digest(stack_key)


def owner_sid(stack_key: str) -> str:
    """The Sid of the statement by which this stack keeps a bucket's owner in."""
    return OWNER_SID + _digest(stack_key)


def documented(
    document: Mapping[str, Any] | None, bucket: str, prefixes: Iterable[str] = ()
) -> dict[str, Any] | None:
    """The statement that the documentation gives, for the whole bucket or for `prefixes`; None where it is not there."""
    wanted = [
        {"Statement": inference_statement(bucket)},
        {"Statement": inference_statement(bucket, prefixes)},
    ]
    for statement in statements_of(document):
        if any(same_meaning({"Statement": statement}, one) for one in wanted):
            return statement
    return None


def find_owner(document: Mapping[str, Any] | None, sid: str) -> dict[str, Any] | None:
    """The statement with `sid` that keeps an organization in; None where there is none."""
    return next((s for s in statements_of(document) if s.get("Sid") == sid and _is_owner(s)), None)


def find_ours(document: Mapping[str, Any] | None, sid: str) -> dict[str, Any] | None:
    """The statement with `sid` that lets exactly the inference service in; None where there is none."""
    for statement in statements_of(document):
        if statement.get("Sid") == sid and _is_inference(statement):
            return statement
    return None


def merged(
    document: Mapping[str, Any] | None, statement: Mapping[str, Any], owner: Mapping[str, Any] | None = None
) -> Document:
    """`document` with `statement` in the place of the one of its Sid, or at the end; likewise `owner`, if given.

    Take the Sid from `sid_for`. Everything of others stays as it is. Raises NotOurs when the Sid is held by a
    statement that is not the inference service's.
    """
    result: Document = copy.deepcopy(dict(document)) if document else {"Version": VERSION}
    statements = statements_of(result)
    for addition, is_same_kind in ((statement, _is_inference), (owner, _is_owner)):
        if addition is not None:
            statements = _replaced(statements, addition, is_same_kind)
    result["Statement"] = statements
    return result


def without(document: Mapping[str, Any] | None, *sids: str) -> Document | None:
    """`document` without this stack's statements of these Sids; None when nothing of others is left.

    Taken out are only statements of the two forms built here. The owner's stays as long as statements of others
    stay, since without it they would shut the owner out. One that another stack put, and that is alone now, goes too.
    """
    ours = [s for s in statements_of(document) if s.get("Sid") in sids and _is_inference(s)]
    owners = [s for s in statements_of(document) if _is_owner(s) and _is_of_a_stack(s, sids)]
    others = [s for s in statements_of(document) if s not in ours and s not in owners]
    if not others:
        return None
    return {**copy.deepcopy(dict(document or {})), "Statement": copy.deepcopy(_kept(document, ours))}


def _is_of_a_stack(statement: Mapping[str, Any], sids: Iterable[str]) -> bool:
    sid = str(statement.get("Sid", ""))
    return sid in sids or _OWNER_SID_OF_A_STACK.fullmatch(sid) is not None


def _digest(stack_key: str) -> str:
    return hashlib.sha256(stack_key.encode()).hexdigest()[:8]


def _kept(document: Mapping[str, Any] | None, removed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [statement for statement in statements_of(document) if statement not in removed]


def _replaced(
    statements: list[dict[str, Any]],
    addition: Mapping[str, Any],
    is_same_kind: Callable[[Mapping[str, Any]], bool],
) -> list[dict[str, Any]]:
    for place, statement in enumerate(statements):
        if statement.get("Sid") != addition["Sid"]:
            continue
        if not is_same_kind(statement):
            raise NotOurs(
                f'the bucket\'s policy has a statement "{addition["Sid"]}" that this stack did not write'
            )
        return [*statements[:place], dict(addition), *statements[place + 1 :]]
    return [*statements, dict(addition)]


def _is_inference(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    if statement.get("Effect") != "Allow" or not isinstance(principal, Mapping) or set(principal) != {"CW"}:
        return False
    return principal["CW"] in (INFERENCE_PRINCIPAL, [INFERENCE_PRINCIPAL])


def _is_owner(statement: Mapping[str, Any]) -> bool:
    condition = statement.get("Condition")
    return (
        statement.get("Effect") == "Allow"
        and statement.get("Principal") == "*"
        and isinstance(condition, Mapping)
        and [list(keys) for keys in condition.values()] == [["cw:PrincipalOrgID"]]
    )


def _sids(document: Mapping[str, Any] | None) -> set[str]:
    return {str(statement.get("Sid", "")) for statement in statements_of(document)}


def _bucket_arn(bucket: str) -> str:
    if not bucket or any(sign in bucket for sign in "*?$/:"):
        raise InvalidDeclaration([Fault(f'"{bucket}" is not a bucket name')])
    return f"arn:aws:s3:::{bucket}"
