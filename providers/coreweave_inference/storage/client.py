"""Object storage: buckets, their tags, their policies and what lies in them.

What a policy should say, and whose a bucket is, is decided elsewhere; signing and sending, in `connection`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar

from coreweave_inference.clock import Clock, system
from coreweave_inference.errors import BucketMissing, StorageError, Unreachable
from coreweave_inference.json_text import read_json
from coreweave_inference.network.limits import CutShort

from . import contents, copies, uploads
from .connection import LONGEST_PAUSE, Credentials, S3Connection
from .contents import Progress, StoredObject
from .copies import CopyPlan
from .credentials import FRESH_SECONDS
from .errors import NOT_YET, TAKEN, is_unclear, taken
from .uploads import UploadPlan, UploadProgress

VISIBLE_SECONDS = 300.0
"""How long a created bucket may take until it answers (documentation: minutes)."""
UNCLEAR_SECONDS = 30.0
"""How long a bucket whose creation failed unclearly is looked for."""
T = TypeVar("T")


@dataclass(frozen=True)
class BucketState:
    """A bucket that answers: the zone it lies in ("" where the service does not say) and its tags."""

    name: str
    zone: str
    tags: dict[str, str] = field(default_factory=dict)


class ObjectStorage:
    """Object storage with one source of keys; requests are signed for `zone`.

    A refusal of a key younger than 30 s is asked again for `patience`, since new keys need seconds. See `S3Connection` for what of
    the environment reaches it (nothing but proxies).

    Every method raises BucketMissing, AccessDenied or StorageError, and Unreachable when no answer came.
    """

    def __init__(
        self,
        endpoint: str,
        credentials: Credentials,
        zone: str,
        *,
        clock: Clock = system,
        patience: float = FRESH_SECONDS,
    ) -> None:
        self._clock = clock
        self._s3 = S3Connection(endpoint, credentials, zone, clock, patience)

    def bucket(self, name: str) -> BucketState | None:
        """The bucket, or None when there is none; one whose configuration still spreads is asked again for half a minute."""
        try:
            return self._when_visible(name, UNCLEAR_SECONDS, missing_is_final=True)
        except BucketMissing:
            return None

    def create_bucket(
        self, name: str, zone: str, tags: Mapping[str, str] | None = None, progress: Progress = lambda _: None
    ) -> BucketState:
        """Create a bucket in `zone` with one request, wait until it answers, and tag it.

        The service says yes for a bucket of ours that exists in that zone: ask `bucket` first. A creation without a
        clear answer counts when the bucket is then seen in the right zone. Raises NotOurs for a name in use.
        """
        failure = self._asked_for(name, zone)
        limit = UNCLEAR_SECONDS if failure else VISIBLE_SECONDS
        try:
            found = self._when_visible(name, limit, progress=progress)
        except BucketMissing as missing:
            raise failure or missing from None
        if found.zone and found.zone.upper() != zone.upper():
            raise taken(name, "BucketAlreadyOwnedByYou", zone)
        if tags:
            self._until(lambda: self.put_tags(name, tags), name, limit, progress)
        return BucketState(name, found.zone or zone, dict(tags or found.tags))

    def put_tags(self, name: str, tags: Mapping[str, str]) -> None:
        """Make `tags` the bucket's tags, all of them; none takes them away."""
        with self._s3.errors(name, "write its tags"):
            if tags:
                tag_set = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
                self._s3.send("put_bucket_tagging", Bucket=name, Tagging={"TagSet": tag_set})
            else:
                self._s3.send("delete_bucket_tagging", Bucket=name)

    def delete_bucket(self, name: str) -> None:
        """Delete an empty bucket; old versions and delete markers count as contents."""
        with self._s3.errors(name, "delete it"):
            self._s3.send("delete_bucket", Bucket=name)

    def empty(self, name: str, progress: Progress = lambda _: None) -> tuple[int, int]:
        """Delete all versions, delete markers and unfinished uploads; how many objects, and how many bytes."""
        with self._s3.errors(name, "empty it"):
            self._s3.warm(name)
            return contents.empty_bucket(self._s3.client, name, progress)

    def is_empty(self, name: str) -> bool:
        """Whether nothing (no version, no delete marker, no unfinished upload) keeps the bucket from deletion."""
        with self._s3.errors(name, "list it"):
            self._s3.warm(name)
            return not contents.holds_anything(self._s3.client, name)

    def names(self) -> tuple[str, ...]:
        """The buckets that the key may list."""
        with self._s3.errors("", "list the buckets"):
            return tuple(str(one.get("Name")) for one in self._s3.send("list_buckets").get("Buckets", ()))

    def age_seconds(self, name: str) -> float | None:
        """How long ago the bucket was created, both moments by the service's clock; None where it does not say."""
        with self._s3.errors(name, "list the buckets"):
            answer = self._s3.send("list_buckets")
        found = [one.get("CreationDate") for one in answer.get("Buckets", ()) if one.get("Name") == name]
        date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        if not date or not found or found[0] is None:
            return None
        created: datetime = found[0]
        return (parsedate_to_datetime(date) - created).total_seconds()

    def policy(self, name: str) -> dict[str, Any] | None:
        """The bucket's policy document, None where it has none."""
        try:
            with self._s3.errors(name, "read its policy"):
                text = self._s3.send("get_bucket_policy", Bucket=name)["Policy"]
        except StorageError as error:
            if error.code == "NoSuchBucketPolicy":
                return None
            raise
        return _parsed_policy(name, text)

    def put_policy(self, name: str, document: Mapping[str, Any]) -> None:
        """Make `document` the bucket's whole policy; one request, since a repeat could overwrite what others wrote."""
        with self._s3.errors(name, "write its policy"):
            self._s3.send("put_bucket_policy", once=True, Bucket=name, Policy=json.dumps(document))

    def delete_policy(self, name: str) -> None:
        """Take the bucket's policy away, with one request; a bucket that has none stays as it is."""
        with self._s3.errors(name, "delete its policy"):
            self._s3.send("delete_bucket_policy", once=True, Bucket=name)

    def holds_objects(self, bucket: str, prefix: str) -> bool:
        """Whether at least one object lies below the folder `prefix`; one request."""
        with self._s3.errors(bucket, f"list {prefix or 'it'}"):
            folder = contents.folder_prefix(prefix)
            page = self._s3.send("list_objects_v2", Bucket=bucket, Prefix=folder, MaxKeys=2)
            return any(found["Key"] != folder or found["Size"] for found in page.get("Contents", []))

    def objects(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        """The objects below the folder `prefix`, in the order of their keys."""
        with self._s3.errors(bucket, f"list {prefix or 'it'}"):
            self._s3.warm(bucket)
            yield from contents.listed(self._s3.client, bucket, prefix)

    def unfinished(self, bucket: str, prefix: str) -> tuple[str, ...]:
        """The keys below the folder `prefix` whose upload was begun and not completed."""
        with self._s3.errors(bucket, "list its uploads"):
            self._s3.warm(bucket)
            return contents.unfinished(self._s3.client, bucket, prefix)

    def read(self, bucket: str, key: str, start: int, size: int) -> bytes:
        """`size` bytes of an object from `start` on, fewer at its end. Raises StorageError where a server ignores ranges."""
        with self._s3.errors(bucket, f"read {key}"):
            answer = self._s3.send(
                "get_object", Bucket=bucket, Key=key, Range=f"bytes={start}-{start + size - 1}"
            )
            ignored = "ContentRange" not in answer and (start or answer.get("ContentLength", size + 1) > size)
            if ignored:
                answer["Body"].close()
                raise StorageError(f'bucket "{bucket}": cannot read {key}: the server ignores ranges')
            try:
                return self._s3.body(answer["Body"], size)
            except CutShort as cut:
                raise Unreachable(f'bucket "{bucket}": cannot read {key}: {cut}; run again') from cut

    def plan_upload(
        self, files: Mapping[str, Path], bucket: str, prefix: str, compare: Progress = lambda _: None
    ) -> UploadPlan:
        """Which of `files` (by their path below `prefix`) the bucket does not have with that content."""
        with self._s3.errors(bucket, "list it"):
            self._s3.warm(bucket)
            return uploads.plan_upload(self._s3.client, bucket, prefix, files, compare)

    def upload(self, plan: UploadPlan, progress: UploadProgress = lambda *_: None) -> None:
        """Send what a plan says; after a break, plan and send again."""
        with self._s3.errors(plan.bucket, "upload to it"):
            self._s3.warm(plan.bucket)
            uploads.send(self._s3.client, plan, progress)

    def plan_copy(self, source: tuple[str, str], target: tuple[str, str]) -> CopyPlan:
        """Which objects of a bucket's folder another one does not have with that content."""
        for bucket in dict.fromkeys((source[0], target[0])):
            with self._s3.errors(bucket, "list it"):
                self._s3.warm(bucket)
        with self._s3.errors(target[0], "compare it"):
            return copies.plan_copy(self._s3.client, source, target)

    def copy(self, plan: CopyPlan, progress: UploadProgress = lambda *_: None) -> None:
        """Copy what a plan says, on the server's side; after a break, plan and copy again."""
        with self._s3.errors(plan.bucket, f"copy to it from {plan.source_bucket}"):
            copies.copy(self._s3.client, plan, progress)

    def delete_objects(self, bucket: str, keys: Sequence[str]) -> None:
        """Delete objects by their keys."""
        with self._s3.errors(bucket, "delete objects of it"):
            contents.delete_keys(self._s3.client, bucket, keys)

    def _asked_for(self, name: str, zone: str) -> StorageError | Unreachable | None:
        """Send the one CreateBucket; None for a yes, the error where it may have worked, everything else raised."""
        configuration = {"LocationConstraint": zone}
        try:
            with self._s3.errors(name, "create it"):
                self._s3.send(
                    "create_bucket", once=True, Bucket=name, CreateBucketConfiguration=configuration
                )
        except (StorageError, Unreachable) as error:
            if isinstance(error, StorageError) and error.code in TAKEN:
                raise taken(name, error.code, zone) from error
            if not is_unclear(error):
                raise
            return error
        return None

    def _when_visible(
        self,
        name: str,
        limit: float,
        *,
        missing_is_final: bool = False,
        progress: Progress = lambda _: None,
    ) -> BucketState:
        return self._until(lambda: self._read_state(name), name, limit, progress, missing_is_final)

    def _read_state(self, name: str) -> BucketState:
        with self._s3.errors(name, "look at it"):
            self._s3.send("head_bucket", Bucket=name)
            zone = self._s3.send("get_bucket_location", Bucket=name).get("LocationConstraint") or ""
        return BucketState(name, zone, self._tags(name))

    def _tags(self, name: str) -> dict[str, str]:
        try:
            with self._s3.errors(name, "read its tags"):
                tag_set = self._s3.send("get_bucket_tagging", Bucket=name).get("TagSet", [])
        except StorageError as error:
            if error.code == "NoSuchTagSet":
                return {}
            raise
        return {tag["Key"]: tag["Value"] for tag in tag_set}

    def _until(
        self,
        act: Callable[[], T],
        name: str,
        limit: float,
        progress: Progress,
        missing_is_final: bool = False,
    ) -> T:
        """The result of `act`, repeated while the bucket's configuration spreads, for `limit` seconds."""
        started = self._clock.monotonic()
        pause = 0.5
        while True:
            try:
                return act()
            except StorageError as error:
                waited = self._clock.monotonic() - started
                final = isinstance(error, BucketMissing) and missing_is_final
                if final or not self._is_not_yet(name, error) or waited + pause > limit:
                    raise
            progress(f'bucket "{name}": waiting until it answers, {waited:.0f} s so far')
            self._clock.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def _is_not_yet(self, name: str, error: StorageError) -> bool:
        """A HEAD answers 400 without a word; the location's answer then tells a bad name from a young bucket."""
        if error.code not in ("400", "BadRequest"):
            return error.code in NOT_YET
        try:
            with self._s3.errors(name, "look at it"):
                self._s3.send("get_bucket_location", Bucket=name)
        except StorageError as named:
            if named.code not in NOT_YET:
                raise named from error
        return True


def _parsed_policy(bucket: str, text: str) -> dict[str, Any] | None:
    try:
        document = read_json(text or "null")
    except ValueError:
        document = text
    if document is not None and not isinstance(document, dict):
        raise StorageError(f'bucket "{bucket}": its policy is not a JSON object')
    return document or None
