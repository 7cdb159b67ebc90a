"""Which base URLs a token is sent to."""

from __future__ import annotations

import pytest
from coreweave_inference.api.client import InferenceApi
from coreweave_inference.errors import SettingsError
from coreweave_inference.network.endpoints import is_loopback, same_endpoint, valid_endpoint
from coreweave_inference.settings.resolution import resolve


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://api.example", "https://api.example"),
        ("https://api.example/", "https://api.example"),
        ("https://api.example:8443/proxy//", "https://api.example:8443/proxy"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:80/", "http://[::1]:80"),
        ("http://localhost:1", "http://localhost:1"),
    ],
)
def test_https_and_loopback_urls_are_taken_without_their_trailing_slash(url, taken):
    assert valid_endpoint(url, "CW_BASE_URL") == taken


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://api.example", "is not encrypted"),
        ("http://127.0.0.1.example", "is not encrypted"),
        ("http://cwlota.com", "is not encrypted"),
        ("api.coreweave.com", "is not an https URL"),
        ("ftp://api.example", "is not an https URL"),
        ("https://", "is not an https URL"),
        ("https://api.example?x=1", "carries a query or fragment"),
        ("https://api.example/#", "carries a query or fragment"),
        ("https://api.example:port", "is not a URL"),
        ("https://api.example\n", "is not a URL"),
        ("https://api. example", "is not a URL"),
    ],
)
def test_every_other_url_is_refused_naming_its_source(url, fault):
    with pytest.raises(SettingsError) as caught:
        valid_endpoint(url, "CW_BASE_URL")

    assert "the endpoint in CW_BASE_URL" in str(caught.value)
    assert fault in str(caught.value)


@pytest.mark.parametrize("url", ["https://user:hunter22@api.example", "user:hunter22@api.example"])
def test_a_password_in_a_url_is_refused_and_not_shown(url):
    with pytest.raises(SettingsError, match="user name or password") as caught:
        valid_endpoint(url, "coreweave:endpoint")

    assert "hunter22" not in str(caught.value)


def test_http_is_taken_from_anywhere_when_it_is_allowed():
    environ = {"CW_API_TOKEN": "t", "CW_BASE_URL": "http://test.example", "COREWEAVE_ALLOW_HTTP": "1"}

    assert resolve(environ, {}).endpoint == "http://test.example"


def test_the_object_storage_cache_inside_a_cluster_is_reached_over_http_but_the_api_is_not():
    environ = {"CW_API_TOKEN": "t", "COREWEAVE_S3_ENDPOINT": "http://cwlota.com"}

    assert resolve(environ, {}).s3_endpoint == "http://cwlota.com"
    with pytest.raises(SettingsError, match="not encrypted"):
        resolve({"CW_API_TOKEN": "t", "CW_BASE_URL": "http://cwlota.com"}, {})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://A.example/", "https://a.example:443", True),
        ("http://a.example", "https://a.example", False),
        ("https://a.example/x", "https://a.example/y", False),
        ("https://a:port", "https://a:port", True),
    ],
)
def test_two_urls_name_one_endpoint_when_only_their_spelling_differs(one, other, same):
    assert same_endpoint(one, other) is same


@pytest.mark.parametrize(
    ("host", "loopback"), [("localhost", True), ("::1", True), ("10.0.0.1", False), ("a.b", False)]
)
def test_loopback_hosts_are_known_by_address(host, loopback):
    assert is_loopback(host) is loopback


CONFIG_ENDPOINTS = ("coreweave:endpoint", "coreweave:s3Endpoint")


@pytest.mark.parametrize("key", CONFIG_ENDPOINTS)
@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://api.coreweave.com", True),
        ("https://api.eu.coreweave.com.", True),
        ("https://cwobject.com", True),
        ("https://127.0.0.1:8080", True),
        ("https://localhost", True),
        ("https://coreweave.com.collector.example", False),
        ("https://notcoreweave.com", False),
        ("https://collector.example/api.coreweave.com", False),
        ("https://allowed.example", True),
        ("https://ALLOWED.example:8443/x", True),
        ("https://below.allowed.example", False),
    ],
)
def test_an_endpoint_of_the_configuration_gets_secrets_only_where_someone_vouches_for_its_host(
    key, url, trusted
):
    environ = {"CW_API_TOKEN": "t", "COREWEAVE_ALLOWED_HOSTS": " Allowed.example ,other.example"}
    settings = resolve(environ, {key: url})

    if trusted:
        settings.require_trusted()
    else:
        with pytest.raises(SettingsError, match=r"COREWEAVE_ALLOWED_HOSTS=\S+"):
            settings.require_trusted()
        with pytest.raises(SettingsError, match=key):
            InferenceApi.of(settings)


@pytest.mark.parametrize("variable", ["COREWEAVE_API_ENDPOINT", "CW_BASE_URL", "COREWEAVE_S3_ENDPOINT"])
def test_an_endpoint_of_the_environment_needs_nobody_to_vouch_for_it(variable):
    resolve({"CW_API_TOKEN": "t", variable: "https://private.example"}, {}).require_trusted()


def test_a_token_of_the_configuration_goes_no_further_than_one_of_the_environment():
    config = {"coreweave:token": "t", "coreweave:endpoint": "https://collector.example"}

    with pytest.raises(SettingsError, match="no token or key is sent to it"):
        resolve({}, config, ["coreweave:token"]).require_trusted()


def test_the_endpoint_that_the_state_records_is_vouched_for_by_the_state_and_no_other_one_is_taken():
    settings = resolve({"CW_API_TOKEN": "t"}, {"coreweave:endpoint": "https://private.example"})

    settings.at("HTTPS://Private.example:443/").require_trusted()
    with pytest.raises(SettingsError, match=r"this stack lives at https://other\.example"):
        settings.at("https://other.example")
