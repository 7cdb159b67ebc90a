"""Listing and uploading weights."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from coreweave_inference.errors import BucketMissing
from coreweave_inference.storage.uploads import UploadPlan
from coreweave_inference.storage.weights_folder import files_in

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


def push(storage, folder: Path, bucket: str, prefix: str, progress=lambda *_: None) -> UploadPlan:
    plan = storage.plan_upload(files_in(folder), bucket, prefix)
    storage.upload(plan, progress)
    return plan


def sent(plan: UploadPlan) -> list[str]:
    return [file.key for file in plan.send]


def test_a_folder_is_uploaded_below_its_prefix_without_what_is_no_weights(storage, folder):
    plan = push(storage, folder, BUCKET, "/models/a/")

    assert (sent(plan), plan.bytes) == (["models/a/config.json", "models/a/model/weights.safetensors"], 102)
    assert listing(storage) == [("models/a/config.json", 2), ("models/a/model/weights.safetensors", 100)]


def test_an_upload_reports_how_far_it_is(storage, folder):
    said = []

    push(storage, folder, BUCKET, "m", lambda *progress: said.append(progress))

    assert {key for key, _, _ in said} == {"m/config.json", "m/model/weights.safetensors"}
    assert said[-1][1:] == (102, 102)


def test_a_repeated_upload_sends_only_what_changed(storage, folder):
    push(storage, folder, BUCKET, "m")
    (folder / "config.json").write_bytes(b"{ }")

    again, last = push(storage, folder, BUCKET, "m"), push(storage, folder, BUCKET, "m")

    assert sent(again) == ["m/config.json"]
    assert (sent(last), len(last.there)) == ([], 2)


def test_other_content_of_equal_size_and_older_time_is_sent(storage, folder):
    push(storage, folder, BUCKET, "m")
    (folder / "config.json").write_bytes(b"[]")
    os.utime(folder / "config.json", (LONG_AGO, LONG_AGO))

    assert sent(push(storage, folder, BUCKET, "m")) == ["m/config.json"]


def test_equal_content_with_a_younger_time_is_not_sent(storage, folder):
    push(storage, folder, BUCKET, "m")
    os.utime(folder / "config.json", (4_000_000_000, 4_000_000_000))

    assert sent(push(storage, folder, BUCKET, "m")) == []


def test_a_large_file_goes_in_parts_of_64_mib_and_an_interrupted_upload_goes_on_with_the_next_part(
    storage, tmp_path, simulator
):
    size = 64 * 1024 * 1024
    with (tmp_path / "weights").open("wb") as file:
        file.truncate(size + 5)
    client = storage._s3.client
    upload = client.create_multipart_upload(Bucket=BUCKET, Key="m/weights")["UploadId"]
    client.upload_part(Bucket=BUCKET, Key="m/weights", UploadId=upload, PartNumber=1, Body=bytes(size))
    simulator.journal.clear()

    push(storage, tmp_path, BUCKET, "m")

    parts = [entry.query for entry in simulator.journal.entries(method="PUT", path="/m/weights$")]
    assert [query for query in parts if "partNumber=2" in query] == parts != []
    assert listing(storage) == [("m/weights", size + 5)]
    assert sent(push(storage, tmp_path, BUCKET, "m")) == []


def test_a_file_that_was_sent_in_parts_of_8_mib_by_an_earlier_version_is_known(storage, tmp_path):
    size = 8 * 1024 * 1024
    (tmp_path / "weights").write_bytes(b"w" * (size + 1))
    client = storage._s3.client
    upload = client.create_multipart_upload(Bucket=BUCKET, Key="m/weights")["UploadId"]
    parts = [
        {
            "PartNumber": n,
            "ETag": client.upload_part(
                Bucket=BUCKET, Key="m/weights", UploadId=upload, PartNumber=n, Body=body
            )["ETag"],
        }
        for n, body in ((1, b"w" * size), (2, b"w"))
    ]
    client.complete_multipart_upload(
        Bucket=BUCKET, Key="m/weights", UploadId=upload, MultipartUpload={"Parts": parts}
    )

    assert sent(push(storage, tmp_path, BUCKET, "m")) == []


def test_an_upload_to_a_missing_bucket_says_so(storage, folder):
    with pytest.raises(BucketMissing, match="cannot list it"):
        push(storage, folder, "acme-missing", "m")


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
    push(storage, folder, BUCKET, "models/a")

    assert storage.holds_objects(BUCKET, prefix) is holds
    assert bool(listing(storage, prefix)) is holds


def test_the_empty_object_that_represents_a_folder_is_no_content(storage):
    storage._s3.client.put_object(Bucket=BUCKET, Key="models/a/", Body=b"")

    assert not storage.holds_objects(BUCKET, "models/a")
    assert listing(storage, "models/a") == []
    assert storage.holds_objects(BUCKET, "models")


def test_one_request_shows_whether_a_prefix_holds_objects(storage, folder, simulator):
    push(storage, folder, BUCKET, "models/a")
    simulator.journal.clear()

    storage.holds_objects(BUCKET, "models/a")

    assert len(simulator.journal.entries()) == 1
