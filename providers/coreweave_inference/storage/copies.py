"""Objects from one folder of buckets to another, on the server's side, with the same content under the same ETag.

An object of up to 5 GiB takes one request, a larger one is copied in parts. Parts have the size that the source's had, so
that its ETag tells afterwards that both are the same. Works on an S3 client it is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from coreweave_inference.errors import StorageError

from .contents import StoredObject, folder_prefix, listed
from .uploads import AT_ONCE, MIB, OTHER_PARTS, Sent, UploadProgress, each, part_size

LARGEST_AT_ONCE = 5 * 1024 * MIB
"""Bytes of an object that one request copies."""
LEAST_PART = 15 * MIB
"""The service publishes this as the least for a part."""


@dataclass(frozen=True)
class ObjectToCopy:
    """An object, and the key that its copy gets."""

    source: StoredObject
    key: str


@dataclass(frozen=True)
class CopyPlan:
    """What a copy would do: objects to copy, keys whose content is there already, those that differ, and those beside."""

    source_bucket: str
    bucket: str
    copy: tuple[ObjectToCopy, ...] = ()
    there: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """Bytes to copy."""
        return sum(one.source.size for one in self.copy)


def plan_copy(client: Any, source: tuple[str, str], target: tuple[str, str]) -> CopyPlan:
    """Compare the objects below two folders, each a bucket and a path, by content."""
    start = len(folder_prefix(source[1]))
    there = {found.key: found for found in listed(client, *target)}
    copy, same, different = [], [], []
    for found in listed(client, *source):
        key = folder_prefix(target[1]) + found.key[start:]
        known = there.pop(key, None)
        if known is not None and (known.size, known.etag) == (found.size, found.etag):
            same.append(key)
            continue
        if known is not None:
            different.append(key)
        copy.append(ObjectToCopy(found, key))
    return CopyPlan(source[0], target[0], tuple(copy), tuple(same), tuple(different), tuple(there))


def copy(client: Any, plan: CopyPlan, progress: UploadProgress) -> None:
    """Copy what the plan says. An object that changed since the plan was made is refused by the server.

    Raises StorageError where a copy has another size than its source.
    """
    count = Sent(plan.bytes, progress)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        small = [one for one in plan.copy if _parts(one.source) is None]
        each(pool, lambda one: _whole(client, plan, one, count), small)
        for one in plan.copy:
            part = _parts(one.source)
            if part is not None:
                _in_parts(client, plan, one, part, pool, count)


def _parts(source: StoredObject) -> int | None:
    """The size of parts to copy an object in; None where one request does it, under the same ETag."""
    _, _, count = source.etag.strip('"').partition("-")
    if not count:
        return part_size(source.size) if source.size > LARGEST_AT_ONCE else None
    sizes = (part_size(source.size), *sorted(OTHER_PARTS, reverse=True))
    fitting = [size for size in sizes if str(-(-source.size // size)) == count and size >= LEAST_PART]
    if fitting:
        return fitting[0]
    return part_size(source.size) if source.size > LARGEST_AT_ONCE else None


def _whole(client: Any, plan: CopyPlan, one: ObjectToCopy, sent: Sent) -> None:
    client.copy_object(
        Bucket=plan.bucket,
        Key=one.key,
        CopySource=_source(plan, one),
        CopySourceIfMatch=one.source.etag,
    )
    sent.add(one.key, one.source.size)


def _in_parts(
    client: Any, plan: CopyPlan, one: ObjectToCopy, part: int, pool: ThreadPoolExecutor, sent: Sent
) -> None:
    upload = client.create_multipart_upload(Bucket=plan.bucket, Key=one.key)["UploadId"]

    def copied(numbered: tuple[int, int, int]) -> dict[str, Any]:
        number, start, end = numbered
        answer = client.upload_part_copy(
            Bucket=plan.bucket,
            Key=one.key,
            UploadId=upload,
            PartNumber=number,
            CopySource=_source(plan, one),
            CopySourceIfMatch=one.source.etag,
            CopySourceRange=f"bytes={start}-{end}",
        )
        sent.add(one.key, end - start + 1)
        return {"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]}

    try:
        parts = each(pool, copied, _ranges(one.source.size, part))
        client.complete_multipart_upload(
            Bucket=plan.bucket, Key=one.key, UploadId=upload, MultipartUpload={"Parts": parts}
        )
    except BaseException:
        with suppress(Exception):  # What stopped the copy is what the user has to know.
            client.abort_multipart_upload(Bucket=plan.bucket, Key=one.key, UploadId=upload)
        raise
    size = client.head_object(Bucket=plan.bucket, Key=one.key)["ContentLength"]
    if size != one.source.size:
        raise StorageError(
            f'bucket "{plan.bucket}": the copy {one.key} has {size} bytes, its source {one.source.size}; copy again with '
            "--overwrite"
        )


def _ranges(size: int, part: int) -> Iterator[tuple[int, int, int]]:
    """Number, first and last byte of each part."""
    for number, start in enumerate(range(0, size, part), 1):
        yield number, start, min(start + part, size) - 1


def _source(plan: CopyPlan, one: ObjectToCopy) -> dict[str, str]:
    return {"Bucket": plan.source_bucket, "Key": one.source.key}
