"""Multi-object deletes in which some objects may not be deleted: the rest is, and the answer names those refused.

XML of DeleteObjects only; who may delete what is asked through a function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from .object_storage_messages import NAMESPACE, Refused, S3Answer, S3Request, xml_answer

_EMPTY_RESULT = f'<DeleteResult xmlns="{NAMESPACE}"></DeleteResult>'
_BODY_HEADERS = ("content-md5", "x-amz-content-sha256", "x-amz-sdk-checksum-algorithm")


@dataclass(frozen=True)
class ObjectToDelete:
    """One `Object` element."""

    key: str
    version_id: str | None


def delete_objects(
    request: S3Request,
    allowed: Callable[[ObjectToDelete], bool],
    forward: Callable[[S3Request], S3Answer],
) -> S3Answer:
    """Delete what is allowed through `forward`; every other object becomes an AccessDenied in a 200 answer."""
    document = _parse(request.body)
    entries = [_read(element) for element in document.findall("{*}Object")]
    refused = [entry for entry in entries if not allowed(entry)]
    if not refused:
        return forward(request)
    left = [entry for entry in entries if entry not in refused]
    if not left:
        return _with_errors(xml_answer(_EMPTY_RESULT), refused)
    return _with_errors(forward(_with_body(request, _document(left, document.findtext("{*}Quiet")))), refused)


def _parse(body: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise Refused(400, "MalformedXML", f"Delete is not XML: {error}") from error


def _read(element: ElementTree.Element) -> ObjectToDelete:
    key = element.findtext("{*}Key")
    if not key:
        raise Refused(400, "MalformedXML", "An Object has no Key.")
    return ObjectToDelete(key, element.findtext("{*}VersionId"))


def _document(entries: list[ObjectToDelete], quiet: str | None) -> bytes:
    objects = "".join(f"<Object>{_identity(entry)}</Object>" for entry in entries)
    mode = f"<Quiet>{escape(quiet)}</Quiet>" if quiet else ""
    return f'<Delete xmlns="{NAMESPACE}">{objects}{mode}</Delete>'.encode()


def _identity(entry: ObjectToDelete) -> str:
    version = f"<VersionId>{escape(entry.version_id)}</VersionId>" if entry.version_id else ""
    return f"<Key>{escape(entry.key)}</Key>{version}"


def _with_body(request: S3Request, body: bytes) -> S3Request:
    """The request with another body; what was computed from the old one goes."""
    headers = {
        name: value
        for name, value in request.headers.items()
        if name not in _BODY_HEADERS and not name.startswith("x-amz-checksum-")
    }
    return replace(request, body=body, headers=headers)


def _with_errors(answer: S3Answer, refused: list[ObjectToDelete]) -> S3Answer:
    errors = "".join(_error(each) for each in refused)
    body = answer.body.decode().replace("</DeleteResult>", f"{errors}</DeleteResult>")
    headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
    return S3Answer(answer.status, body.encode(), headers)


def _error(entry: ObjectToDelete) -> str:
    return f"<Error>{_identity(entry)}<Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
