"""Buckets: created once, seen through, tagged, emptied, deleted."""

from __future__ import annotations

import pytest
from coreweave_inference.errors import AccessDenied, BucketMissing, NotOurs, StorageError, Unreachable
from coreweave_inference.simulator.faults import Fault
from coreweave_inference.storage.client import BucketState, ObjectStorage
from coreweave_inference.storage.credentials import S3Credentials
from coreweave_inference.storage.weights_folder import files_in

ZONE = "US-EAST-04A"
STRANGER = "CW-SECRET-simulator-stranger"


def creations(simulator):
    return [
        entry
        for entry in simulator.journal.entries(method="PUT", path="^/acme-weights/?$")
        if not entry.query
    ]


def test_a_bucket_is_created_in_its_zone_with_its_tags(storage):
    made = storage.create_bucket("acme-weights", ZONE, {"stack": "dev", "team": "a b"})

    assert made == BucketState("acme-weights", ZONE, {"stack": "dev", "team": "a b"})
    assert storage.bucket("acme-weights") == made


def test_a_bucket_without_tags_has_an_empty_map_of_them(storage):
    made = storage.create_bucket("acme-weights", ZONE, {})

    assert made == BucketState("acme-weights", ZONE, {})
    assert storage.bucket("acme-weights") == made


def test_a_bucket_that_is_not_there_is_none(storage):
    assert storage.bucket("acme-weights") is None


def test_tags_are_replaced_as_a_whole(storage):
    storage.create_bucket("acme-weights", ZONE, {"old": "1"})

    storage.put_tags("acme-weights", {"new": "2"})
    assert storage.bucket("acme-weights") == BucketState("acme-weights", ZONE, {"new": "2"})
    storage.put_tags("acme-weights", {})
    assert storage.bucket("acme-weights") == BucketState("acme-weights", ZONE, {})


def test_a_new_bucket_is_waited_for_until_it_answers_with_one_creation(simulator, storage, clock):
    simulator.storage.bucket_delay_seconds = 120
    said = []

    made = storage.create_bucket("acme-weights", ZONE, {"a": "b"}, said.append)

    assert made == storage.bucket("acme-weights")
    assert 120 <= sum(clock.slept) <= 130
    assert max(clock.slept) == 5.0
    assert said[-1].startswith('bucket "acme-weights": waiting until it answers, 1')
    assert len(creations(simulator)) == 1


def test_a_bucket_that_never_answers_is_abandoned_after_five_minutes(simulator, storage, clock):
    simulator.storage.bucket_delay_seconds = 10_000

    with pytest.raises(StorageError):
        storage.create_bucket("acme-weights", ZONE)

    assert 290 <= sum(clock.slept) <= 300


def test_a_bucket_whose_configuration_spreads_is_not_taken_for_deleted(simulator, storage, clock):
    simulator.storage.bucket_delay_seconds = 600
    storage._s3.client.create_bucket(
        Bucket="acme-weights", CreateBucketConfiguration={"LocationConstraint": ZONE}
    )

    with pytest.raises(StorageError, match="cannot look at it"):
        storage.bucket("acme-weights")

    assert 25 <= sum(clock.slept) <= 30


@pytest.mark.parametrize(
    "fault", [Fault("lose-answer", method="PUT"), Fault("status", method="PUT", status=503, body="empty")]
)
def test_a_creation_without_an_answer_counts_when_the_bucket_is_then_there(simulator, storage, fault):
    if fault.action == "status":
        storage.create_bucket("acme-weights", ZONE)
    simulator.faults.add(fault)

    assert storage.create_bucket("acme-weights", ZONE) == BucketState("acme-weights", ZONE, {})


def test_a_creation_without_an_answer_in_another_zone_is_refused(simulator, storage):
    storage.create_bucket("acme-weights", "RNO2A")
    simulator.faults.add(Fault("status", method="PUT", status=503, body="empty"))

    with pytest.raises(
        NotOurs, match=r"exists already in this organization, in another zone than US-EAST-04A"
    ):
        storage.create_bucket("acme-weights", ZONE)


def test_a_creation_that_failed_is_sent_once_and_raised_when_no_bucket_shows_up(simulator, storage, clock):
    simulator.faults.add(Fault("status", method="PUT", status=503, body="empty", count=None))

    with pytest.raises(StorageError, match="cannot create it"):
        storage.create_bucket("acme-weights", ZONE)

    assert len(creations(simulator)) == 1
    assert sum(clock.slept) <= 30


def test_a_name_in_another_zone_is_refused(storage):
    storage.create_bucket("acme-weights", "RNO2A")

    with pytest.raises(NotOurs, match="another zone"):
        storage.create_bucket("acme-weights", ZONE)


def test_a_name_of_another_organization_is_refused(connect, storage):
    connect(STRANGER).create_bucket("acme-weights", ZONE)

    with pytest.raises(NotOurs, match="names are unique across all customers"):
        storage.create_bucket("acme-weights", ZONE)


