"""Which base URLs a token is sent to."""

from __future__ import annotations

import pytest
from coreweave_inference.endpoints import is_loopback, same_endpoint, valid_endpoint
from coreweave_inference.errors import SettingsError
from coreweave_inference.settings import resolve


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
def test_loopback_hosts_are_told_by_address(host, loopback):
    assert is_loopback(host) is loopback
