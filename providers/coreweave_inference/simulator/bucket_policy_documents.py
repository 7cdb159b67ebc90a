"""Bucket policy documents: from bytes to statements, or an error that says what is wrong.

Only form is judged here; whether a statement applies to a request is decided in `bucket_policies`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

VERSION = "2012-10-17"
ANYONE = "*"

_DOCUMENT_ELEMENTS = frozenset({"Version", "Id", "Statement"})
_STATEMENT_ELEMENTS = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)
_PRINCIPAL_KINDS = frozenset({"AWS", "CW"})
_RESOURCE_PREFIX = "arn:aws:s3:::"


class MalformedPolicy(ValueError):
    """The document is not a policy that this bucket can have; the message says why."""


@dataclass(frozen=True)
class PrincipalSet:
    """Names of one kind: `ANYONE`, or "AWS" or "CW" with ARNs or `*`."""

    kind: str
    names: frozenset[str]


@dataclass(frozen=True)
class Statement:
    """One statement, scalars read as lists of one, each `Not…` form kept as a flag."""

    effect: Literal["Allow", "Deny"]
    principals: tuple[PrincipalSet, ...]
    principals_negated: bool
    actions: tuple[str, ...]
    actions_negated: bool
    resources: tuple[str, ...]
    resources_negated: bool
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]]


Policy = tuple[Statement, ...]


def parse_policy(document: bytes | str, bucket: str) -> Policy:
    """The statements of a document for `bucket`. Raises MalformedPolicy, as the service answers 400."""
    try:
        policy = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise MalformedPolicy("the policy is not valid JSON") from error
    if not isinstance(policy, dict):
        raise MalformedPolicy("the policy is not a JSON object")
    _refuse_unknown(policy, _DOCUMENT_ELEMENTS, "the policy")
    if policy.get("Version") != VERSION:
        raise MalformedPolicy(f'Version must be "{VERSION}", not {json.dumps(policy.get("Version"))}')
    written = policy.get("Statement")
    statements: list[Any] = written if isinstance(written, list) else [written]
    if not statements or not all(isinstance(each, dict) for each in statements):
        raise MalformedPolicy("Statement must hold at least one statement")
    _refuse_repeated_sids(statements)
    return tuple(
        _parse_statement(each, bucket, f"statement {number}") for number, each in enumerate(statements, 1)
    )


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(char) or re.escape(char) for char in pattern), re.DOTALL)


def matches_wildcard(pattern: str, text: str) -> bool:
    """Whether the whole of `text` fits: `*` is any run of characters, `?` exactly one, all else is itself."""
    return _compiled(pattern).fullmatch(text) is not None


def _parse_statement(statement: dict[str, Any], bucket: str, where: str) -> Statement:
    _refuse_unknown(statement, _STATEMENT_ELEMENTS, where)
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise MalformedPolicy(f'{where}: Effect must be "Allow" or "Deny"')
    principals, principals_negated = _either(statement, "Principal", where)
    actions, actions_negated = _either(statement, "Action", where)
    resources, resources_negated = _either(statement, "Resource", where)
    return Statement(
        effect=statement["Effect"],
        principals=_parse_principals(principals, where),
        principals_negated=principals_negated,
        actions=_parse_actions(actions, where),
        actions_negated=actions_negated,
        resources=_parse_resources(resources, bucket, where),
        resources_negated=resources_negated,
        conditions=_parse_conditions(statement.get("Condition", {}), where),
    )


def _either(statement: dict[str, Any], element: str, where: str) -> tuple[Any, bool]:
    """The value of `element` or of its `Not…` form, and whether it was the latter; exactly one must be there."""
    present = [name for name in (element, f"Not{element}") if name in statement]
    if len(present) != 1:
        raise MalformedPolicy(f"{where}: exactly one of {element} and Not{element} is required")
    return statement[present[0]], present[0] != element


def _parse_principals(written: Any, where: str) -> tuple[PrincipalSet, ...]:
    if written == "*":
        return (PrincipalSet(ANYONE, frozenset({"*"})),)
    if not isinstance(written, dict) or not written:
        raise MalformedPolicy(f'{where}: Principal must be "*" or an object with AWS or CW')
    _refuse_unknown(written, _PRINCIPAL_KINDS, f"{where}: Principal")
    return tuple(
        PrincipalSet(kind, frozenset(_strings(names, f"{where}: Principal {kind}")))
        for kind, names in written.items()
    )


def _parse_actions(written: Any, where: str) -> tuple[str, ...]:
    actions = _strings(written, f"{where}: Action")
    for action in actions:
        if action != "*" and not action.lower().startswith("s3:"):
            raise MalformedPolicy(f'{where}: "{action}" is not an S3 action')
    return actions


def _parse_resources(written: Any, bucket: str, where: str) -> tuple[str, ...]:
    resources = _strings(written, f"{where}: Resource")
    for resource in resources:
        bucket_part = resource.removeprefix(_RESOURCE_PREFIX).split("/", 1)[0]
        if not resource.startswith(_RESOURCE_PREFIX) or not matches_wildcard(bucket_part, bucket):
            raise MalformedPolicy(f'{where}: resource "{resource}" is outside bucket "{bucket}"')
    return resources


def _parse_conditions(written: Any, where: str) -> dict[str, dict[str, tuple[str, ...]]]:
    if not isinstance(written, dict) or not all(isinstance(keys, dict) for keys in written.values()):
        raise MalformedPolicy(f"{where}: Condition must be an object of operators, each an object of keys")
    return {
        operator: {
            key: _strings(values, f"{where}: Condition {operator} {key}") for key, values in keys.items()
        }
        for operator, keys in written.items()
    }


def _strings(written: Any, where: str) -> tuple[str, ...]:
    values = written if isinstance(written, list) else [written]
    if not values or not all(isinstance(value, str) and value for value in values):
        raise MalformedPolicy(f"{where} must be a string or a list of strings")
    return tuple(values)


def _refuse_unknown(written: dict[str, Any], known: frozenset[str], where: str) -> None:
    unknown = sorted(set(written) - known)
    if unknown:
        raise MalformedPolicy(f"{where}: unknown {', '.join(unknown)} (known: {', '.join(sorted(known))})")


def _refuse_repeated_sids(statements: list[dict[str, Any]]) -> None:
    sids = [statement["Sid"] for statement in statements if "Sid" in statement]
    for sid in sids:
        if not isinstance(sid, str) or sids.count(sid) > 1:
            raise MalformedPolicy(f"Sid {json.dumps(sid)} must be a string and occur once")
