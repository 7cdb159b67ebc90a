from __future__ import annotations

from typing import Any

import pytest
from coreweave_inference.simulator.credentials import Credentials

from tests.simulator.storage_fixtures import (
    OWNER,
    SteppedClock,
    StorageWorld,
    create_bucket,
    error_of,
    storage_world,
)


def test_a_key_for_ever_has_no_expiry_and_a_short_one_says_when() -> None:
    credentials = Credentials(SteppedClock(1_800_000_000))

    lasting, short = credentials.mint(OWNER, 0), credentials.mint(OWNER, 900)

    assert lasting.keys() == short.keys() == {"accessKeyId", "secretKey", "principalName", "expiry"}
    assert (lasting["expiry"], short["expiry"]) == (None, "2027-01-15T08:15:00Z")
    assert lasting["principalName"] == short["principalName"]
    assert lasting["principalName"].startswith("arn:aws:iam::ab1cd2:coreweave/")
    assert lasting["accessKeyId"] != short["accessKeyId"]


def test_a_negative_duration_is_refused() -> None:
    with pytest.raises(ValueError, match=r"durationSeconds is -1: give 0 \(for ever\) or more"):
        Credentials(SteppedClock()).mint(OWNER, -1)


def test_secrets_are_not_shown_in_the_representation_of_a_key() -> None:
    credentials = Credentials(SteppedClock())
    minted = credentials.mint_temporary(OWNER)

    shown = repr(credentials.find(minted["AccessKeyId"]))

    assert minted["SecretAccessKey"] not in shown
    assert minted["Token"] not in shown


def test_an_unknown_key_and_a_wrong_secret_are_distinguished(world: StorageWorld) -> None:
    minted = world.storage.credentials.mint(OWNER, 0)
    unknown = world.client_with("CWUNKNOWN", minted["secretKey"])
    wrong = world.client_with(minted["accessKeyId"], "wrong")

    assert error_of(unknown.list_buckets) == (403, "InvalidAccessKeyId")
    assert error_of(wrong.list_buckets) == (403, "SignatureDoesNotMatch")


def test_a_key_works_until_it_expires(world: StorageWorld) -> None:
    client = world.client(duration_seconds=900)
    world.clock.advance(899)
    client.list_buckets()

    world.clock.advance(1)

    assert error_of(client.list_buckets) == (400, "ExpiredToken")


def test_a_fresh_key_is_denied_until_it_is_known_everywhere() -> None:
    with storage_world(key_delay_seconds=4) as world:
        client = world.client()
        assert error_of(client.list_buckets) == (403, "AccessDenied")

        world.clock.advance(4)

        assert client.list_buckets()["Buckets"] == []


def test_temporary_credentials_work_only_with_their_session_token(world: StorageWorld) -> None:
    minted = world.storage.credentials.mint_temporary(OWNER)
    key = (minted["AccessKeyId"], minted["SecretAccessKey"])

    assert minted["Expiration"] == "2027-01-15T09:00:00Z"
    assert world.client_with(*key, minted["Token"]).list_buckets()["Buckets"] == []
    assert error_of(world.client_with(*key).list_buckets) == (400, "InvalidToken")
    assert error_of(world.client_with(*key, "other").list_buckets) == (400, "InvalidToken")
    world.clock.advance(3600)
    assert error_of(world.client_with(*key, minted["Token"]).list_buckets) == (400, "ExpiredToken")


def test_a_key_without_a_session_is_refused_with_a_token(world: StorageWorld) -> None:
    minted = world.storage.credentials.mint(OWNER, 0)
    client = world.client_with(minted["accessKeyId"], minted["secretKey"], "ambient-token")

    assert error_of(client.list_buckets) == (400, "InvalidToken")


@pytest.mark.parametrize("change", ["path", "body", "header"])
def test_what_was_signed_cannot_be_changed_on_the_way(world: StorageWorld, change: str) -> None:
    client = world.client()
    create_bucket(client, "acme-weights")

    def tamper(request: Any, **_: Any) -> None:
        if change == "path":
            request.url = request.url.replace("/a", "/b")
        elif change == "body":
            request.body = b"2"
        else:
            request.headers["x-amz-meta-origin"] = "other"

    client.meta.events.register("before-send.s3.PutObject", tamper)
    sent = {"Bucket": "acme-weights", "Key": "a", "Body": b"1", "Metadata": {"origin": "test"}}

    code = "XAmzContentSHA256Mismatch" if change == "body" else "SignatureDoesNotMatch"
    assert error_of(client.put_object, **sent) == (400 if change == "body" else 403, code)
    assert world.storage.buckets()[0]["objectCount"] == 0


def test_a_region_that_is_no_dns_label_is_refused(world: StorageWorld) -> None:
    minted = world.storage.credentials.mint(OWNER, 0)
    client = world.client_with(minted["accessKeyId"], minted["secretKey"], region="us-east-1")

    def sign_for_nowhere(request: Any, **_: Any) -> None:
        request.headers["Authorization"] = request.headers["Authorization"].replace(b"/us-east-1/", b"//")

    client.meta.events.register("before-send.s3.ListBuckets", sign_for_nowhere)

    assert error_of(client.list_buckets) == (400, "AuthorizationHeaderMalformed")
