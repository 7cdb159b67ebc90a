"""What the buckets can tell: one policy for each, one bounded listing for each model, and a config.json where it is needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from itertools import islice
from typing import Any, Protocol

from coreweave_inference.checks import BucketFacts, Folder, WeightsFile
from coreweave_inference.errors import BucketMissing, CoreWeaveError
from coreweave_inference.s3_connection import S3Connection
from coreweave_inference.storage import ObjectStorage, StoredObject

LARGEST_CONFIG = 1_000_000
MOST_FILES = 1000
"""Objects of a model that are looked at; a listing that is cut off gives a lower bound of its size."""
CONFIG = "config.json"


class Store(Protocol):
    """The three reads that are made."""

    def policy(self, name: str) -> dict[str, Any] | None:
        """A bucket's policy document."""
        ...

    def objects(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        """The objects below a folder."""
        ...

    def text(self, bucket: str, key: str, most_bytes: int) -> bytes:
        """The beginning of an object."""
        ...


class BucketReader:
    """Object storage with the one read more that checks need. Raises what ObjectStorage raises."""

    def __init__(self, storage: ObjectStorage, connect: Callable[[], S3Connection]) -> None:
        self._storage = storage
        self._connect = connect

    def policy(self, name: str) -> dict[str, Any] | None:
        """A bucket's policy document."""
        return self._storage.policy(name)

    def objects(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        """The objects below a folder."""
        return self._storage.objects(bucket, prefix)

    def text(self, bucket: str, key: str, most_bytes: int) -> bytes:
        """The first bytes of an object."""
        connection = self._connect()
        with connection.errors(bucket, f"read {key}"):
            answer = connection.send("get_object", Bucket=bucket, Key=key)
            body: bytes = answer["Body"].read(most_bytes)
            return body


def stores(
    store: Store,
    paths: Mapping[str, Collection[str]],
    with_config: Collection[tuple[str, str]],
    pool: Executor,
) -> tuple[dict[str, BucketFacts], tuple[str, ...]]:
    """What is known of each bucket and its model paths, and a note on each thing that could not be read.

    A bucket that does not exist is left out: the run may be about to make it.
    """
    asked = {
        bucket: pool.submit(_bucket, store, bucket, sorted(wanted), with_config)
        for bucket, wanted in paths.items()
    }
    found: dict[str, BucketFacts] = {}
    notes: list[str] = []
    for bucket, future in asked.items():
        facts, problems = future.result()
        notes.extend(problems)
        if facts is not None:
            found[bucket] = facts
    return found, tuple(notes)


def _bucket(
    store: Store, bucket: str, paths: Iterable[str], with_config: Collection[tuple[str, str]]
) -> tuple[BucketFacts | None, list[str]]:
    notes: list[str] = []
    policy, known = None, True
    try:
        policy = store.policy(bucket)
    except BucketMissing:
        return None, []
    except CoreWeaveError as error:
        known = False
        notes.append(f'the policy of bucket "{bucket}" could not be read: {error}')
    folders: dict[str, Folder] = {}
    for path in paths:
        try:
            folders[path] = _folder(store, bucket, path, with_config=(bucket, path) in with_config)
        except BucketMissing:
            return None, []
        except CoreWeaveError as error:
            notes.append(f'"{path}" in bucket "{bucket}" could not be listed: {error}')
    return BucketFacts(policy, known, folders), notes


def _folder(store: Store, bucket: str, path: str, *, with_config: bool) -> Folder:
    found = tuple(
        WeightsFile(item.key, item.size, item.last_modified)
        for item in islice(store.objects(bucket, path), MOST_FILES)
    )
    key = f"{path}/{CONFIG}"
    has_config = with_config and any(file.key == key for file in found)
    return Folder(found, len(found) < MOST_FILES, _config(store, bucket, key) if has_config else None)


def _config(store: Store, bucket: str, key: str) -> Mapping[str, Any] | None:
    """The model's config.json, or `None` where it cannot be read or is no JSON object."""
    try:
        config = json.loads(store.text(bucket, key, LARGEST_CONFIG))
    except (CoreWeaveError, ValueError, RecursionError):
        return None
    return config if isinstance(config, dict) else None
