"""Who may do what in a bucket, by its policy.

Pure: documents and requests go in, decisions come out. No storage, no HTTP, no clock, and nothing of the product's own
policy code may enter. Reading and validating a document is in `bucket_policy_documents`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .bucket_policy_documents import (
    ANYONE,
    MalformedPolicy,
    Policy,
    PrincipalSet,
    Statement,
    matches_wildcard,
    parse_policy,
)

__all__ = [
    "INFERENCE_SERVICE",
    "AccessRequest",
    "MalformedPolicy",
    "Policy",
    "bucket_arn",
    "key_arn",
    "may_access",
    "organisation_of_principal",
    "parse_policy",
    "principal_arn",
]

INFERENCE_SERVICE = "arn:aws:iam::cw4637:coreweave/uvAGGQSxxXeeQBJzcGsD9"
"""The account that reads model weights, for every customer the same (documentation)."""

DECIDED_BY_ORGANISATION = frozenset({"s3:PutBucketPolicy", "s3:GetBucketPolicy", "s3:DeleteBucketPolicy"})
"""No bucket policy is asked about these, so that a lock-out can be undone (documentation)."""

_KNOWN_CONDITION_KEYS = frozenset({"aws:principalarn", "cw:principalorgid", "s3:prefix"})


@dataclass(frozen=True)
class AccessRequest:
    """One act on one resource. `principal` and `resource` are ARNs; `prefix` is that of a listing."""

    principal: str
    action: str
    resource: str
    prefix: str | None = None
    context: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        context = {
            "aws:principalarn": self.principal,
            "cw:principalorgid": organisation_of_principal(self.principal),
        }
        if self.prefix is not None:
            context["s3:prefix"] = self.prefix
        object.__setattr__(self, "context", context)


def bucket_arn(bucket: str) -> str:
    """The resource of acts on the bucket itself, listing its keys included."""
    return f"arn:aws:s3:::{bucket}"


def key_arn(bucket: str, key: str) -> str:
    """The resource of acts on one object."""
    return f"arn:aws:s3:::{bucket}/{key}"


def principal_arn(organisation_id: str, user_id: str) -> str:
    """The principal of an access key that was made with an API token."""
    return f"arn:aws:iam::{organisation_id}:coreweave/{user_id}"


def organisation_of_principal(principal: str) -> str:
    """The organisation id inside a principal's ARN."""
    return principal.split(":")[4]


def may_access(owner: str, policy: Policy | None, request: AccessRequest) -> bool:
    """Whether the request may pass; `owner` is the id of the organisation that owns the bucket.

    Organisations let their own users do everything. A bucket policy, once there, is an implicit deny for everyone
    it does not name, the owner's users included (documentation); a Deny that applies wins over every Allow.
    """
    owned = organisation_of_principal(request.principal) == owner
    if policy is None or request.action in DECIDED_BY_ORGANISATION:
        return owned
    if any(each.effect == "Deny" and _applies(each, request, in_doubt=True) for each in policy):
        return False
    return any(each.effect == "Allow" and _applies(each, request, in_doubt=False) for each in policy)


def _applies(statement: Statement, request: AccessRequest, in_doubt: bool) -> bool:
    """Whether the statement speaks about the request; `in_doubt` is the answer where a condition is not understood."""
    return (
        _names_principal(statement, request.principal)
        and _names_action(statement, request.action)
        and _names_resource(statement, request.resource)
        and _conditions_hold(statement, request.context, in_doubt)
    )


def _names_principal(statement: Statement, principal: str) -> bool:
    return statement.principals_negated != any(_in_set(each, principal) for each in statement.principals)


def _in_set(principals: PrincipalSet, principal: str) -> bool:
    """`"*"` and `{"AWS": "*"}` are everyone; `CW` names CoreWeave identities; `AWS` names identities of customers'
    organisations. So `{"CW": "*"}` leaves out those of another identity provider.
    """
    if principals.kind == ANYONE or (principals.kind == "AWS" and "*" in principals.names):
        return True
    if principals.kind == "CW" and ":coreweave/" not in principal:
        return False
    if principals.kind == "AWS" and principal == INFERENCE_SERVICE:
        return False
    return "*" in principals.names or principal in principals.names


def _names_action(statement: Statement, action: str) -> bool:
    named = any(matches_wildcard(each.lower(), action.lower()) for each in statement.actions)
    return statement.actions_negated != named


def _names_resource(statement: Statement, resource: str) -> bool:
    return statement.resources_negated != any(
        matches_wildcard(each, resource) for each in statement.resources
    )


def _conditions_hold(statement: Statement, context: Mapping[str, str], in_doubt: bool) -> bool:
    """All conditions together. One that surely fails decides; else one that is not understood leaves a doubt."""
    outcomes = [
        _condition_holds(operator, key.lower(), values, context)
        for operator, keys in statement.conditions.items()
        for key, values in keys.items()
    ]
    if False in outcomes:
        return False
    return in_doubt if None in outcomes else True


def _condition_holds(
    operator: str, key: str, values: tuple[str, ...], context: Mapping[str, str]
) -> bool | None:
    """None: the operator or the key is not known here."""
    base, negated = operator.replace("Not", "", 1), "Not" in operator
    if (
        base not in {"StringEquals", "StringLike", "StringEqualsIgnoreCase", "ArnEquals", "ArnLike"}
        or key not in _KNOWN_CONDITION_KEYS
    ):
        return None
    actual = context.get(key)
    if actual is None:
        return negated
    return negated != any(_value_matches(base, value, actual) for value in values)


def _value_matches(operator: str, value: str, actual: str) -> bool:
    if operator in ("StringLike", "ArnEquals", "ArnLike"):
        return matches_wildcard(value, actual)
    if operator == "StringEqualsIgnoreCase":
        return value.lower() == actual.lower()
    return value == actual
