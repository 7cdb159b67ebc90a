"""What the buckets can tell: one policy for each, and of each model what the one reader of models reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, Protocol

from coreweave_inference.checks import BucketFacts, Folder, WeightsFile
from coreweave_inference.checks.loading import weights_among
from coreweave_inference.errors import BucketMissing, CoreWeaveError, Unreachable
from coreweave_inference.storage.contents import StoredObject
from coreweave_inference.storage.model_reader import ModelReader

MISSING = BucketFacts(policy_known=False, exists=False)


@dataclass(frozen=True)
class Wanted:
    """What is read of one model: headers where one of `decide` says so."""

    path: str
    decide: tuple[Callable[[Folder], bool], ...] = ()


class Store(Protocol):
    """The reads that are made. Each raises CoreWeaveError."""

    def policy(self, name: str) -> dict[str, Any] | None:
        """A bucket's policy document."""
        ...

    def objects(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        """The objects below a folder."""
        ...

    def unfinished(self, bucket: str, prefix: str) -> tuple[str, ...]:
        """The keys below a folder whose upload was begun and not completed."""
        ...

    def read(self, bucket: str, key: str, start: int, size: int) -> bytes:
        """So many bytes of an object."""
        ...


@dataclass(frozen=True)
class BucketSource:
    """One bucket, as the reader of models sees it."""

    store: Store
    bucket: str
    endpoint: str = ""

    @property
    def place(self) -> str:
        """What tells it apart from other sources."""
        return f"{self.endpoint}/{self.bucket}"

    def files(self, path: str) -> Iterator[tuple[WeightsFile, str]]:
        """The objects below a path, with their ETags."""
        for item in self.store.objects(self.bucket, path):
            yield WeightsFile(item.key, item.size, item.last_modified), item.etag

    def read(self, key: str, start: int, size: int) -> bytes:
        """So many bytes of an object."""
        return self.store.read(self.bucket, key, start, size)


def stores(
    store: Store, wanted: Mapping[str, Collection[Wanted]], pool: Executor, endpoint: str = ""
) -> tuple[dict[str, BucketFacts], tuple[str, ...]]:
    """What is known of each bucket and its models, and a note on each thing that could not be read."""
    asked = {
        bucket: pool.submit(
            _bucket,
            store,
            BucketSource(store, bucket, endpoint),
            sorted(models, key=lambda model: model.path),
        )
        for bucket, models in wanted.items()
    }
    found: dict[str, BucketFacts] = {}
    notes: list[str] = []
    for bucket, future in asked.items():
        facts, problems = future.result()
        notes.extend(problems)
        found[bucket] = facts
    return found, tuple(notes)


def _bucket(store: Store, source: BucketSource, models: Iterable[Wanted]) -> tuple[BucketFacts, list[str]]:
    bucket = source.bucket
    notes: list[str] = []
    policy, known = None, True
    try:
        policy = store.policy(bucket)
    except BucketMissing:
        return MISSING, []
    except Unreachable as error:
        # Each further request would wait as long for the same.
        return BucketFacts(policy_known=False), [f'bucket "{bucket}" could not be read: {error}']
    except CoreWeaveError as error:
        known = False
        notes.append(f'the policy of bucket "{bucket}" could not be read: {error}')
    reader = ModelReader(source)
    folders: dict[str, Folder] = {}
    failed: dict[str, list[str]] = defaultdict(list)
    for model in models:
        try:
            folder = reader.folder(model.path)
        except BucketMissing:
            return MISSING, []
        except CoreWeaveError as error:
            failed[str(error).replace(model.path, "it")].append(model.path)
            continue
        if folder.files and (folder.missing or not weights_among(folder.files)):
            folder = replace(folder, unfinished=_unfinished(store, bucket, model.path))
        if folder.seems_cut_off or any(decides(folder) for decides in model.decide):
            folder = reader.with_headers(folder)
        folders[model.path] = folder
    notes += [_not_listed(bucket, paths, why) for why, paths in failed.items()]
    return BucketFacts(policy, known, folders), notes


def _unfinished(store: Store, bucket: str, path: str) -> tuple[str, ...]:
    """Where parts are missing: the names of the files whose upload was begun and not completed, as far as that is known."""
    try:
        return tuple(key.removeprefix(f"{path}/") for key in store.unfinished(bucket, path))
    except CoreWeaveError:
        return ()


def _not_listed(bucket: str, paths: list[str], why: str) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f'"{paths[0]}"{more} in bucket "{bucket}" could not be listed: {why}'
