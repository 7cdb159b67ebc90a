"""Files into a bucket: which of them it has already, and sending the others, large ones in parts.

Works on an S3 client it is given. Which files a folder has is `weights_folder`'s; buckets do not belong here.
"""

from __future__ import annotations

import hashlib
import threading
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coreweave_inference.errors import StorageError

from .contents import StoredObject, folder_prefix, listed

MIB = 1024 * 1024
PART = 64 * MIB
"""The service publishes a minimum of 15 MiB for a part and advises 50 or more."""
MOST_PARTS = 10_000
OTHER_PARTS = tuple(size * MIB for size in (5, 8, 15, 16, 32, 50, 100, 128, 256, 512))
"""Parts that other tools send: the ETag of such an object can be computed as well."""
AT_ONCE = 4
"""Requests that run side by side; each holds one part in memory."""

UploadProgress = Callable[[str, int, int], None]
"""Called with the key, the bytes sent so far of all files, and the bytes of all files."""


@dataclass(frozen=True)
class FileToSend:
    """A file, the key it gets, and its size and time of change (ns) when it was read."""

    path: Path
    key: str
    size: int
    changed: int


@dataclass(frozen=True)
class UploadPlan:
    """What an upload would do: files to send, keys the bucket has with the same content, keys of no file here."""

    bucket: str
    send: tuple[FileToSend, ...] = ()
    there: tuple[str, ...] = ()
    extra: tuple[StoredObject, ...] = ()

    @property
    def bytes(self) -> int:
        """Bytes to send."""
        return sum(file.size for file in self.send)


def plan_upload(
    client: Any, bucket: str, prefix: str, files: Mapping[str, Path], compare: Callable[[str], None]
) -> UploadPlan:
    """Compare `files` (by their path below the prefix) with the bucket by content; `compare` is called with each key read."""
    stored = {found.key: found for found in listed(client, bucket, prefix)}
    send, there = [], []
    for name, path in files.items():
        key = folder_prefix(prefix) + name
        status = path.stat()
        file = FileToSend(path, key, status.st_size, status.st_mtime_ns)
        known = stored.pop(key, None)
        if known is not None and known.size == file.size:
            compare(key)
            if has_etag(path, file.size, known.etag):
                there.append(key)
                continue
        send.append(file)
    return UploadPlan(bucket, tuple(send), tuple(there), tuple(stored.values()))


