"""Keys for object storage: minted, renewed, taken from a profile or from the environment."""

from __future__ import annotations

import json
import os
import threading
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest
from coreweave_inference.errors import Forbidden, NotFound, ServiceUnavailable, SettingsError, Throttled
from coreweave_inference.settings.secret import Secret
from coreweave_inference.storage.connection import from_profile
from coreweave_inference.storage.credentials import S3Credentials, minted
from coreweave_inference.storage.key_sources import credentials_from, from_environment

from tests.waiting.hand_clock import HandClock


class SteppedClock:
    """Another wall clock over the same monotonic time."""

    def __init__(self, clock, ahead_seconds):
        self.clock = clock
        self.ahead_seconds = ahead_seconds

    def now(self):
        return self.clock.time + self.ahead_seconds

    def monotonic(self):
        return self.clock.monotonic()


class KeyMaker:
    """Makes numbered keys."""

    def __init__(self, clock, expires=True):
        self.clock = clock
        self.expires = expires
        self.durations = []

    def mint_access_key(self, duration_seconds):
        self.durations.append(duration_seconds)
        expiry = datetime.fromtimestamp(self.clock.time + duration_seconds, tz=timezone.utc).isoformat()
        number = len(self.durations)
        key = {"accessKeyId": f"key-{number}", "secretKey": f"secret-{number}", "principalName": "p"}
        return {**key, "expiry": expiry} if self.expires else key


def settings_of(token, s3_profile=None, s3_credentials="minted"):
    return SimpleNamespace(
        s3_profile=s3_profile,
        s3_credentials=s3_credentials,
        endpoint="https://api.example",
        token=Secret(token),
    )


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def profiles(tmp_path, monkeypatch):
    """AWS files of a user, with state-backend keys everywhere that an SDK looks by itself."""
    credentials, config = tmp_path / "credentials", tmp_path / "config"
    credentials.write_text(
        "[default]\naws_access_key_id = default-key\naws_secret_access_key = default-secret\n"
        "[cw]\naws_access_key_id = cw-key\naws_secret_access_key = cw-secret\naws_session_token = cw-token\n"
    )
    config.write_text("[profile bare]\nregion = us-east-1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "state-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "state-secret")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


def test_a_key_is_minted_when_first_asked_for_and_then_kept(clock):
    maker = KeyMaker(clock)
    source = minted(maker, clock)

    assert maker.durations == []
    assert source() is source()
    assert source() == S3Credentials(
        "key-1", "secret-1", None, renew_at=clock.monotonic() + 3000, made_at=clock.monotonic()
    )
    assert maker.durations == [3600]


@pytest.mark.parametrize("expires", [True, False])
def test_a_key_is_renewed_in_its_last_sixth(clock, expires):
    maker = KeyMaker(clock, expires)
    source = minted(maker, clock, duration=600)

    source()
    clock.time += 499
    assert source().access_key_id == "key-1"
    clock.time += 1
    assert source().access_key_id == "key-2"
    assert source().renew_at == clock.monotonic() + 500


@pytest.mark.parametrize(
    "ahead_seconds",
    [pytest.param(4000, id="this clock ahead by more than a key lasts"), pytest.param(-4000, id="behind")],
)
def test_a_wall_clock_that_is_wrong_or_steps_makes_no_second_key(clock, ahead_seconds):
    maker = KeyMaker(clock)
    source = minted(maker, SteppedClock(clock, ahead_seconds))

    assert source() is source()
    clock.time += 400
    source()

    assert maker.durations == [3600]


def test_a_key_that_was_discarded_is_replaced_once_whoever_says_so(clock):
    maker = KeyMaker(clock)
    source = minted(maker, clock)
    first = source()

    first.discard()
    second = source()
    first.discard()

    assert (first.access_key_id, second.access_key_id) == ("key-1", "key-2")
    assert source() is second


def test_two_sources_share_no_key(clock):
    one, other = KeyMaker(clock), KeyMaker(clock)

    minted(one, clock)()
    minted(other, clock)()

    assert (len(one.durations), len(other.durations)) == (1, 1)


