"""What lies in a bucket: listing it, emptying it, uploading a folder.

Works on an S3 client it is given; boto3 is imported here alone, for uploads in parts. Buckets themselves and their
policies do not belong here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from .errors import StorageError

NOT_WEIGHTS = frozenset({".git", ".cache"})
"""Folders that downloads of models leave beside the weights; they are as large as these and are not uploaded."""

Progress = Callable[[str], None]
UploadProgress = Callable[[str, int, int], None]
"""Called with the key, the bytes sent so far of all files, and the bytes of all files."""


@dataclass(frozen=True)
class StoredObject:
    """One object of a listing; `size` in bytes."""

    key: str
    size: int
    last_modified: datetime


@dataclass(frozen=True)
class Uploaded:
    """What an upload did: files and bytes sent, and files left out since the bucket has them already."""

    count: int
    bytes: int
    skipped: int


def folder_prefix(prefix: str) -> str:
    """`models/a/` of `models/a`, so that `models/ab` is not meant; empty for the whole bucket."""
    bare = prefix.strip("/")
    return f"{bare}/" if bare else ""


def listed(client: Any, bucket: str, prefix: str) -> Iterator[StoredObject]:
    """The objects below `prefix`, page by page; the empty object that stands for the folder itself is left out."""
    folder = folder_prefix(prefix)
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder):
        for found in page.get("Contents", []):
            if not (found["Key"] == folder and found["Size"] == 0):
                yield StoredObject(found["Key"], found["Size"], found["LastModified"])


def emptied(client: Any, bucket: str, progress: Progress) -> tuple[int, int]:
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


def holds_anything(client: Any, bucket: str) -> bool:
    """Whether a version, a delete marker or an unfinished upload keeps the bucket from being deleted."""
    page = client.list_object_versions(Bucket=bucket, MaxKeys=1)
    if page.get("Versions") or page.get("DeleteMarkers"):
        return True
    return bool(client.list_multipart_uploads(Bucket=bucket, MaxUploads=1).get("Uploads"))


def uploaded(client: Any, folder: Path, bucket: str, prefix: str, progress: UploadProgress) -> Uploaded:
    """Send the files of `folder` that the bucket does not have, in parts and in parallel where they are large.

    A file is there already when an object of its key has its size and is younger. Raises StorageError for a folder
    without files, and for a file that cannot be sent.
    """
    from boto3.exceptions import Boto3Error
    from boto3.s3.transfer import S3Transfer

    files = sorted(_files(folder))
    if not files:
        raise StorageError(f"{folder} holds no files to upload")
    there = {stored.key: stored for stored in listed(client, bucket, prefix)}
    wanted = {folder_prefix(prefix) + path.relative_to(folder).as_posix(): path for path in files}
    missing = {key: path for key, path in wanted.items() if not _is_there(path, there.get(key))}
    total = sum(path.stat().st_size for path in missing.values())
    sent = _Sent(total, progress)
    with S3Transfer(client) as transfer:
        for key, path in missing.items():
            try:
                transfer.upload_file(str(path), bucket, key, callback=sent.of(key))
            except Boto3Error as error:
                raise StorageError(f'bucket "{bucket}": cannot upload {path}: {error}') from error
    return Uploaded(len(missing), total, len(files) - len(missing))


class _Sent:
    """Adds up the bytes that the transfer's threads report."""

    def __init__(self, total: int, progress: UploadProgress) -> None:
        self._total = total
        self._progress = progress
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, key: str) -> Callable[[int], None]:
        def add(amount: int) -> None:
            with self._lock:
                self._bytes += amount
                self._progress(key, self._bytes, self._total)

        return add


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in NOT_WEIGHTS]
        yield from (Path(parent) / name for name in names)


def _is_there(path: Path, stored: StoredObject | None) -> bool:
    status = path.stat()
    return (
        stored is not None
        and stored.size == status.st_size
        and stored.last_modified.timestamp() >= int(status.st_mtime)
    )


def _each(client: Any, operation: str, bucket: str, key: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator(operation).paginate(Bucket=bucket):
        yield from page.get(key, [])


def _delete(client: Any, bucket: str, doomed: Iterable[dict[str, Any]]) -> None:
    targets = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in doomed]
    answer = client.delete_objects(Bucket=bucket, Delete={"Objects": targets, "Quiet": True})
    for error in answer.get("Errors", []):
        raise StorageError(
            f'bucket "{bucket}": cannot delete {error.get("Key", "an object")}: {error.get("Message", "")}',
            code=str(error.get("Code", "")),
        )
