"""Where each setting comes from, and in which order."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
from coreweave_inference.errors import SettingsError
from coreweave_inference.settings.resolution import CONFIG_KEYS, Settings, resolve
from coreweave_inference.settings.secret import Secret

TOKEN = {"COREWEAVE_API_TOKEN": "CW-SECRET-one"}


def test_a_token_alone_gives_the_public_service_and_every_default():
    assert resolve(TOKEN, {}) == Settings(
        endpoint="https://api.coreweave.com",
        endpoint_source="default",
        token=Secret("CW-SECRET-one"),
        token_source="COREWEAVE_API_TOKEN",
        s3_endpoint="https://cwobject.com",
        s3_profile=None,
        s3_credentials="minted",
        conflicts=(),
        poll_seconds=10,
        settle_seconds=15,
        deadline_seconds=2700,
        gateway_deadline_seconds=600,
        gone_deadline_seconds=1200,
        request_timeout_seconds=30,
        retry_seconds=60,
        accept_gone=False,
        allow_http=False,
        observe_endpoint="https://observe.coreweave.com",
    )


def test_logs_and_metrics_of_another_service_are_read_only_where_the_environment_names_them():
    other = {**TOKEN, "COREWEAVE_API_ENDPOINT": "http://127.0.0.1:8080"}

    assert resolve(other, {}).observe_endpoint == ""
    named = resolve({**other, "COREWEAVE_OBSERVE_ENDPOINT": "https://observe.example/"}, {})
    assert named.observe_endpoint == "https://observe.example"
    with pytest.raises(SettingsError, match="not encrypted"):
        resolve({**other, "COREWEAVE_OBSERVE_ENDPOINT": "http://observe.example"}, {})


@pytest.mark.parametrize(
    ("environ", "config", "value", "source"),
    [
        (
            {"COREWEAVE_API_TOKEN": "a", "CW_API_TOKEN": "b"},
            {"coreweave:token": "c"},
            "a",
            "COREWEAVE_API_TOKEN",
        ),
        ({"CW_API_TOKEN": "b"}, {"coreweave:token": "c"}, "b", "CW_API_TOKEN"),
        ({}, {"coreweave:token": "c"}, "c", "coreweave:token"),
        ({"COREWEAVE_API_TOKEN": ""}, {"coreweave:token": "c"}, "c", "coreweave:token"),
    ],
)
def test_the_token_comes_from_the_environment_before_the_configuration(environ, config, value, source):
    settings = resolve(environ, config, ["coreweave:token"])

    assert (settings.token.reveal(), settings.token_source) == (value, source)


@pytest.mark.parametrize(
    ("environ", "config", "value", "source"),
    [
        (
            {"COREWEAVE_API_ENDPOINT": "https://a", "CW_BASE_URL": "https://b"},
            {"coreweave:endpoint": "https://c"},
            "https://a",
            "COREWEAVE_API_ENDPOINT",
        ),
        ({"CW_BASE_URL": "https://b/"}, {"coreweave:endpoint": "https://c"}, "https://b", "CW_BASE_URL"),
        ({}, {"coreweave:endpoint": "https://c"}, "https://c", "coreweave:endpoint"),
    ],
)
def test_the_endpoint_comes_from_the_environment_before_the_configuration(environ, config, value, source):
    settings = resolve({**TOKEN, **environ}, config)

    assert (settings.endpoint, settings.endpoint_source) == (value, source)


@pytest.mark.parametrize(
    ("environ", "config", "profile", "credentials"),
    [
        ({"COREWEAVE_S3_PROFILE": "cw"}, {"coreweave:s3Profile": "other"}, "cw", "profile"),
        ({}, {"coreweave:s3Profile": "other"}, "other", "profile"),
        ({}, {"coreweave:s3Credentials": "environment"}, None, "environment"),
        ({}, {"coreweave:s3Credentials": "minted"}, None, "minted"),
        ({"AWS_PROFILE": "state", "AWS_ACCESS_KEY_ID": "state"}, {}, None, "minted"),
    ],
)
def test_s3_keys_come_from_a_named_profile_else_are_minted_unless_the_environment_is_asked_for(
    environ, config, profile, credentials
):
    settings = resolve({**TOKEN, **environ}, config)

    assert (settings.s3_profile, settings.s3_credentials) == (profile, credentials)


def test_an_unknown_source_of_s3_keys_is_refused():
    with pytest.raises(SettingsError, match="coreweave:s3Credentials is 'env'; it must be `minted`"):
        resolve(TOKEN, {"coreweave:s3Credentials": "env"})


def test_a_missing_token_names_all_three_places():
    with pytest.raises(SettingsError) as caught:
        resolve({}, {})

    for place in ("COREWEAVE_API_TOKEN", "CW_API_TOKEN", "coreweave:token"):
        assert place in str(caught.value)


def test_a_command_without_a_token_gets_an_empty_one():
    settings = resolve({}, {}, require_token=False)

    assert not settings.token
    assert settings.token_source == "default"


def test_a_token_in_clear_in_the_configuration_is_refused_even_when_another_is_used():
    with pytest.raises(SettingsError, match="pulumi config set --secret coreweave:token") as caught:
        resolve(TOKEN, {"coreweave:token": "CW-SECRET-clear"}, [])

    assert "CW-SECRET" not in str(caught.value)


def test_whether_a_token_lies_in_clear_is_not_judged_where_that_is_not_known():
    assert resolve({}, {"coreweave:token": "CW-SECRET-x"}).token == Secret("CW-SECRET-x")


@pytest.mark.parametrize(
    ("token", "fault"),
    [
        ("CW-SECRET-x\n", "contains a line break"),
        ("CW SECRET", "contains white space"),
        ("CW-SECRET-\x07", "contains a control character or one outside ASCII"),
        ("CW-SECRET-é", "contains a control character or one outside ASCII"),
    ],
)
def test_a_token_that_cannot_be_sent_is_refused_without_showing_it(token, fault):
    with pytest.raises(SettingsError) as caught:
        resolve({"CW_API_TOKEN": token}, {})

    assert f"the API token from CW_API_TOKEN {fault}" in str(caught.value)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("token", ["abc", "CW-SECRET-a.b_c~+/=", '"quoted"'])
def test_a_token_is_taken_verbatim_whatever_its_prefix(token):
    assert resolve({"CW_API_TOKEN": token}, {}).token.reveal() == token


def test_every_value_that_is_set_twice_and_differs_gives_one_warning_naming_both():
    settings = resolve(
        {
            "COREWEAVE_API_TOKEN": "one-token",
            "COREWEAVE_API_ENDPOINT": "https://a.example",
            "COREWEAVE_S3_ENDPOINT": "https://s3.example",
            "COREWEAVE_S3_PROFILE": "here",
        },
        {
            "coreweave:token": "two-token",
            "coreweave:endpoint": "https://user:pass@b.example",
            "coreweave:s3Endpoint": "https://s3.other",
            "coreweave:s3Profile": "there",
            "coreweave:s3Credentials": "environment",
        },
        ["coreweave:token"],
    )

    assert "\n".join(settings.conflicts) == (
        "The API token comes from COREWEAVE_API_TOKEN; another one in coreweave:token is not used.\n"
        "The API endpoint comes from COREWEAVE_API_ENDPOINT (https://a.example);"
        " coreweave:endpoint (https://b.example) is not used.\n"
        "The S3 endpoint comes from COREWEAVE_S3_ENDPOINT (https://s3.example);"
        " coreweave:s3Endpoint (https://s3.other) is not used.\n"
        "The S3 profile comes from COREWEAVE_S3_PROFILE (here); coreweave:s3Profile (there) is not used.\n"
        "S3 credentials come from the profile 'here' named by COREWEAVE_S3_PROFILE;"
        " coreweave:s3Credentials (environment) is not used."
    )


def test_values_that_mean_the_same_are_no_conflict():
    settings = resolve(
        {**TOKEN, "CW_API_TOKEN": "CW-SECRET-one", "CW_BASE_URL": "https://API.coreweave.com:443/"},
        {"coreweave:endpoint": "https://api.coreweave.com"},
    )

    assert settings.conflicts == ()


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("COREWEAVE_POLL_SECONDS", "poll_seconds"),
        ("COREWEAVE_SETTLE_SECONDS", "settle_seconds"),
        ("COREWEAVE_DEADLINE_SECONDS", "deadline_seconds"),
        ("COREWEAVE_GATEWAY_DEADLINE_SECONDS", "gateway_deadline_seconds"),
        ("COREWEAVE_GONE_DEADLINE_SECONDS", "gone_deadline_seconds"),
        ("COREWEAVE_TIMEOUT_SECONDS", "request_timeout_seconds"),
        ("COREWEAVE_RETRY_SECONDS", "retry_seconds"),
    ],
)
def test_each_time_has_its_variable_and_takes_numbers_only(name, field):
    assert getattr(resolve({**TOKEN, name: "0.25"}, {}), field) == 0.25

    for wrong in ("soon", "nan", "inf", "-1", "1s"):
        with pytest.raises(SettingsError, match=f"{name} is '{wrong}'"):
            resolve({**TOKEN, name: wrong}, {})


def test_a_pause_of_no_seconds_is_refused_where_it_would_never_rest():
    assert resolve({**TOKEN, "COREWEAVE_SETTLE_SECONDS": "0"}, {}).settle_seconds == 0

    with pytest.raises(SettingsError, match="positive"):
        resolve({**TOKEN, "COREWEAVE_POLL_SECONDS": "0"}, {})


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("true", True), ("0", False), ("", False), ("False", False)]
)
def test_a_switch_is_on_or_off(text, value):
    assert resolve({**TOKEN, "COREWEAVE_ACCEPT_GONE": text}, {}).accept_gone is value


def test_a_switch_that_says_neither_is_refused():
    with pytest.raises(SettingsError, match="COREWEAVE_ACCEPT_GONE is 'yes'; it must be 1 or 0"):
        resolve({**TOKEN, "COREWEAVE_ACCEPT_GONE": "yes"}, {})


def test_the_configuration_keys_are_those_of_the_official_bridge_and_ours():
    assert CONFIG_KEYS == (
        "coreweave:token",
        "coreweave:endpoint",
        "coreweave:s3Endpoint",
        "coreweave:s3Profile",
        "coreweave:s3Credentials",
    )


def test_a_secret_shows_itself_nowhere_but_on_demand():
    settings = resolve(TOKEN, {})

    assert f"{settings.token}" == str(settings.token) == repr(settings.token) == "***"
    assert "CW-SECRET" not in repr(settings)
    assert settings.token.reveal() == "CW-SECRET-one"


def test_a_secret_is_never_pickled():
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(Secret("x"))


def test_secrets_compare_by_value():
    assert Secret("x") == Secret("x") != Secret("y")
    assert len({Secret("x"), Secret("x")}) == 1


def test_settings_do_not_change_after_they_are_made():
    with pytest.raises(dataclasses.FrozenInstanceError):
        resolve(TOKEN, {}).endpoint = "https://elsewhere"
