"""Proxies and certificates: the same rules for the API, object storage and GitHub."""

from __future__ import annotations

import os
from pathlib import Path

import certifi
import pytest
from coreweave_inference.api.client import InferenceApi
from coreweave_inference.clock import system
from coreweave_inference.errors import CoreWeaveError, SettingsError
from coreweave_inference.network.connections import ca_file, proxy_for
from coreweave_inference.settings.resolution import resolve
from coreweave_inference.settings.secret import Secret
from coreweave_inference.storage.connection import S3Connection
from coreweave_inference.storage.credentials import S3Credentials

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("[::1]", "http://[::1]:8080", True),
        ("::1", "http://[::1]:8080", True),
        ("fd00::/8", "http://[fd12::7]:8080", True),
        ("fd00::/8", "http://[fe80::7]:8080", False),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://api.coreweave.com", False),
        ("coreweave.com", "https://api.coreweave.com", True),
        (".coreweave.com", "https://api.coreweave.com", True),
        ("*.coreweave.com", "https://API.coreweave.com", True),
        ("coreweave.com", "https://notcoreweave.com", False),
        ("127.0.0.1:8080", "http://127.0.0.1:8080", True),
        ("127.0.0.1:9090", "http://127.0.0.1:8080", False),
        ("*", "https://api.coreweave.com", True),
        (" , localhost", "http://localhost:1", True),
        ("[", "https://api.coreweave.com", False),
        ("", "https://api.coreweave.com", False),
    ],
)
def test_no_proxy_has_hosts_domains_addresses_and_networks(no_proxy: str, url: str, direct: bool) -> None:
    environ = {"HTTP_PROXY": PROXY, "HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}

    assert proxy_for(url, environ) == (None if direct else PROXY)


def test_the_schemes_own_proxy_comes_before_the_one_for_all_and_small_letters_before_capitals() -> None:
    assert proxy_for("https://a.example", {"ALL_PROXY": PROXY}) == PROXY
    assert proxy_for("https://a.example", {"ALL_PROXY": "http://x", "HTTPS_PROXY": PROXY}) == PROXY
    assert proxy_for("https://a.example", {"HTTPS_PROXY": "http://x", "https_proxy": PROXY}) == PROXY
    assert proxy_for("https://a.example", {"https_proxy": "proxy.example:3128"}) == PROXY
    assert proxy_for("https://a.example", {"HTTP_PROXY": PROXY}) is None


@pytest.mark.parametrize("proxy", ["socks5://proxy.example:1080", "http://", "http://p:port", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_one_sentence_from_every_client(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    key = S3Credentials("id", "secret")

    with pytest.raises(SettingsError, match="ALL_PROXY") as api:
        InferenceApi("https://api.example", Secret("t"))
    with pytest.raises(SettingsError, match="ALL_PROXY"):
        _ = S3Connection("https://s3.example", lambda: key, "z", system).client

    assert "\n" not in str(api.value)


@pytest.mark.parametrize("no_proxy", ["[::1]", "fd00::/8", "[fd00::1],localhost", "[::1"])
def test_no_form_of_no_proxy_keeps_a_client_from_being_made(
    no_proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", no_proxy)
    monkeypatch.setenv("HTTPS_PROXY", PROXY)

    InferenceApi.of(resolve({"CW_API_TOKEN": "t"}, {})).close()


def test_one_variable_names_the_certificates_of_all_and_a_file_without_any_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("no certificate")

    assert ca_file({}) is None
    assert ca_file({"SSL_CERT_FILE": certifi.where()}) == certifi.where()
    os.mkfifo(tmp_path / "pipe.pem")
    for path in (str(empty), *(str(tmp_path / name) for name in ("nowhere.pem", "pipe.pem", "."))):
        monkeypatch.setenv("SSL_CERT_FILE", path)
        with pytest.raises(CoreWeaveError, match="SSL_CERT_FILE is"):
            InferenceApi("https://api.example", Secret("t"))
        with pytest.raises(CoreWeaveError, match="SSL_CERT_FILE is"):
            _ = S3Connection("https://s3.example", lambda: S3Credentials("i", "s"), "z", system).client