def has_etag(path: Path, size: int, etag: str) -> bool:
    """Whether the file has the content that an ETag tells: an MD5, or one of the MD5s of parts of a usual size."""
    digest, _, count = etag.strip('"').partition("-")
    if not count:
        return _md5s(path, [size or 1])[0][0] == digest
    sizes = [
        part for part in dict.fromkeys((part_size(size), *OTHER_PARTS)) if str(-(-size // part)) == count
    ]
    return any(_of_parts(parts) == f"{digest}-{count}" for parts in _md5s(path, sizes))


def part_size(size: int) -> int:
    """Bytes of a part of a file of `size` bytes."""
    part = PART
    while part * MOST_PARTS < size:
        part *= 2
    return part


def send(client: Any, plan: UploadPlan, progress: UploadProgress) -> None:
    """Send the plan's files. Parts that an earlier, interrupted upload left in the bucket are not sent again.

    Raises StorageError for a file that cannot be read or that changes meanwhile.
    """
    count = Sent(plan.bytes, progress)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        small = [file for file in plan.send if file.size <= PART]
        each(pool, lambda file: _send_whole(client, plan.bucket, file, count), small)
        for file in plan.send:
            if file.size > PART:
                _send_in_parts(client, plan.bucket, file, count, pool)


class Sent:
    """Adds up the bytes that were sent, for whoever shows it."""

    def __init__(self, total: int, progress: UploadProgress) -> None:
        self._total = total
        self._progress = progress
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, key: str, amount: int) -> None:
        """So many more bytes of an object."""
        with self._lock:
            self._bytes += amount
            self._progress(key, self._bytes, self._total)


def each(pool: Executor, act: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """What `act` returns for each item, in their order; raises the first error, and begins nothing after it."""
    futures = [pool.submit(act, item) for item in items]
    try:
        return [future.result() for future in futures]
    finally:
        for future in futures:
            future.cancel()


def _send_whole(client: Any, bucket: str, file: FileToSend, sent: Sent) -> None:
    body = _read(file, 0, file.size)
    _require_unchanged(file)
    client.put_object(Bucket=bucket, Key=file.key, Body=body, ContentMD5=_content_md5(body))
    sent.add(file.key, file.size)


def _send_in_parts(client: Any, bucket: str, file: FileToSend, sent: Sent, pool: Executor) -> None:
    part = part_size(file.size)
    upload, there = _begun(client, bucket, file.key)

    def one(number: int) -> dict[str, Any]:
        body = _read(file, (number - 1) * part, part)
        digest = _md5(body).hexdigest()
        etag = f'"{digest}"'
        if there.get(number) != digest:
            answer = client.upload_part(
                Bucket=bucket,
                Key=file.key,
                UploadId=upload,
                PartNumber=number,
                Body=body,
                ContentMD5=_content_md5(body),
            )
            etag = answer["ETag"]
        sent.add(file.key, len(body))
        return {"PartNumber": number, "ETag": etag}

    parts = each(pool, one, range(1, -(-file.size // part) + 1))
    _require_unchanged(file)
    client.complete_multipart_upload(
        Bucket=bucket, Key=file.key, UploadId=upload, MultipartUpload={"Parts": parts}
    )


def _begun(client: Any, bucket: str, key: str) -> tuple[str, dict[int, str]]:
    """The id of an unfinished upload of the key and the MD5s of its parts by number; else that of a new one."""
    from botocore.exceptions import ClientError

    try:
        pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=key)
        found = [upload for page in pages for upload in page.get("Uploads", []) if upload["Key"] == key]
        if found:
            upload = str(max(found, key=lambda one: one["Initiated"])["UploadId"])
            parts = client.get_paginator("list_parts").paginate(Bucket=bucket, Key=key, UploadId=upload)
            there = {
                one["PartNumber"]: one["ETag"].strip('"') for page in parts for one in page.get("Parts", [])
            }
            return upload, there
    except ClientError:
        pass  # A key that may write and not list uploads begins anew.
    return str(client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]), {}


def _read(file: FileToSend, start: int, length: int) -> bytes:
    try:
        with file.path.open("rb") as opened:
            opened.seek(start)
            body = opened.read(length)
    except OSError as error:
        raise StorageError(f"{file.path} cannot be read: {error.strerror}") from error
    if len(body) != min(length, file.size - start):
        raise _changed(file)
    return body


def _require_unchanged(file: FileToSend) -> None:
    status = file.path.stat()
    if (status.st_size, status.st_mtime_ns) != (file.size, file.changed):
        raise _changed(file)


def _changed(file: FileToSend) -> StorageError:
    return StorageError(f"{file.path} was changed while it was sent; push again when nothing writes it")


def _md5s(path: Path, sizes: Sequence[int]) -> list[list[str]]:
    """The MD5s of a file's parts, for each size of a part; the file is read once."""
    digests = [_Parts(size) for size in sizes]
    if digests:
        try:
            with path.open("rb") as opened:
                while block := opened.read(MIB):
                    for each in digests:
                        each.add(block)
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    return [each.finished() for each in digests]


class _Parts:
    """The MD5s of parts of `size` bytes, of a content that comes in blocks no part ends within."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left = size
        self._current = _md5()
        self._done: list[str] = []

    def add(self, block: bytes) -> None:
        self._current.update(block)
        self._left -= len(block)
        if self._left <= 0:
            self._close()

    def finished(self) -> list[str]:
        if self._left < self._size or not self._done:
            self._close()
        return self._done

    def _close(self) -> None:
        self._done.append(self._current.hexdigest())
        self._current, self._left = _md5(), self._size


def _of_parts(digests: Sequence[str]) -> str:
    return f"{_md5(bytes.fromhex(''.join(digests))).hexdigest()}-{len(digests)}"


def _content_md5(body: bytes) -> str:
    return b64encode(_md5(body).digest()).decode()


def _md5(body: bytes = b"") -> Any:
    return hashlib.md5(body, usedforsecurity=False)  # what S3 calls an ETag; no secret depends on it
