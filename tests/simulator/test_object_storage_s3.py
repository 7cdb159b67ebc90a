"""What S3 clients do all day works: sums, chunks, parts, listings, versions, tags."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pytest
from boto3.s3.transfer import TransferConfig

from tests.simulator.storage_fixtures import StorageWorld, create_bucket, error_of

MEBIBYTE = 1 << 20


@pytest.fixture
def client(world: StorageWorld) -> Any:
    client = world.client()
    create_bucket(client, "acme-weights")
    return client


@pytest.mark.parametrize("key", ["models/a", "models/ü b/c+d%2Fe?f&g=h", "a//b", "~'()*!"])
@pytest.mark.parametrize("length", [0, 1, 200_000])
def test_an_object_comes_back_as_it_was_put(client: Any, key: str, length: int) -> None:
    content = bytes(index % 251 for index in range(length))

    client.put_object(Bucket="acme-weights", Key=key, Body=content, Metadata={"origin": "test"})

    got = client.get_object(Bucket="acme-weights", Key=key)
    assert (got["Body"].read(), got["Metadata"]) == (content, {"origin": "test"})
    assert client.head_object(Bucket="acme-weights", Key=key)["ContentLength"] == length
    assert [each["Key"] for each in client.list_objects_v2(Bucket="acme-weights")["Contents"]] == [key]


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256", "SHA1"])
def test_checksums_of_a_stream_are_kept(client: Any, algorithm: str) -> None:
    stream = io.BytesIO(b"x" * 100_000)
    put = client.put_object(Bucket="acme-weights", Key="a", Body=stream, ChecksumAlgorithm=algorithm)

    got = client.get_object(Bucket="acme-weights", Key="a", ChecksumMode="ENABLED")

    assert got["Body"].read() == b"x" * 100_000
    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]


def test_a_large_object_goes_up_in_parts_and_comes_down_in_ranges(client: Any) -> None:
    content = b"abcdefgh" * (11 * MEBIBYTE // 8)
    parts = TransferConfig(multipart_threshold=5 * MEBIBYTE, multipart_chunksize=5 * MEBIBYTE)

    client.upload_fileobj(io.BytesIO(content), "acme-weights", "models/big", Config=parts)
    received = io.BytesIO()
    client.download_fileobj("acme-weights", "models/big", received, Config=parts)

    assert received.getvalue() == content
    assert client.head_object(Bucket="acme-weights", Key="models/big")["ETag"].endswith('-3"')


def test_an_aborted_upload_leaves_nothing(client: Any) -> None:
    upload = client.create_multipart_upload(Bucket="acme-weights", Key="big")
    client.upload_part(Bucket="acme-weights", Key="big", UploadId=upload["UploadId"], PartNumber=1, Body=b"1")
    listed = client.list_multipart_uploads(Bucket="acme-weights")["Uploads"]
    assert [each["Key"] for each in listed] == ["big"]

    client.abort_multipart_upload(Bucket="acme-weights", Key="big", UploadId=upload["UploadId"])

    assert "Uploads" not in client.list_multipart_uploads(Bucket="acme-weights")
    client.delete_bucket(Bucket="acme-weights")


def test_a_listing_is_paged_and_grouped_by_directory(client: Any) -> None:
    for number in range(5):
        client.put_object(Bucket="acme-weights", Key=f"models/m{number}/config.json", Body=b"{}")

    pages = list(
        client.get_paginator("list_objects_v2").paginate(
            Bucket="acme-weights", Prefix="models/", PaginationConfig={"PageSize": 2}
        )
    )
    grouped = client.list_objects_v2(Bucket="acme-weights", Prefix="models/", Delimiter="/")

    assert [[each["Key"] for each in page["Contents"]] for page in pages] == [
        ["models/m0/config.json", "models/m1/config.json"],
        ["models/m2/config.json", "models/m3/config.json"],
        ["models/m4/config.json"],
    ]
    assert [each["Prefix"] for each in grouped["CommonPrefixes"]] == [
        f"models/m{number}/" for number in range(5)
    ]


def test_all_versions_can_be_deleted_at_once(client: Any) -> None:
    client.put_bucket_versioning(Bucket="acme-weights", VersioningConfiguration={"Status": "Enabled"})
    for content in (b"1", b"2"):
        client.put_object(Bucket="acme-weights", Key="a", Body=content)
    client.delete_object(Bucket="acme-weights", Key="a")
    listed = client.list_object_versions(Bucket="acme-weights")
    entries = [
        {"Key": each["Key"], "VersionId": each["VersionId"]}
        for each in listed["Versions"] + listed["DeleteMarkers"]
    ]

    deleted = client.delete_objects(Bucket="acme-weights", Delete={"Objects": entries})

    assert len(entries) == 3
    assert {each["VersionId"] for each in deleted["Deleted"]} == {each["VersionId"] for each in entries}
    client.delete_bucket(Bucket="acme-weights")


def test_tags_are_put_read_and_taken_away(client: Any) -> None:
    tags = [{"Key": "coreweave-inference:stack", "Value": "acme/prod"}]

    client.put_bucket_tagging(Bucket="acme-weights", Tagging={"TagSet": tags})
    assert client.get_bucket_tagging(Bucket="acme-weights")["TagSet"] == tags

    client.delete_bucket_tagging(Bucket="acme-weights")
    assert error_of(client.get_bucket_tagging, Bucket="acme-weights") == (404, "NoSuchTagSet")


def test_an_object_is_copied(client: Any) -> None:
    client.put_object(Bucket="acme-weights", Key="models/ü", Body=b"1")

    client.copy_object(
        Bucket="acme-weights", Key="b", CopySource={"Bucket": "acme-weights", "Key": "models/ü"}
    )

    assert client.get_object(Bucket="acme-weights", Key="b")["Body"].read() == b"1"


def test_a_missing_object_is_not_found(client: Any) -> None:
    assert error_of(client.get_object, Bucket="acme-weights", Key="a") == (404, "NoSuchKey")
    assert error_of(client.head_object, Bucket="acme-weights", Key="a") == (404, "404")


def test_errors_do_not_depend_on_the_environment(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ambient")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ambient")

    assert error_of(client.get_bucket_tagging, Bucket="acme-weights") == (404, "NoSuchTagSet")
    assert error_of(client.get_bucket_lifecycle_configuration, Bucket="acme-weights") == (
        404,
        "NoSuchLifecycleConfiguration",
    )


def test_an_unsigned_request_is_denied(world: StorageWorld, client: Any) -> None:
    client.put_object(Bucket="acme-weights", Key="a", Body=b"1", ACL="public-read")

    answer = httpx.get(f"{world.url}/acme-weights/a")

    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/xml")
    assert "<Code>AccessDenied</Code>" in answer.text