def test_threads_that_ask_at_once_get_one_key(clock):
    maker = KeyMaker(clock)
    source = minted(maker, clock)
    threads = [threading.Thread(target=source) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert maker.durations == [3600]


def test_a_key_is_fresh_for_half_a_minute_if_its_age_is_known():
    assert S3Credentials("k", "s", made_at=100.0).is_fresh(129.9)
    assert not S3Credentials("k", "s", made_at=100.0).is_fresh(130.0)
    assert not S3Credentials("k", "s").is_fresh(0.0)


def test_a_key_shows_nothing_secret():
    shown = repr(S3Credentials("key-1", "secret-1", "token-1"))

    assert "key-1" in shown
    assert "secret-1" not in shown
    assert "token-1" not in shown


@pytest.mark.usefixtures("profiles")
def test_a_named_profile_gives_its_keys_whatever_else_lies_around():
    assert from_profile("cw")() == S3Credentials("cw-key", "cw-secret", "cw-token")


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(("name", "fault"), [("bare", "holds no keys"), ("missing", "could not be found")])
def test_a_profile_without_keys_is_refused_rather_than_replaced_by_others(name, fault):
    with pytest.raises(SettingsError, match=f"AWS profile '{name}'.*{fault}"):
        from_profile(name)


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c"},
            S3Credentials("a", "b", "c"),
        ),
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, S3Credentials("a", "b")),
        ({"AWS_PROFILE": "cw"}, S3Credentials("cw-key", "cw-secret", "cw-token")),
        ({}, S3Credentials("default-key", "default-secret")),
    ],
)
def test_the_environment_gives_its_variables_else_its_profile(environ, expected):
    assert from_environment(environ)() == expected


@pytest.mark.usefixtures("profiles")
def test_a_profile_whose_keys_cannot_be_renewed_says_so(tmp_path):
    key = {"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": "2020-01-01T00:00:00Z"}
    (tmp_path / "key.json").write_text(json.dumps(key))
    program = f"sh -c 'cat {tmp_path}/key.json && rm {tmp_path}/key.json'"
    Path(os.environ["AWS_CONFIG_FILE"]).write_text(f"[profile login]\ncredential_process = {program}\n")
    source = from_profile("login")

    with pytest.raises(SettingsError, match="AWS profile 'login'"):
        source()


def test_half_a_key_in_the_environment_is_refused():
    with pytest.raises(SettingsError, match="AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY"):
        from_environment({"AWS_ACCESS_KEY_ID": "a"})


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("profile", "credentials", "key"),
    [("cw", "profile", "cw-key"), (None, "environment", "state-key"), (None, "minted", "key-1")],
)
def test_the_settings_choose_the_source(clock, profile, credentials, key):
    settings = settings_of("t", s3_profile=profile, s3_credentials=credentials)

    assert credentials_from(settings, KeyMaker(clock), clock, os.environ)().access_key_id == key


class Refusing(KeyMaker):
    """Answers with one error after another."""

    def __init__(self, clock, *errors):
        super().__init__(clock)
        self.errors = list(errors)

    def mint_access_key(self, duration_seconds):
        key = super().mint_access_key(duration_seconds)
        if self.errors:
            raise self.errors.pop(0)
        return key


def test_all_sources_of_a_token_in_a_process_ask_once_where_it_may_not_make_keys(clock):
    makers = [Refusing(clock, Forbidden("no", status=403)) for _ in range(3)]

    for maker, token in zip(makers, ["one", "one", "other"], strict=True):
        with pytest.raises(Forbidden):
            credentials_from(settings_of(token), maker, clock, {})()

    assert [len(maker.durations) for maker in makers] == [1, 0, 1]


@pytest.mark.parametrize(
    "error",
    [
        Forbidden("no", status=403),
        NotFound("no", status=404),
        ServiceUnavailable("not implemented", status=501),
    ],
)
def test_a_token_that_may_make_no_keys_asks_once(clock, error):
    maker = Refusing(clock, error)
    credentials = minted(maker, clock)

    for _ in range(3):
        with pytest.raises(type(error)):
            credentials()

    assert len(maker.durations) == 1


@pytest.mark.parametrize("error", [ServiceUnavailable("later", status=503), Throttled("later", status=429)])
def test_an_error_in_passing_is_not_remembered(clock, error):
    credentials = minted(Refusing(clock, error), clock)

    with pytest.raises(type(error)):
        credentials()

    assert credentials().access_key_id == "key-2"
