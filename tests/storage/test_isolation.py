"""Nothing of the environment reaches object storage, and two connections share nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
from coreweave_inference.storage.client import BucketState, ObjectStorage
from coreweave_inference.storage.credentials import S3Credentials

ZONE = "US-EAST-04A"
AMBIENT = {
    "AWS_ACCESS_KEY_ID": "state-key",
    "AWS_SECRET_ACCESS_KEY": "state-secret",
    "AWS_SESSION_TOKEN": "state-token",
    "AWS_PROFILE": "no-such-profile",
    "AWS_DEFAULT_PROFILE": "no-such-profile",
    "AWS_REGION": "mars-1",
    "AWS_DEFAULT_REGION": "mars-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    "AWS_CA_BUNDLE": "/no/such/bundle",
    "REQUESTS_CA_BUNDLE": "/no/such/bundle",
    "AWS_RETRY_MODE": "no-such-mode",
    "AWS_MAX_ATTEMPTS": "many",
    "AWS_DEFAULTS_MODE": "no-such-mode",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "nonsense",
    "AWS_REQUEST_CHECKSUM_CALCULATION": "nonsense",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "nonsense",
    "AWS_SIGV4A_SIGNING_REGION_SET": "*",
    "AWS_AUTH_SCHEME_PREFERENCE": "sigv4a",
    "AWS_DATA_PATH": "/no/such/path",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/keys",
}


@pytest.fixture
def _ambient(monkeypatch, tmp_path):
    """Everything at once that an AWS SDK reads by itself, all of it wrong."""
    config = tmp_path / "config"
    config.write_text(
        "[default]\nregion = mars-1\nendpoint_url = http://127.0.0.1:9\ns3 =\n  addressing_style = path\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(config))
    for variable, value in AMBIENT.items():
        monkeypatch.setenv(variable, value)


@pytest.mark.usefixtures("_ambient")
def test_no_ambient_setting_has_an_influence(connect):
    assert connect().create_bucket("acme-weights", ZONE, {"a": "b"}) == BucketState(
        "acme-weights", ZONE, {"a": "b"}
    )


@pytest.mark.usefixtures("_ambient")
def test_requests_go_to_the_bucket_as_a_host_signed_for_the_zone_with_the_key_given():
    storage = ObjectStorage("https://cwobject.com", lambda: S3Credentials("key-1", "s", "token-1"), "RNO2A")

    url = urlsplit(
        storage._s3.client.generate_presigned_url("head_bucket", Params={"Bucket": "acme-weights"})
    )

    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    key, _, *scope = query["X-Amz-Credential"].split("/")
    assert (url.scheme, url.netloc, url.path) == ("https", "acme-weights.cwobject.com", "/")
    assert (key, query["X-Amz-Security-Token"], scope) == (
        "key-1",
        "token-1",
        ["RNO2A", "s3", "aws4_request"],
    )


def test_two_connections_with_two_tokens_use_two_keys(simulator, connect):
    mine, theirs = connect(), connect("CW-SECRET-simulator-stranger")

    mine.create_bucket("acme-weights", ZONE)
    theirs.create_bucket("other-weights", ZONE)

    owners = {bucket["name"]: bucket["organisation"] for bucket in simulator.storage.buckets()}
    assert owners == {"acme-weights": "ab1cd2", "other-weights": "cw12ab"}


def test_the_aws_libraries_are_imported_when_object_storage_is_used_and_not_before():
    program = """
import json, sys
import coreweave_inference.settings, coreweave_inference.storage
print(json.dumps(sorted(name for name in ("boto3", "botocore") if name in sys.modules)))
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == []


def test_descriptions_of_s3_in_the_home_directory_are_not_read(tmp_path):
    theirs = tmp_path / ".aws" / "models" / "s3" / "2050-01-01"
    theirs.mkdir(parents=True)
    (theirs / "service-2.json").write_text("{}")
    program = """
from coreweave_inference.storage.client import ObjectStorage
from coreweave_inference.storage.credentials import S3Credentials
storage = ObjectStorage("https://cwobject.com", lambda: S3Credentials("key-1", "s", "token-1"), "RNO2A")
print(storage._s3.client.meta.service_model.api_version)
"""

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "2006-03-01"
