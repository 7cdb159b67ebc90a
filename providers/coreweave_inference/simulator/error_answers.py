"""The answers that are no success: their statuses, codes, words and detail messages. When to refuse is not decided here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import PlainTextResponse, Response

TYPE_PREFIX = "type.googleapis.com/google.rpc."
Detail = dict[str, Any]


@dataclass(eq=False)
class Refused(Exception):
    """A request that is answered with a google.rpc.Status; `bare` leaves `details` out, as a strict parser does."""

    http: int
    code: int
    message: str
    details: Sequence[Detail] = field(default_factory=list)
    bare: bool = False
    content_type: str = "application/json"

    def response(self) -> Response:
        """The HTTP answer."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if not self.bare:
            body["details"] = list(self.details)
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        return Response(text, self.http, headers={"content-type": self.content_type})


@dataclass(eq=False)
class RefusedAsText(Exception):
    """A request that never reaches the API: the answer is plain text, not JSON."""

    http: int
    text: str

    def response(self) -> Response:
        """The HTTP answer."""
        return PlainTextResponse(self.text, self.http)


def no_such_path() -> RefusedAsText:
    """An unknown path."""
    return RefusedAsText(404, "Not Found\n")


def wrong_method() -> RefusedAsText:
    """A known path, asked with a method that it does not have."""
    return RefusedAsText(405, "Method Not Allowed\n")


def wrong_content_type() -> RefusedAsText:
    """A body in another form than JSON."""
    return RefusedAsText(415, "Unsupported Media Type\n")


def invalid(violations: Sequence[tuple[str, str]]) -> Refused:
    """Fields that break a rule: the path and the rule's words of each."""
    lines = [f"{path}: {text}" for path, text in violations]
    several = "".join(f"\n - {line}" for line in lines)
    message = f"validation error: {lines[0]}" if len(lines) == 1 else f"validation errors:{several}"
    fields = [
        {"field": path, "description": text, "reason": "", "localizedMessage": None}
        for path, text in violations
    ]
    return Refused(400, 3, message, [{"@type": f"{TYPE_PREFIX}BadRequest", "fieldViolations": fields}])


def unknown_token() -> Refused:
    """No token, or none that is known."""
    return Refused(401, 16, "missing or unknown API token")


def not_permitted(action: str) -> Refused:
    """A known token whose role does not allow the action."""
    return Refused(403, 7, f"permission denied: a read-only token may not {action}")


def not_found(resource_type: str, object_id: str) -> Refused:
    """No such object in the caller's organisation."""
    text = f"{resource_type} '{object_id}' not found"
    return Refused(404, 5, text, [_resource(resource_type, object_id, text)])


def in_use(resource_type: str, what: str, value: str, holder: str) -> Refused:
    """The id or the name (`what`) is held by another object."""
    text = f"{resource_type} '{value}' already exists: the {what} is in use by {holder}"
    return Refused(409, 6, text, [_resource(resource_type, value, text)])


def _resource(resource_type: str, name: str, description: str) -> Detail:
    return {
        "@type": f"{TYPE_PREFIX}ResourceInfo",
        "resourceType": resource_type,
        "resourceName": name,
        "owner": "",
        "description": description,
    }


def precondition(violation_type: str, subject: str, description: str) -> Refused:
    """The object's state, or what depends on it, does not allow the request."""
    violation = {"type": violation_type, "subject": subject, "description": description}
    detail = {"@type": f"{TYPE_PREFIX}PreconditionFailure", "violations": [violation]}
    return Refused(400, 9, description, [detail])


def over_quota(zone: str, asked: int, used: int, limit: int) -> Refused:
    """More instances than the organisation may claim in the zone."""
    text = f"{asked} instances asked for, {used} of {limit} in use in zone {zone}"
    violation = {"subject": f"zones/{zone}", "description": text}
    detail = {"@type": f"{TYPE_PREFIX}QuotaFailure", "violations": [violation]}
    return Refused(429, 8, f"quota exceeded: {text}", [detail])


def unavailable(text: str) -> Refused:
    """The service cannot answer now."""
    return Refused(503, 14, text)


def unknown(text: str) -> Refused:
    """The gateway in front of the API could not make sense of the request: an internal error by its status."""
    return Refused(500, 2, text)
