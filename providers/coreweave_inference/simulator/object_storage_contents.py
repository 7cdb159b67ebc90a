"""What buckets hold, as data that can be kept, and the requests that put it back. No files, no HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote
from xml.sax.saxutils import escape

from .object_storage_messages import NAMESPACE, S3Request

KEPT_HEADERS = ("content-type", "content-encoding", "cache-control")
METADATA = "x-amz-meta-"


@dataclass
class KeptObject:
    """The newest version of an object; `content` names what it holds: equal names, equal bytes. `modified` as HTTP has it."""

    key: str
    content: str
    modified: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class KeptBucket:
    """A bucket; `created` in simulated epoch seconds, `policy` as it was put."""

    name: str
    organisation: str
    zone: str
    created: float
    policy: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    objects: list[KeptObject] = field(default_factory=list)


def kept_object(key: str, answer: Mapping[str, str]) -> KeptObject:
    """An object, by the headers of its HEAD."""
    headers = {name.lower(): value for name, value in answer.items()}
    content = f"{headers['etag'].strip(chr(34))}-{headers['content-length']}"
    shown = {
        name: value for name, value in headers.items() if name in KEPT_HEADERS or name.startswith(METADATA)
    }
    return KeptObject(key, content, headers["last-modified"], shown)


def creation(name: str) -> S3Request:
    """CreateBucket."""
    return request("PUT", f"/{name}")


def tagging(bucket: KeptBucket) -> Iterator[S3Request]:
    """PutBucketTagging, where it has tags."""
    if bucket.tags:
        entries = "".join(
            f"<Tag><Key>{escape(key)}</Key><Value>{escape(value)}</Value></Tag>"
            for key, value in bucket.tags.items()
        )
        body = f'<Tagging xmlns="{NAMESPACE}"><TagSet>{entries}</TagSet></Tagging>'
        yield request("PUT", f"/{bucket.name}", "tagging", body.encode())


def request(
    method: str, path: str, query: str = "", body: bytes = b"", headers: Mapping[str, str] | None = None
) -> S3Request:
    """A request as the backend takes it."""
    return S3Request(method, quote(path), query, dict(headers or {}), body)
