"""What lies in a bucket: listing it, emptying it, deleting keys.

Works on an S3 client it is given. Uploads are `uploads`'; buckets themselves and their policies do not belong here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from coreweave_inference.errors import StorageError

MOST_AT_ONCE = 1000
"""Keys of one request that deletes."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class StoredObject:
    """One object of a listing; `size` in bytes."""

    key: str
    size: int
    last_modified: datetime
    etag: str = ""


def folder_prefix(prefix: str) -> str:
    """`models/a/` of `models/a`, so that `models/ab` is not meant; empty for the whole bucket."""
    bare = prefix.strip("/")
    return f"{bare}/" if bare else ""


def listed(client: Any, bucket: str, prefix: str) -> Iterator[StoredObject]:
    """The objects below `prefix`, page by page; the empty object that represents the folder itself is left out."""
    folder = folder_prefix(prefix)
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder):
        for found in page.get("Contents", []):
            if not (found["Key"] == folder and found["Size"] == 0):
                yield StoredObject(found["Key"], found["Size"], found["LastModified"], found.get("ETag", ""))


def unfinished(client: Any, bucket: str, prefix: str) -> tuple[str, ...]:
    """The keys below `prefix` whose upload in parts was begun and not completed."""
    pages = client.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, Prefix=folder_prefix(prefix)
    )
    found = (str(upload["Key"]) for page in pages for upload in page.get("Uploads", []))
    return tuple(dict.fromkeys(found))


def empty_bucket(client: Any, bucket: str, progress: Progress) -> tuple[int, int]:
    """Delete every version and delete marker and abort every unfinished upload; how many, and how many bytes."""
    for upload in _each(client, "list_multipart_uploads", bucket, "Uploads"):
        client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    count = size = 0
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        versions = page.get("Versions", [])
        doomed = [*versions, *page.get("DeleteMarkers", [])]
        if not doomed:
            continue
        _delete(client, bucket, doomed)
        count += len(doomed)
        size += sum(version.get("Size", 0) for version in versions)
        progress(f'bucket "{bucket}": {count} objects, versions and markers deleted, {size / 1e9:.1f} GB')
    return count, size


def delete_keys(client: Any, bucket: str, keys: Sequence[str]) -> None:
    """Delete the newest version of each key."""
    for start in range(0, len(keys), MOST_AT_ONCE):
        _delete(client, bucket, [{"Key": key} for key in keys[start : start + MOST_AT_ONCE]])


def holds_anything(client: Any, bucket: str) -> bool:
    """Whether a version, a delete marker or an unfinished upload keeps the bucket from being deleted."""
    page = client.list_object_versions(Bucket=bucket, MaxKeys=1)
    if page.get("Versions") or page.get("DeleteMarkers"):
        return True
    return bool(client.list_multipart_uploads(Bucket=bucket, MaxUploads=1).get("Uploads"))


def _each(client: Any, operation: str, bucket: str, key: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator(operation).paginate(Bucket=bucket):
        yield from page.get(key, [])


def _delete(client: Any, bucket: str, doomed: Iterable[dict[str, Any]]) -> None:
    targets = [{name: each[name] for name in ("Key", "VersionId") if name in each} for each in doomed]
    answer = client.delete_objects(Bucket=bucket, Delete={"Objects": targets, "Quiet": True})
    for error in answer.get("Errors", []):
        raise StorageError(
            f'bucket "{bucket}": cannot delete {error.get("Key", "an object")}: {error.get("Message", "")}',
            code=str(error.get("Code", "")),
        )
