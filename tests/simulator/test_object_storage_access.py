"""Bucket policies at work: who is let in once a document is there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.storage_fixtures import (
    STRANGER,
    StorageWorld,
    create_bucket,
    document,
    error_of,
    inference_statement,
    owner_statement,
    statement,
)

BUCKET = "acme-weights"
DENIED = (403, "AccessDenied")


@pytest.fixture
def client(world: StorageWorld) -> Any:
    client = world.client()
    create_bucket(client, BUCKET)
    client.put_object(Bucket=BUCKET, Key="models/a", Body=b"1")
    client.put_object(Bucket=BUCKET, Key="private/b", Body=b"2")
    return client


def put_policy(client: Any, *statements: dict[str, Any]) -> None:
    client.put_bucket_policy(Bucket=BUCKET, Policy=document(*statements))


def test_a_policy_comes_back_byte_for_byte_and_put_replaces_it_whole(
    client: Any, world: StorageWorld
) -> None:
    first, second = document(owner_statement(BUCKET)), document(inference_statement(BUCKET)) + "\n"
    client.put_bucket_policy(Bucket=BUCKET, Policy=first)
    assert client.get_bucket_policy(Bucket=BUCKET)["Policy"] == first

    client.put_bucket_policy(Bucket=BUCKET, Policy=second)

    assert client.get_bucket_policy(Bucket=BUCKET)["Policy"] == second
    assert world.storage.buckets()[0]["policy"] == second


def test_a_malformed_policy_is_refused_and_the_old_one_stays(client: Any) -> None:
    put_policy(client, owner_statement(BUCKET))

    assert error_of(client.put_bucket_policy, Bucket=BUCKET, Policy="{") == (400, "MalformedPolicy")
    assert error_of(put_policy, client=client) == (400, "MalformedPolicy")
    assert client.get_bucket_policy(Bucket=BUCKET)["Policy"] == document(owner_statement(BUCKET))


def test_a_first_policy_for_the_inference_service_locks_the_owner_out_of_everything_but_the_policy(
    client: Any, world: StorageWorld
) -> None:
    put_policy(client, inference_statement(BUCKET))

    assert error_of(client.get_object, Bucket=BUCKET, Key="models/a") == DENIED
    assert error_of(client.put_object, Bucket=BUCKET, Key="models/a", Body=b"2") == DENIED
    assert error_of(client.list_objects_v2, Bucket=BUCKET) == DENIED
    assert error_of(client.head_bucket, Bucket=BUCKET) == (403, "403")
    assert error_of(client.get_bucket_tagging, Bucket=BUCKET) == DENIED
    assert error_of(client.delete_bucket, Bucket=BUCKET) == DENIED
    assert [bucket["Name"] for bucket in client.list_buckets()["Buckets"]] == [BUCKET]

    client.delete_bucket_policy(Bucket=BUCKET)

    assert client.get_object(Bucket=BUCKET, Key="models/a")["Body"].read() == b"1"
    assert error_of(client.get_bucket_policy, Bucket=BUCKET) == (404, "NoSuchBucketPolicy")


def test_a_statement_for_the_organisation_keeps_the_owner_in(client: Any) -> None:
    put_policy(client, inference_statement(BUCKET), owner_statement(BUCKET))

    client.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert client.get_object(Bucket=BUCKET, Key="models/a")["Body"].read() == b"1"


def test_strangers_are_kept_out_unless_the_policy_lets_them_in_and_never_get_at_the_policy(
    client: Any, world: StorageWorld
) -> None:
    stranger = world.client(STRANGER)
    assert error_of(stranger.list_objects_v2, Bucket=BUCKET) == DENIED

    put_policy(client, owner_statement(BUCKET), owner_statement(BUCKET, STRANGER) | {"Sid": "Guests"})

    assert stranger.get_object(Bucket=BUCKET, Key="models/a")["Body"].read() == b"1"
    assert error_of(stranger.get_bucket_policy, Bucket=BUCKET) == DENIED
    assert error_of(put_policy, client=stranger) == DENIED
    assert error_of(stranger.delete_bucket_policy, Bucket=BUCKET) == DENIED


def test_a_deny_with_a_condition_reaches_only_those_it_names(client: Any, world: StorageWorld) -> None:
    others = {"StringNotEquals": {"cw:PrincipalOrgID": "ab1cd2"}}
    put_policy(client, statement(BUCKET), statement(BUCKET, effect="Deny", Condition=others))

    assert client.get_object(Bucket=BUCKET, Key="models/a")["Body"].read() == b"1"
    assert error_of(world.client(STRANGER).get_object, Bucket=BUCKET, Key="models/a") == DENIED


def test_a_delete_of_many_deletes_what_is_allowed_and_names_the_rest(
    client: Any, world: StorageWorld
) -> None:
    keep = statement(
        BUCKET, effect="Deny", Action="s3:DeleteObject", Resource=f"arn:aws:s3:::{BUCKET}/private/*"
    )
    put_policy(client, owner_statement(BUCKET), keep)
    entries = [{"Key": "models/a"}, {"Key": "private/b"}]

    answer = client.delete_objects(Bucket=BUCKET, Delete={"Objects": entries})

    assert [each["Key"] for each in answer["Deleted"]] == ["models/a"]
    assert answer["Errors"] == [{"Key": "private/b", "Code": "AccessDenied", "Message": "Access Denied"}]
    left = client.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [each["Key"] for each in left] == ["private/b"]


def test_a_delete_of_many_by_someone_locked_out_succeeds_with_nothing_but_errors(client: Any) -> None:
    put_policy(client, inference_statement(BUCKET))

    answer = client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "models/a"}]})

    assert "Deleted" not in answer
    assert answer["Errors"] == [{"Key": "models/a", "Code": "AccessDenied", "Message": "Access Denied"}]


def test_a_copy_needs_the_right_to_read_its_source(client: Any, world: StorageWorld) -> None:
    stranger = world.client(STRANGER)
    create_bucket(stranger, "other-weights")

    copied = error_of(
        stranger.copy_object,
        Bucket="other-weights",
        Key="a",
        CopySource={"Bucket": BUCKET, "Key": "models/a"},
    )

    assert copied == DENIED


def test_the_inference_service_reads_what_the_policy_lets_it_read(client: Any, world: StorageWorld) -> None:
    may_read = world.storage.inference_may_read
    assert not may_read(BUCKET, "models")

    put_policy(client, inference_statement(BUCKET, prefix="models/"))

    assert may_read(BUCKET, "models")
    assert may_read(BUCKET, "/models/a/")
    assert not may_read(BUCKET, "private")
    assert not may_read(BUCKET, "model")
    assert not may_read("nowhere", "models")


def test_the_inference_service_must_be_able_to_list_and_to_read_every_object(
    client: Any, world: StorageWorld
) -> None:
    every = inference_statement(BUCKET)
    put_policy(client, every | {"Action": "s3:GetObject"})
    assert not world.storage.inference_may_read(BUCKET, "models")

    hidden = statement(
        BUCKET, effect="Deny", Action="s3:GetObject", Resource=f"arn:aws:s3:::{BUCKET}/models/a"
    )
    put_policy(client, every, hidden)
    assert not world.storage.inference_may_read(BUCKET, "models")

    put_policy(client, every)
    assert world.storage.inference_may_read(BUCKET, "models")
