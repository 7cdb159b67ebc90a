from __future__ import annotations

import pytest

from tests.simulator.storage_fixtures import (
    OWNER,
    STRANGER,
    ZONE,
    StorageWorld,
    create_bucket,
    error_of,
    storage_world,
)


def test_a_bucket_needs_its_zone(world: StorageWorld) -> None:
    client = world.client()

    assert error_of(client.create_bucket, Bucket="acme-weights") == (400, "InvalidLocationConstraint")
    assert error_of(create_bucket, client=client, name="acme-weights", zone="us-east-04a") == (
        400,
        "InvalidLocationConstraint",
    )
    assert world.storage.buckets() == []


def test_a_bucket_lies_in_its_zone_whatever_region_the_client_signs_for(world: StorageWorld) -> None:
    minted = world.storage.credentials.mint(OWNER, 0)
    client = world.client_with(minted["accessKeyId"], minted["secretKey"], region="auto")
    create_bucket(client, "acme-weights", zone="RNO2A")

    assert client.head_bucket(Bucket="acme-weights")["BucketRegion"] == "RNO2A"
    assert client.get_bucket_location(Bucket="acme-weights")["LocationConstraint"] == "RNO2A"
    client.put_bucket_tagging(
        Bucket="acme-weights", Tagging={"TagSet": [{"Key": "team", "Value": "serving"}]}
    )
    (found,) = world.storage.buckets()
    assert found.pop("created") == world.clock.now()
    assert found == {
        "name": "acme-weights",
        "organisation": OWNER,
        "zone": "RNO2A",
        "tags": {"team": "serving"},
        "objectCount": 0,
        "policy": None,
    }


def test_creating_a_bucket_again_in_the_same_zone_succeeds_silently_and_changes_nothing(
    world: StorageWorld,
) -> None:
    client = world.client()
    create_bucket(client, "acme-weights")
    client.put_object(Bucket="acme-weights", Key="a", Body=b"1")

    create_bucket(client, "acme-weights")

    assert client.get_object(Bucket="acme-weights", Key="a")["Body"].read() == b"1"


def test_another_zone_or_another_organisation_cannot_have_the_same_name(world: StorageWorld) -> None:
    create_bucket(world.client(), "acme-weights")

    elsewhere = error_of(create_bucket, client=world.client(), name="acme-weights", zone="RNO2A")
    of_strangers = error_of(create_bucket, client=world.client(STRANGER), name="acme-weights")

    assert (elsewhere, of_strangers) == ((409, "BucketAlreadyOwnedByYou"), (409, "BucketAlreadyExists"))


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "Acme",
        "acme.weights",
        "-acme",
        "acme-",
        "acme_w",
        "xn--acme",
        "cw-acme",
        "vip-acme",
        "int",
        "log-stitcher-ch-acme",
        "a" * 64,
    ],
)
def test_a_bad_name_is_refused(world: StorageWorld, name: str) -> None:
    client = world.client()

    assert error_of(create_bucket, client=client, name=name) == (400, "InvalidBucketName")


@pytest.mark.parametrize("name", ["abc", "1a2", "integer", "a" * 63, "cwx", "a--b"])
def test_a_good_name_is_accepted(world: StorageWorld, name: str) -> None:
    create_bucket(world.client(), name)

    assert [bucket["name"] for bucket in world.storage.buckets()] == [name]


def test_only_an_organisations_own_buckets_are_listed(world: StorageWorld) -> None:
    create_bucket(world.client(), "acme-weights")
    create_bucket(world.client(STRANGER), "other-weights")

    listed = world.client().list_buckets()["Buckets"]

    assert [(bucket["Name"], bucket["BucketRegion"]) for bucket in listed] == [("acme-weights", ZONE)]


def test_the_service_itself_can_only_be_listed(world: StorageWorld) -> None:
    client = world.client()
    client.meta.events.register(
        "before-sign.s3.ListBuckets", lambda request, **_: setattr(request, "method", "PUT")
    )

    assert error_of(client.list_buckets) == (405, "MethodNotAllowed")


