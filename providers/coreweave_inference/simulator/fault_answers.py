"""The answers that faults make up or change. Pure: an answer goes in, an answer comes out."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.responses import Response

from .error_answers import Refused, not_found, over_quota
from .faults import Fault
from .resource_kinds import KINDS

SKEWED = (
    "<?xml version='1.0' encoding='UTF-8'?><Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the "
    "request time and the current time is too large.</Message></Error>"
)
"""Object storage's answer to a signature of another time."""
HTML = "<html><head><title>Error</title></head><body><h1>upstream request failed</h1></body></html>"
CODES = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 429: 8, 500: 13, 501: 12, 502: 14, 503: 14, 504: 4}


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def with_body(self, body: bytes) -> Answer:
        """The same answer with another body, with its true length."""
        headers = [(name, value) for name, value in self.headers if name != b"content-length"]
        return replace(self, headers=[*headers, (b"content-length", str(len(body)).encode())], body=body)


def made_up_answer(fault: Fault, path: str, query: str) -> Answer:
    """The answer to a request that is not handled: a status with its body, or a redirect."""
    if fault.action == "redirect":
        target = f"{fault.location.rstrip('/')}{path}{'?' if query else ''}{query}"
        response = Response(status_code=307, headers={"location": target})
    elif fault.body == "status":
        code = CODES.get(fault.status, 2)
        response = Refused(fault.status, code, f"status {fault.status}: set to fail").response()
    elif fault.body == "quota":
        quota = over_quota("US-EAST-04A", 1, 0, 0)
        response = Refused(fault.status, quota.code, quota.message, quota.details).response()
    elif fault.body == "skewed":
        response = Response(SKEWED, fault.status, media_type="application/xml")
    else:
        response = Response(HTML if fault.body == "html" else "", fault.status, media_type="text/html")
    response.headers.update(fault.headers)
    return Answer(response.status_code, list(response.raw_headers), bytes(response.body))


def changed_answer(fault: Fault, answer: Answer) -> Answer:
    """The answer after the fault: cut, or with lists, enums or fields changed; one that is no JSON stays."""
    if fault.action == "truncate":
        return answer.with_body(answer.body[: len(answer.body) // 2])
    try:
        value = json.loads(answer.body)
    except ValueError:
        return answer
    changes: dict[str, Callable[[Any], Any]] = {
        "reorder": _reversed_lists,
        "rename-enums": lambda found: _renamed(found, fault.names),
        "add-fields": lambda found: _with_fields(found, fault.fields),
    }
    changed = changes[fault.action](value)
    return answer.with_body(json.dumps(changed, separators=(",", ":")).encode())


def without_hidden(answer: Answer, hidden: Callable[[str], bool]) -> Answer:
    """The answer to a LIST without the objects whose ids are `hidden`, or a 404 for the answer to a GET of one."""
    found = _document(answer)
    for kind in KINDS.values():
        if kind.envelope in found and hidden(object_id := found[kind.envelope]["spec"]["id"]):
            response = not_found(kind.resource_type, object_id).response()
            return Answer(response.status_code, list(response.raw_headers), bytes(response.body))
        if kind.list_key in found:
            shown = [item for item in found[kind.list_key] if not hidden(item["spec"]["id"])]
            return answer.with_body(json.dumps({kind.list_key: shown} if shown else {}).encode())
    return answer


def with_another_object(answer: Answer, listed: Answer) -> Answer:
    """The answer to a POST with another object of `listed`, the answer to a LIST; as it is where there is none."""
    made = _document(answer)
    for kind in KINDS.values():
        if kind.envelope in made:
            own = made[kind.envelope]["spec"]["id"]
            others = [item for item in json.loads(listed.body)[kind.list_key] if item["spec"]["id"] != own]
            return answer.with_body(json.dumps({kind.envelope: others[0]}).encode()) if others else answer
    return answer


def _document(answer: Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if answer.status == 200 and isinstance(found, dict) else {}


def packed_white_space(megabytes: int) -> bytes:
    """So many MiB of spaces, gzipped: a thousandth of their size."""
    packer = zlib.compressobj(1, wbits=zlib.MAX_WBITS | 16)
    parts = [packer.compress(b" " * 2**20) for _ in range(megabytes)]
    return b"".join([*parts, packer.flush()])


def _reversed_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed_lists(item) for key, item in value.items()}
    return [_reversed_lists(item) for item in reversed(value)] if isinstance(value, list) else value


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def _with_fields(value: Any, fields: Mapping[str, Any]) -> Any:
    """Add the fields to the answer, to each of its objects, and to each object's spec and status."""
    if isinstance(value, list):
        return [_with_fields(item, fields) for item in value]
    if not isinstance(value, dict):
        return value
    inside = {"spec", "status", "deployment", "gateway", "capacityClaim", "items", "capacityClaims"}
    deep = {key: _with_fields(item, fields) if key in inside else item for key, item in value.items()}
    return {**deep, **fields}
