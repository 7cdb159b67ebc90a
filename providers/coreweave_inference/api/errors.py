"""From an error answer of the Inference API to the class of `errors` that says what to do.

Pure: status, headers and body are arguments. The HTTP library is not imported here, and nothing is decided
about repeating.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coreweave_inference.errors import (
    AlreadyExists,
    ApiError,
    Forbidden,
    NotFound,
    QuotaExceeded,
    Refused,
    ServiceUnavailable,
    Throttled,
    Unauthorized,
    one_line,
)
from coreweave_inference.json_text import read_json

BODY_LIMIT = 4 * 1024 * 1024
"""Bytes; a longer error body is not parsed, only its beginning is shown."""
TEXT_LIMIT = 300
"""Characters of a body that is not the API's own JSON."""
VIOLATIONS_LIMIT = 20
TOKEN_REFUSED = "does not accept the token from"
_UNKNOWN_CODE = 2
_PARSE_WORDS = ("proto:", "unknown field", "no body", "unmarshal", "syntax error", "unknown query parameter")


@dataclass(frozen=True)
class ErrorAnswer:
    """An answer that is not a success, taken apart.

    `is_status` tells the API's own JSON (google.rpc.Status) from what a proxy or a wrong host answers; `quota` is
    true when a QuotaFailure is among the details, with or without violations in it.
    """

    status: int
    code: int = 0
    message: str = ""
    violations: tuple[tuple[str, str], ...] = ()
    quota: bool = False
    is_status: bool = False
    request_id: str = ""
    location: str = ""

    @property
    def unparsable(self) -> bool:
        """Whether a 500 says that the request itself cannot be parsed, which no repeat will change."""
        words = self.message.lower()
        return self.status == 500 and self.code == _UNKNOWN_CODE and any(w in words for w in _PARSE_WORDS)


def read_error(
    status: int, headers: Mapping[str, str], body: bytes, clean: Callable[[str], str] = str
) -> ErrorAnswer:
    """Take an error answer apart; `clean` removes secrets from every text of the service before it is kept."""
    document = _document(body)
    ids = (headers.get(name, "") for name in ("x-request-id", "x-b3-traceid", "cf-ray"))
    details = _each(document or {}, "details")
    if document is not None:
        message = _text(document.get("message"))
    else:
        message = one_line(body[: TEXT_LIMIT * 8].decode("utf-8", "replace"), TEXT_LIMIT)
    found = [(clean(field), clean(words)) for detail in details for field, words in _violations(detail)]
    return ErrorAnswer(
        status=status,
        code=_code(document),
        message=clean(message),
        violations=tuple(found[:VIOLATIONS_LIMIT]),
        quota=any(_kind(detail) == "QuotaFailure" for detail in details),
        is_status=document is not None,
        request_id=clean(next((value for value in ids if value), "")),
        location=clean(headers.get("location", "")),
    )


def error_of(answer: ErrorAnswer, method: str, path: str, *, token_source: str, endpoint: str) -> ApiError:
    """The error to raise for `answer`: the service's own words, then what to do."""
    kind, advice = _kind_and_advice(answer, token_source, endpoint)
    message = answer.message or ("" if answer.violations else f"HTTP {answer.status} without a message")
    return kind(
        "; ".join(part for part in (message, advice) if part),
        method=method,
        path=path,
        status=answer.status,
        code=answer.code,
        violations=answer.violations,
        request_id=answer.request_id,
    )


def _kind_and_advice(answer: ErrorAnswer, token_source: str, endpoint: str) -> tuple[type[ApiError], str]:
    status = answer.status
    if status == 401:
        return Unauthorized, f"{endpoint} {TOKEN_REFUSED} {token_source or 'the settings'}"
    if status == 403:
        return Forbidden, f"the role of the token from {token_source or 'the settings'} does not allow this"
    if status == 404 and answer.message and not answer.is_status:
        return ApiError, f"this is not an answer of the Inference API: check the endpoint {endpoint}"
    if status == 429:
        return _throttled_or_quota(answer)
    if 300 <= status < 400:
        where = f" to {one_line(answer.location, TEXT_LIMIT)}" if answer.location else ""
        return (
            ApiError,
            f"{endpoint} redirects{where}; the token is not sent on: set the endpoint to the final address",
        )
    if answer.unparsable:
        return Refused, "the service cannot read this request; a newer version of this package may be needed"
    if status >= 500:
        return ServiceUnavailable, "the service returned a server error: try again later"
    return {404: NotFound, 409: AlreadyExists}.get(status, Refused), ""


def _throttled_or_quota(answer: ErrorAnswer) -> tuple[type[ApiError], str]:
    if answer.quota:
        return QuotaExceeded, "the quota does not allow this: ask for less or for more quota"
    return Throttled, "too many requests: try again later"


def _document(body: bytes) -> Mapping[str, Any] | None:
    if len(body) > BODY_LIMIT:
        return None
    try:
        parsed = read_json(body)
    except ValueError:
        return None
    return parsed if isinstance(parsed, Mapping) else None


def _code(document: Mapping[str, Any] | None) -> int:
    code = (document or {}).get("code")
    return code if isinstance(code, int) else 0


def _violations(detail: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """`(where, what)` of one detail, whichever of the four kinds it is; unknown kinds say nothing."""
    kind = _kind(detail)
    if kind == "BadRequest":
        return [
            (_text(v.get("field")), _text(v.get("description"))) for v in _each(detail, "fieldViolations")
        ]
    if kind == "QuotaFailure":
        return [(_text(v.get("subject")), _text(v.get("description"))) for v in _each(detail, "violations")]
    if kind == "PreconditionFailure":
        return [
            (
                _text(v.get("subject")) or _text(v.get("type")),
                _text(v.get("description")) or _text(v.get("type")),
            )
            for v in _each(detail, "violations")
        ]
    if kind == "ResourceInfo":
        where = f"{_text(detail.get('resourceType'))} {_text(detail.get('resourceName'))}".strip()
        return [(where, _text(detail.get("description")))]
    return []


def _kind(detail: Mapping[str, Any]) -> str:
    return _text(detail.get("@type")).rpartition(".")[2]


def _each(detail: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    return [member for member in _list(detail.get(key)) if isinstance(member, Mapping)]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return "" if value is None else str(value)
