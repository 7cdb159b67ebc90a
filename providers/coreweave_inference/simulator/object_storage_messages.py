"""S3 requests and answers as values: what was asked, what is said back, how an error looks.

Forms only: nothing about keys' validity, bucket rules or where objects are kept may enter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass(frozen=True)
class S3Request:
    """A path-style request. `raw_path` and `query_string` are still encoded; header names are in lower case."""

    method: str
    raw_path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def bucket(self) -> str:
        """The bucket's name, empty where the request is about the service."""
        return unquote(self.raw_path.lstrip("/").partition("/")[0])

    @cached_property
    def key(self) -> str:
        """The object's key, empty where the request is about the bucket."""
        return unquote(self.raw_path.lstrip("/").partition("/")[2])

    @cached_property
    def query(self) -> dict[str, str]:
        """Query parameters, those without a value (sub-resources) included."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))


@dataclass(frozen=True)
class S3Answer:
    """Status, headers and body to send."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """A request that ends in an S3 error: HTTP status, error code, sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message

    def answer(self, request: S3Request) -> S3Answer:
        """The error as XML; an answer to HEAD has no body, so only the status is seen there."""
        if request.method == "HEAD":
            return S3Answer(self.status, headers={"content-type": "application/xml"})
        resource = escape(unquote(request.raw_path))
        inner = f"<Code>{self.code}</Code><Message>{escape(self.message)}</Message><Resource>{resource}</Resource>"
        return xml_answer(f"<Error>{inner}</Error>", self.status)


def xml_answer(document: str, status: int = 200) -> S3Answer:
    """An answer with an XML document, its declaration put in front."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{document}'
    return S3Answer(status, body.encode(), {"content-type": "application/xml"})


def access_denied(message: str = "Access Denied") -> Refused:
    """The error for whoever may not do this."""
    return Refused(403, "AccessDenied", message)