def test_another_organizations_bucket_is_not_ours_to_look_at(connect, storage):
    connect(STRANGER).create_bucket("acme-weights", ZONE)

    with pytest.raises(AccessDenied, match='bucket "acme-weights": cannot look at it'):
        storage.bucket("acme-weights")


@pytest.mark.parametrize("name", ["cw-weights", "Acme", "vip-weights"])
def test_a_name_that_may_not_be_fails_at_once(storage, clock, name):
    with pytest.raises(StorageError, match="a name has 3 to 63"):
        storage.create_bucket(name, ZONE)

    assert clock.slept == []


def test_an_empty_name_is_a_storage_error_too(storage):
    with pytest.raises(StorageError, match="cannot look at it"):
        storage.bucket("")


def test_only_an_empty_bucket_is_deleted(storage, tmp_path):
    storage.create_bucket("acme-weights", ZONE)
    (tmp_path / "config.json").write_text("{}")
    storage.upload(storage.plan_upload(files_in(tmp_path), "acme-weights", "models/a"))

    assert not storage.is_empty("acme-weights")
    with pytest.raises(
        StorageError, match="it still holds objects, old versions or delete markers"
    ) as caught:
        storage.delete_bucket("acme-weights")
    assert caught.value.code == "BucketNotEmpty"
    storage.empty("acme-weights")
    assert storage.is_empty("acme-weights")
    storage.delete_bucket("acme-weights")
    assert storage.bucket("acme-weights") is None


@pytest.mark.parametrize(
    "act",
    [
        lambda storage: storage.delete_bucket("acme-weights"),
        lambda storage: storage.put_tags("acme-weights", {"a": "b"}),
        lambda storage: storage.policy("acme-weights"),
        lambda storage: storage.put_policy("acme-weights", {"Version": "2012-10-17"}),
        lambda storage: storage.empty("acme-weights"),
        lambda storage: storage.is_empty("acme-weights"),
        lambda storage: storage.holds_objects("acme-weights", "models"),
        lambda storage: list(storage.objects("acme-weights", "models")),
    ],
)
def test_every_act_on_a_missing_bucket_says_that_it_is_missing(storage, act):
    with pytest.raises(BucketMissing, match="there is no such bucket, or it is another account's"):
        act(storage)


def test_emptying_takes_versions_delete_markers_and_unfinished_uploads(storage, simulator):
    storage.create_bucket("acme-weights", ZONE)
    client = storage._s3.client
    client.put_bucket_versioning(Bucket="acme-weights", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"three"):
        client.put_object(Bucket="acme-weights", Key="a", Body=body)
    client.delete_object(Bucket="acme-weights", Key="a")
    client.create_multipart_upload(Bucket="acme-weights", Key="b")
    said = []

    assert not storage.holds_objects("acme-weights", "")
    assert not storage.is_empty("acme-weights")
    assert storage.empty("acme-weights", said.append) == (3, 8)
    assert said == ['bucket "acme-weights": 3 objects, versions and markers deleted, 0.0 GB']
    assert storage.is_empty("acme-weights")


def test_a_fresh_key_that_is_refused_is_asked_again_until_it_works(simulator, storage, clock):
    simulator.storage.credentials.delay_seconds = 8

    assert storage.bucket("acme-weights") is None
    assert 8 <= sum(clock.slept) <= 13


def test_a_fresh_key_that_never_works_is_refused_after_half_a_minute(simulator, storage, clock):
    simulator.storage.credentials.delay_seconds = 10_000

    with pytest.raises(AccessDenied):
        storage.bucket("acme-weights")

    assert 30 <= sum(clock.slept) <= 35


def test_a_known_key_that_is_refused_is_not_asked_again(simulator, clock):
    storage = ObjectStorage(simulator.url, lambda: S3Credentials("unknown", "secret"), ZONE, clock=clock)

    with pytest.raises(AccessDenied):
        storage.policy("acme-weights")

    assert clock.slept == []


def test_no_answer_is_unreachable(clock):
    storage = ObjectStorage("http://127.0.0.1:9", lambda: S3Credentials("a", "b"), ZONE, clock=clock)

    with pytest.raises(Unreachable, match="object storage gave no answer"):
        storage.create_bucket("acme-weights", ZONE)


def test_a_key_that_ends_before_its_time_is_replaced_without_a_wait(storage, simulator, clock):
    storage.create_bucket("acme-weights", ZONE)
    simulator.storage.credentials.expire()
    clock.slept.clear()

    policy = storage.policy("acme-weights")

    assert policy is None
    assert clock.slept == []


def test_a_key_that_nobody_can_renew_and_that_has_ended_is_an_error(simulator, clock):
    minted = simulator.storage.credentials.mint("ab1cd2", 900)
    key = S3Credentials(minted["accessKeyId"], minted["secretKey"])
    storage = ObjectStorage(simulator.url, lambda: key, ZONE, clock=clock)
    simulator.storage.credentials.expire()

    with pytest.raises(AccessDenied, match="the key has expired: make a new one"):
        storage.policy("acme-weights")
