"""What is read of buckets for the checks: whole or not, within bounds, and not known where it cannot be read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from types import MappingProxyType

from coreweave_inference.discovery.weights import Wanted, stores
from coreweave_inference.errors import BucketMissing, StorageError, Unreachable
from coreweave_inference.storage.contents import StoredObject
from coreweave_inference.storage.model_reader import MOST_FILES

WRITTEN = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Buckets:
    """Object storage in a dict: documents by bucket, numbers of objects by path, and what fails."""

    def __init__(self, policies, counts=MappingProxyType({}), broken=()):
        self.policies, self.counts, self.broken, self.asked = policies, counts, broken, []

    def policy(self, name):
        if name in self.broken:
            raise StorageError("denied")
        if name not in self.policies:
            raise BucketMissing("there is none")
        return self.policies[name]

    def objects(self, bucket, prefix):
        if prefix in self.broken:
            raise StorageError("denied")
        names = self.counts.get(prefix, 0)
        names = range(names) if isinstance(names, int) else names
        return (StoredObject(f"{prefix}/{name}", 1, WRITTEN) for name in names)

    def unfinished(self, bucket, prefix):
        self.asked.append(prefix)
        return (f"{prefix}/model.safetensors",)

    def read(self, bucket, key, start, size):
        return b"not JSON"


def looked(store, paths):
    wanted = {bucket: [Wanted(path) for path in found] for bucket, found in paths.items()}
    with ThreadPoolExecutor(2) as pool:
        return stores(store, wanted, pool)


class NoAnswer(Buckets):
    """Object storage that gives no answer, and counts how often it was asked."""

    requests = 0

    def policy(self, name):
        self.requests += 1
        raise Unreachable("no answer")

    def objects(self, bucket, prefix):
        self.requests += 1
        raise Unreachable("no answer")


def test_a_bucket_that_gives_no_answer_is_asked_once_however_many_models_are_in_it():
    store = NoAnswer({"b": None})

    found, notes = looked(store, {"b": {f"models/{number}" for number in range(50)}})

    assert (store.requests, found["b"].policy_known, found["b"].folders) == (1, False, {})
    assert notes == ('bucket "b" could not be read: no answer',)


def test_a_listing_is_bounded_and_says_when_it_was_cut_off():
    found, notes = looked(
        Buckets({"b": None}, {"long": MOST_FILES + 5, "short": 2}), {"b": {"long", "short"}}
    )

    assert notes == ()
    assert (len(found["b"].folders["long"].files), found["b"].folders["long"].complete) == (MOST_FILES, False)
    assert (len(found["b"].folders["short"].files), found["b"].folders["short"].complete) == (2, True)


def test_uploads_that_were_not_completed_are_looked_for_where_weights_are_missing_alone():
    whole, half = ("config.json", "model.safetensors"), ("config.json",)
    store = Buckets({"b": None}, {"whole": whole, "half": half})

    found, _ = looked(store, {"b": {"whole", "half"}})

    assert store.asked == ["half"]
    assert {path: folder.unfinished for path, folder in found["b"].folders.items()} == {
        "whole": (),
        "half": ("model.safetensors",),
    }


def test_what_cannot_be_read_is_a_note_and_not_known():
    found, notes = looked(Buckets({"b": None}, broken=("b", "x")), {"b": {"x"}, "none": {"y"}})

    assert {name: store.exists for name, store in found.items()} == {"b": True, "none": False}
    assert (found["b"].policy_known, found["b"].folders) == (False, {})
    assert notes == (
        'the policy of bucket "b" could not be read: denied',
        '"x" in bucket "b" could not be listed: denied',
    )
