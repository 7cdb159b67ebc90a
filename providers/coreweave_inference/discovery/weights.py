"""What the buckets can tell: one policy for each, one bounded listing for each model, and more where that is needed.

A model's config.json is read where a parser is given, its index and config.json where the weights may be too large.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol

from coreweave_inference.checks import BucketFacts, Folder, WeightsFile, index_among, weights_among
from coreweave_inference.errors import BucketMissing, CoreWeaveError
from coreweave_inference.storage.client import ObjectStorage, StoredObject
from coreweave_inference.storage.connection import S3Connection

LARGEST_CONFIG = 1_000_000
LARGEST_INDEX = 32_000_000
MOST_FILES = 1000
"""Objects of a model that are looked at; a listing that is cut off gives a lower bound of its size."""
CONFIG = "config.json"
MISSING = BucketFacts(policy_known=False, exists=False)


@dataclass(frozen=True)
class Wanted:
    """What is read of one model: with its config.json always, or where its weights may take more than `most` bytes."""

    path: str
    config: bool = False
    most: int | None = None


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
    store: Store, wanted: Mapping[str, Collection[Wanted]], pool: Executor
) -> tuple[dict[str, BucketFacts], tuple[str, ...]]:
    """What is known of each bucket and its models, and a note on each thing that could not be read."""
    asked = {
        bucket: pool.submit(_bucket, store, bucket, sorted(models, key=lambda model: model.path))
        for bucket, models in wanted.items()
    }
    found: dict[str, BucketFacts] = {}
    notes: list[str] = []
    for bucket, future in asked.items():
        facts, problems = future.result()
        notes.extend(problems)
        found[bucket] = facts
    return found, tuple(notes)


def _bucket(store: Store, bucket: str, models: Iterable[Wanted]) -> tuple[BucketFacts, list[str]]:
    notes: list[str] = []
    policy, known = None, True
    try:
        policy = store.policy(bucket)
    except BucketMissing:
        return MISSING, []
    except CoreWeaveError as error:
        known = False
        notes.append(f'the policy of bucket "{bucket}" could not be read: {error}')
    folders: dict[str, Folder] = {}
    for model in models:
        try:
            folders[model.path] = _folder(store, bucket, model)
        except BucketMissing:
            return MISSING, []
        except CoreWeaveError as error:
            notes.append(f'"{model.path}" in bucket "{bucket}" could not be listed: {error}')
    return BucketFacts(policy, known, folders), notes


def _folder(store: Store, bucket: str, model: Wanted) -> Folder:
    files = tuple(
        WeightsFile(item.key, item.size, item.last_modified)
        for item in islice(store.objects(bucket, model.path), MOST_FILES)
    )
    found = Folder(files, len(files) < MOST_FILES)
    total = sum(file.size for file in weights_among(files))
    may_be_too_large = model.most is not None and (total > model.most or not found.complete)
    key = f"{model.path}/{CONFIG}"
    if (model.config or may_be_too_large) and any(file.key == key for file in files):
        found = replace(found, config=_json(store, bucket, key, LARGEST_CONFIG))
    index = index_among(files) if may_be_too_large else None
    if index is None or index.size > LARGEST_INDEX:
        return found
    named = (_json(store, bucket, index.key, LARGEST_INDEX) or {}).get("weight_map")
    return (
        replace(found, indexed=frozenset(map(str, named.values()))) if isinstance(named, Mapping) else found
    )


def _json(store: Store, bucket: str, key: str, most: int) -> Mapping[str, Any] | None:
    """An object's JSON, or `None` where it cannot be read or is no JSON object."""
    try:
        found = json.loads(store.text(bucket, key, most))
    except (CoreWeaveError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
