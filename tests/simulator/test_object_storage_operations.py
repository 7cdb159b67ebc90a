"""Requests read as permissions, and requests that cannot be read."""

from __future__ import annotations

import pytest
from coreweave_inference.simulator.credentials import Credentials
from coreweave_inference.simulator.object_storage_buckets import zone_of
from coreweave_inference.simulator.object_storage_deletes import delete_objects
from coreweave_inference.simulator.object_storage_messages import Refused, S3Answer, S3Request
from coreweave_inference.simulator.object_storage_operations import Act, required_acts
from coreweave_inference.simulator.object_storage_signatures import authenticate

from tests.simulator.storage_fixtures import SteppedClock


def request(target: str, body: bytes = b"", **headers: str) -> S3Request:
    method, _, rest = target.partition(" ")
    path, _, query = rest.partition("?")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return S3Request(method, path, query, named, body)


@pytest.mark.parametrize(
    ("target", "action"),
    [
        ("HEAD /b", "s3:ListBucket"),
        ("GET /b", "s3:ListBucket"),
        ("GET /b/", "s3:ListBucket"),
        ("GET /b?versions", "s3:ListBucketVersions"),
        ("GET /b?uploads", "s3:ListBucketMultipartUploads"),
        ("GET /b?location", "s3:GetBucketLocation"),
        ("GET /b?policy", "s3:GetBucketPolicy"),
        ("PUT /b?policy", "s3:PutBucketPolicy"),
        ("DELETE /b?policy", "s3:DeleteBucketPolicy"),
        ("GET /b?policyStatus", "s3:GetBucketPolicyStatus"),
        ("GET /b?tagging", "s3:GetBucketTagging"),
        ("DELETE /b?tagging", "s3:PutBucketTagging"),
        ("PUT /b?lifecycle", "s3:PutLifecycleConfiguration"),
        ("DELETE /b?website", "s3:DeleteBucketWebsite"),
        ("DELETE /b", "s3:DeleteBucket"),
        ("DELETE /b?x-id=DeleteBucket", "s3:DeleteBucket"),
        ("GET /b/k", "s3:GetObject"),
        ("HEAD /b/k", "s3:GetObject"),
        ("GET /b/k?versionId=1", "s3:GetObjectVersion"),
        ("GET /b/k?tagging", "s3:GetObjectTagging"),
        ("GET /b/k?tagging&versionId=1", "s3:GetObjectVersionTagging"),
        ("GET /b/k?uploadId=1", "s3:ListMultipartUploadParts"),
        ("PUT /b/k", "s3:PutObject"),
        ("PUT /b/k?partNumber=1&uploadId=1", "s3:PutObject"),
        ("PUT /b/k?acl", "s3:PutObjectAcl"),
        ("POST /b/k?uploads", "s3:PutObject"),
        ("POST /b/k?restore", "s3:RestoreObject"),
        ("DELETE /b/k", "s3:DeleteObject"),
        ("DELETE /b/k?versionId=1", "s3:DeleteObjectVersion"),
        ("DELETE /b/k?tagging", "s3:DeleteObjectTagging"),
        ("DELETE /b/k?uploadId=1", "s3:AbortMultipartUpload"),
    ],
)
def test_each_request_needs_its_permission(target: str, action: str) -> None:
    resource = "arn:aws:s3:::b/k" if "/b/k" in target else "arn:aws:s3:::b"

    assert required_acts(request(target)) == [Act("b", action, resource)]


def test_a_listing_carries_its_prefix() -> None:
    assert required_acts(request("GET /b?list-type=2&prefix=models%2F")) == [
        Act("b", "s3:ListBucket", "arn:aws:s3:::b", prefix="models/")
    ]


@pytest.mark.parametrize(
    ("source", "action"), [("/a/x%2Fy", "s3:GetObject"), ("a/x%2Fy?versionId=1", "s3:GetObjectVersion")]
)
def test_a_copy_needs_its_source_too(source: str, action: str) -> None:
    assert required_acts(request("PUT /b/k", x_amz_copy_source=source)) == [
        Act("b", "s3:PutObject", "arn:aws:s3:::b/k"),
        Act("a", action, "arn:aws:s3:::a/x/y"),
    ]


@pytest.mark.parametrize("target", ["POST /b", "PUT /b?location", "OPTIONS /b/k", "PATCH /b"])
def test_what_nobody_can_do_is_not_allowed(target: str) -> None:
    with pytest.raises(Refused) as caught:
        required_acts(request(target))

    assert (caught.value.status, caught.value.code) == (405, "MethodNotAllowed")


@pytest.mark.parametrize("target", ["DELETE /b?metrics&id=1", "PUT /b?analytics"])
def test_a_change_to_an_unknown_part_is_never_taken_for_one_to_the_bucket(target: str) -> None:
    with pytest.raises(Refused) as caught:
        required_acts(request(target))

    assert (caught.value.status, caught.value.code) == (501, "NotImplemented")


@pytest.mark.parametrize("configuration", [b"<", b"zone"])
def test_a_bucket_configuration_that_is_not_xml_is_refused(configuration: bytes) -> None:
    with pytest.raises(Refused, match="MalformedXML"):
        zone_of(configuration)


def test_a_zone_is_read_with_and_without_a_namespace() -> None:
    inner = b"<LocationConstraint>RNO2A</LocationConstraint></CreateBucketConfiguration>"
    opening = b'<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'

    assert zone_of(opening + inner) == zone_of(b"<CreateBucketConfiguration>" + inner) == "RNO2A"


@pytest.mark.parametrize("body", [b"<Delete>", b"<Delete><Object><VersionId>1</VersionId></Object></Delete>"])
def test_a_delete_of_many_that_cannot_be_read_deletes_nothing(body: bytes) -> None:
    forwarded: list[S3Request] = []

    def forward(passed: S3Request) -> S3Answer:
        forwarded.append(passed)
        return S3Answer(200)

    with pytest.raises(Refused, match="MalformedXML"):
        delete_objects(request("POST /b?delete", body), lambda entry: True, forward)

    assert forwarded == []


@pytest.mark.parametrize("authorization", ["AWS CWKEY:signature", "Bearer CW-SECRET-x", "AWS4-HMAC-SHA256"])
def test_another_kind_of_signature_is_malformed(authorization: str) -> None:
    credentials = Credentials(SteppedClock())

    with pytest.raises(Refused, match="AuthorizationHeaderMalformed"):
        authenticate(request("GET /", authorization=authorization), credentials, now=0)
