"""Listing and uploading weights."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from coreweave_inference.errors import BucketMissing, StorageError
from coreweave_inference.storage import Uploaded

BUCKET = "acme-weights"
LONG_AGO = 1_700_000_000


@pytest.fixture(autouse=True)
def _bucket(storage):
    storage.create_bucket(BUCKET, "US-EAST-04A")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "config.json": b"{}",
        "model/weights.safetensors": b"w" * 100,
        ".git/objects/x": b"x",
        ".cache/y": b"y",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (LONG_AGO, LONG_AGO))
    return tmp_path


def listing(storage, prefix=""):
    return [(found.key, found.size) for found in storage.objects(BUCKET, prefix)]


def test_a_folder_is_uploaded_below_its_prefix_without_what_is_no_weights(storage, folder):
    sent = storage.upload_folder(folder, BUCKET, "/models/a/")

    assert sent == Uploaded(count=2, bytes=102, skipped=0)
    assert listing(storage) == [("models/a/config.json", 2), ("models/a/model/weights.safetensors", 100)]


def test_an_upload_tells_how_far_it_is(storage, folder):
    said = []

    storage.upload_folder(folder, BUCKET, "m", lambda *progress: said.append(progress))

    assert said == [("m/config.json", 2, 102), ("m/model/weights.safetensors", 102, 102)]


def test_a_repeated_upload_sends_only_what_changed(storage, folder):
    storage.upload_folder(folder, BUCKET, "m")
    (folder / "config.json").write_bytes(b"{ }")

    assert storage.upload_folder(folder, BUCKET, "m") == Uploaded(count=1, bytes=3, skipped=1)
    assert storage.upload_folder(folder, BUCKET, "m") == Uploaded(count=0, bytes=0, skipped=2)


def test_a_file_of_the_same_size_that_is_younger_than_the_object_is_sent(storage, folder):
    storage.upload_folder(folder, BUCKET, "m")
    os.utime(folder / "config.json", (4_000_000_000, 4_000_000_000))

    assert storage.upload_folder(folder, BUCKET, "m").count == 1


def test_a_large_file_goes_in_parts(storage, tmp_path, simulator):
    (tmp_path / "weights").write_bytes(b"w" * (9 * 1024 * 1024))

    storage.upload_folder(tmp_path, BUCKET, "m")

    assert listing(storage) == [("m/weights", 9 * 1024 * 1024)]
    assert simulator.journal.entries(method="POST", path="/m/weights$")


@pytest.mark.parametrize("name", ["", "missing"])
def test_a_folder_without_files_is_refused(storage, tmp_path, name):
    with pytest.raises(StorageError, match="holds no files to upload"):
        storage.upload_folder(tmp_path / name, BUCKET, "m")


def test_an_upload_to_a_missing_bucket_says_so(storage, folder):
    with pytest.raises(BucketMissing, match="cannot upload"):
        storage.upload_folder(folder, "acme-missing", "m")


@pytest.mark.parametrize(
    ("prefix", "holds"),
    [
        ("", True),
        ("models", True),
        ("/models/a/", True),
        ("models/a/model", True),
        ("models/b", False),
        ("mod", False),
        ("models/a/config", False),
    ],
)
def test_a_prefix_is_a_folder_and_not_the_beginning_of_a_name(storage, folder, prefix, holds):
    storage.upload_folder(folder, BUCKET, "models/a")

    assert storage.holds_objects(BUCKET, prefix) is holds
    assert bool(listing(storage, prefix)) is holds


def test_the_empty_object_that_stands_for_a_folder_is_no_content(storage):
    storage._s3.client.put_object(Bucket=BUCKET, Key="models/a/", Body=b"")

    assert not storage.holds_objects(BUCKET, "models/a")
    assert listing(storage, "models/a") == []
    assert storage.holds_objects(BUCKET, "models")


def test_one_request_tells_whether_a_prefix_holds_objects(storage, folder, simulator):
    storage.upload_folder(folder, BUCKET, "models/a")
    simulator.journal.clear()

    storage.holds_objects(BUCKET, "models/a")

    assert len(simulator.journal.entries()) == 1
