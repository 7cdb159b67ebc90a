"""Whom a bucket policy lets in: one decision for one principal, action and resource.

Pure, and with three answers: what rests on something that cannot be known here (a condition on the request, an
operator or principal form that is not understood) is neither allowed nor denied. Nothing is changed or compared here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from .documents import statements_of

INFERENCE_ORGANIZATION = "cw4637"
INFERENCE_PRINCIPAL = f"arn:aws:iam::{INFERENCE_ORGANIZATION}:coreweave/uvAGGQSxxXeeQBJzcGsD9"
"""The service account that reads model weights, for every customer the same (documentation)."""

Truth = bool | None
"""None: it cannot be known here."""


@dataclass(frozen=True)
class Decision:
    """Whether it is allowed (None: it cannot be judged here), why in words, and the Sid of the statement that decided
    (None: no statement did).
    """

    allowed: Truth
    why: str
    sid: str | None = None


def decide(
    document: Mapping[str, Any], principal: str, organization_id: str, action: str, resource: str
) -> Decision:
    """What a bucket policy says about one request; `principal` and `resource` are ARNs, `organization_id` the principal's.

    A Deny that applies wins. Else one Allow is needed: a policy denies everyone it does not name. A Deny or an Allow of
    which it is not known whether it applies leaves the answer open, unless nothing could allow. Organization
    policies, which are read first, are not known here.
    """
    request = _Request(principal, organization_id, action, resource)
    judged = [(statement, request.falls_under(statement)) for statement in statements_of(document)]
    denials = [
        (one, applies) for one, applies in judged if one.get("Effect") != "Allow" and applies is not False
    ]
    allows = [
        (one, applies) for one, applies in judged if one.get("Effect") == "Allow" and applies is not False
    ]
    for statement, applies in denials:
        if applies:
            return Decision(False, f"{_name(statement)} denies {action}", statement.get("Sid"))
    if not allows:
        return Decision(
            False, f"no statement allows {action} on {resource}, and a policy denies what it does not name"
        )
    certain = next((statement for statement, applies in allows if applies), None)
    open_ones = [
        *((one, "deny") for one, _ in denials),
        *(() if certain else ((one, "allow") for one, _ in allows)),
    ]
    for statement, effect in open_ones:
        why = f"{_name(statement)} may {effect} {action}: its condition or principal cannot be judged here"
        return Decision(None, why, statement.get("Sid"))
    assert certain is not None
    return Decision(True, f"{_name(certain)} allows {action}", certain.get("Sid"))


def inference_may_read(document: Mapping[str, Any] | None, bucket: str, key: str) -> Decision:
    """Whether the inference service may list `bucket` and get `key` (document None: the bucket has no policy)."""
    arn = f"arn:aws:s3:::{bucket}"
    if document is None:
        return Decision(False, f'bucket "{bucket}" has no policy, and without one only its owner reads it')
    asked = (("s3:ListBucket", arn), ("s3:GetObject", f"{arn}/{key.lstrip('/')}"))
    decisions = [
        decide(document, INFERENCE_PRINCIPAL, INFERENCE_ORGANIZATION, action, resource)
        for action, resource in asked
    ]
    return min(decisions, key=lambda found: {False: 0, None: 1, True: 2}[found.allowed])


@dataclass(frozen=True)
class _Request:
    principal: str
    organization_id: str
    action: str
    resource: str

    def falls_under(self, statement: Mapping[str, Any]) -> Truth:
        return _all(
            (
                _either(statement, "Principal", self._is_principal),
                _either(statement, "Action", self._is_action),
                _either(statement, "Resource", self._is_resource),
                self._meets(statement.get("Condition", {})),
            )
        )

    def _is_principal(self, written: Any) -> Truth:
        if written == "*":
            return True
        if not isinstance(written, Mapping):
            return None
        return _any(self._is_named(kind, name) for kind, names in written.items() for name in _list(names))

    def _is_named(self, kind: str, name: Any) -> Truth:
        """`{"AWS": "*"}` is everybody, as `"*"` is. That they and `{"CW": "*"}` differ is documented; how, is not, nor whether
        an identity that is named as `AWS` is the one of the same name in `CW`.
        """
        if kind == "AWS" and name == "*":
            return True
        if name == self.principal:
            return True if kind == "CW" else None
        if kind == "CW" and name == "*":
            return ":coreweave/" in self.principal or None
        if kind in ("CW", "AWS"):
            account = self.principal.split(":")[4] if self.principal.count(":") >= 5 else self.principal
            return None if "*" in str(name) or _names_account(str(name), account) else False
        return None

    def _is_action(self, written: Any) -> Truth:
        return any(_matches(str(name).lower(), self.action.lower()) for name in _list(written))

    def _is_resource(self, written: Any) -> Truth:
        return _any(
            None if "${" in str(pattern) else _matches(str(pattern), self.resource)
            for pattern in _list(written)
        )

    def _meets(self, condition: Any) -> Truth:
        if not isinstance(condition, Mapping):
            return None
        return _all(
            self._meets_one(operator, key, _list(values))
            for operator, keys in condition.items()
            for key, values in (keys.items() if isinstance(keys, Mapping) else [("", [])])
        )

    def _meets_one(self, operator: str, key: str, values: list[Any]) -> Truth:
        """Only the principal and its organization are known of a request that has not been made."""
        actual = {"cw:principalorgid": self.organization_id, "aws:principalarn": self.principal}.get(
            key.lower()
        )
        compare = _OPERATORS.get(operator.removesuffix("IfExists"))
        if compare is None or not actual or any("${" in str(value) for value in values):
            return None
        found = any(compare(str(value), actual) for value in values)
        return found != ("Not" in operator)


def _equals(value: str, actual: str) -> bool:
    return value == actual


def _equals_ignoring_case(value: str, actual: str) -> bool:
    return value.lower() == actual.lower()


def _matches(pattern: str, text: str) -> bool:
    """Whether the whole of `text` fits: `*` is any run of characters, `?` exactly one, all else is itself."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": _equals,
    "StringNotEquals": _equals,
    "StringEqualsIgnoreCase": _equals_ignoring_case,
    "StringNotEqualsIgnoreCase": _equals_ignoring_case,
    "StringLike": _matches,
    "StringNotLike": _matches,
    "ArnEquals": _matches,
    "ArnNotEquals": _matches,
    "ArnLike": _matches,
    "ArnNotLike": _matches,
}


def _either(statement: Mapping[str, Any], element: str, judge: Callable[[Any], Truth]) -> Truth:
    """`element`, or the contrary of its `Not…` form; a statement with neither or both is not understood."""
    negated = f"Not{element}"
    if (element in statement) == (negated in statement):
        return None
    if element in statement:
        return judge(statement[element])
    found = judge(statement[negated])
    return None if found is None else not found


def _names_account(name: str, account: str) -> bool:
    return name == account or name == f"arn:aws:iam::{account}:root"


def _all(truths: Iterable[Truth]) -> Truth:
    known = list(truths)
    return False if False in known else None if None in known else True


def _any(truths: Iterable[Truth]) -> Truth:
    known = list(truths)
    return True if True in known else None if None in known else False


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _name(statement: Mapping[str, Any]) -> str:
    return (
        f'statement "{statement["Sid"]}"'
        if statement.get("Sid")
        else f"a statement ({statement.get('Effect')})"
    )