def test_a_new_bucket_is_first_unknown_in_the_region_then_missing_then_there() -> None:
    with storage_world(bucket_delay_seconds=10) as world:
        client = world.client()
        create_bucket(client, "acme-weights")
        seen = []
        for _ in range(2):
            seen.append(
                (
                    error_of(client.head_bucket, Bucket="acme-weights"),
                    error_of(client.put_object, Bucket="acme-weights", Key="a"),
                )
            )
            create_bucket(client, "acme-weights")
            world.clock.advance(5)

        assert seen == [
            ((400, "400"), (400, "InvalidRegion")),
            ((404, "404"), (404, "NoSuchBucket")),
        ]
        assert client.head_bucket(Bucket="acme-weights")["BucketRegion"] == ZONE


def test_a_missing_bucket_is_distinguished_from_missing_settings_of_one_that_exists(
    world: StorageWorld,
) -> None:
    client = world.client()
    create_bucket(client, "acme-weights")

    assert error_of(client.head_bucket, Bucket="nowhere") == (404, "404")
    assert error_of(client.get_bucket_policy, Bucket="nowhere") == (404, "NoSuchBucket")
    assert error_of(client.list_objects_v2, Bucket="nowhere") == (404, "NoSuchBucket")
    assert error_of(client.get_bucket_policy, Bucket="acme-weights") == (404, "NoSuchBucketPolicy")
    assert error_of(client.get_bucket_tagging, Bucket="acme-weights") == (404, "NoSuchTagSet")


def test_a_bucket_goes_only_when_no_version_and_no_delete_marker_is_left(world: StorageWorld) -> None:
    client = world.client()
    create_bucket(client, "acme-weights")
    client.put_bucket_versioning(Bucket="acme-weights", VersioningConfiguration={"Status": "Enabled"})
    version = client.put_object(Bucket="acme-weights", Key="a", Body=b"1")["VersionId"]
    assert error_of(client.delete_bucket, Bucket="acme-weights") == (409, "BucketNotEmpty")

    marker = client.delete_object(Bucket="acme-weights", Key="a")["VersionId"]
    assert world.storage.buckets()[0]["objectCount"] == 0
    assert error_of(client.delete_bucket, Bucket="acme-weights") == (409, "BucketNotEmpty")

    client.delete_object(Bucket="acme-weights", Key="a", VersionId=version)
    assert error_of(client.delete_bucket, Bucket="acme-weights") == (409, "BucketNotEmpty")

    client.delete_object(Bucket="acme-weights", Key="a", VersionId=marker)
    client.delete_bucket(Bucket="acme-weights")
    assert world.storage.buckets() == []


def test_a_deleted_name_is_free_for_everyone(world: StorageWorld) -> None:
    client = world.client()
    create_bucket(client, "acme-weights")
    client.delete_bucket(Bucket="acme-weights")

    create_bucket(world.client(STRANGER), "acme-weights", zone="RNO2A")

    assert world.storage.buckets()[0]["organisation"] == STRANGER


def test_two_simulators_in_one_process_do_not_see_each_other(world: StorageWorld) -> None:
    client = world.client()
    create_bucket(client, "acme-weights")
    client.put_object(Bucket="acme-weights", Key="ours", Body=b"1")
    with storage_world() as other:
        theirs = other.client()
        assert error_of(theirs.head_bucket, Bucket="acme-weights") == (404, "404")
        create_bucket(theirs, "acme-weights", zone="RNO2A")
        theirs.put_object(Bucket="acme-weights", Key="a", Body=b"1")

    assert world.storage.buckets()[0]["objectCount"] == 1
    assert client.get_object(Bucket="acme-weights", Key="ours")["Body"].read() == b"1"
    assert client.head_bucket(Bucket="acme-weights")["BucketRegion"] == ZONE


def test_whether_objects_lie_below_a_path(world: StorageWorld) -> None:
    client = world.client()
    create_bucket(client, "acme-weights")
    for key in ("models/", "models/llama/config.json", "top.txt"):
        client.put_object(Bucket="acme-weights", Key=key, Body=b"")

    held = {
        path: world.storage.holds_objects("acme-weights", path)
        for path in ("models", "/models/llama/", "models/lla", "empty", "top.txt", "")
    }

    assert held == {
        "models": True,
        "/models/llama/": True,
        "models/lla": False,
        "empty": False,
        "top.txt": False,
        "": True,
    }
    assert not world.storage.holds_objects("nowhere", "models")
