"""What the inference service may read once this stack's statement is in a bucket's policy."""

from __future__ import annotations

import json

import pytest
from coreweave_inference.checks.facts import BucketFacts
from coreweave_inference.checks.weights_access import effective_policy
from coreweave_inference.policy.statements import INFERENCE_PRINCIPAL, inference_may_read

from tests.checks.situations import codes, view

ARN = "arn:aws:s3:::acme-weights"
UNGRANTED = {"declaration": "buckets: {weights: {policy: null}}"}
ALLOW = {
    "Sid": "AllowInference",
    "Effect": "Allow",
    "Principal": {"CW": [INFERENCE_PRINCIPAL]},
    "Action": ["s3:ListBucket", "s3:GetObject"],
    "Resource": [ARN, f"{ARN}/*"],
}
STRANGERS = {
    "Effect": "Allow",
    "Principal": {"CW": "arn:aws:iam::ab1cd2:coreweave/alice"},
    "Action": "*",
    "Resource": "*",
}
NO = {"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}


def bucket(*statements):
    policy = {"Version": "2012-10-17", "Statement": list(statements)} if statements else None
    return {"buckets": json.dumps({"acme-weights": {"policy": policy}})}


def access(found):
    return sorted({code for code in found if code.startswith("weights-")})


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([], ["weights-not-listed"]),
        ([ALLOW], []),
        ([{**ALLOW, "Principal": "*"}], []),
        ([{**ALLOW, "Action": "s3:*"}], []),
        ([{**ALLOW, "Action": "s3:GetObject"}], ["weights-not-listed"]),
        ([{**ALLOW, "Action": "s3:ListBucket"}], ["weights-not-readable"]),
        ([{**ALLOW, "Resource": f"{ARN}/*"}], ["weights-not-listed"]),
        ([{**ALLOW, "Resource": ARN}], ["weights-not-readable"]),
        ([{**ALLOW, "Resource": [ARN, f"{ARN}/models/*"]}], []),
        ([{**ALLOW, "Resource": [ARN, f"{ARN}/models/chat-v1*", f"{ARN}/models/chat-v2/*"]}], []),
        ([{**ALLOW, "Resource": [ARN, f"{ARN}/other/*"]}], ["weights-not-readable"]),
        (
            [{**ALLOW, "Principal": {"AWS": "uvAGGQSxxXeeQBJzcGsD9"}}],
            ["weights-not-listed", "weights-principal"],
        ),
        ([{**ALLOW, "Principal": {"CW": "cw4637"}}], ["weights-not-judged", "weights-principal"]),
        ([STRANGERS], ["weights-not-listed"]),
        ([ALLOW, {**ALLOW, "Sid": "No", "Effect": "Deny", "Principal": "*"}], ["weights-denied"]),
        ([ALLOW, {**ALLOW, "Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject"}], []),
        (
            [ALLOW, {**ALLOW, "Sid": "No", "Effect": "Deny", "Resource": f"{ARN}/models/chat-v2/*"}],
            ["weights-denied"],
        ),
        (
            [ALLOW, {"Effect": "Deny", "Principal": "*", "NotAction": "s3:GetObject", "Resource": "*"}],
            ["weights-denied"],
        ),
        (
            [{**ALLOW, "Condition": {"StringEquals": {"cw:PrincipalOrgID": "ab1cd2"}}}],
            ["weights-not-listed"],
        ),
        ([{**ALLOW, "Principal": {"AWS": "*"}}], []),
        ([{**ALLOW, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}], ["weights-not-judged"]),
        ([ALLOW, {**NO, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}], ["weights-not-judged"]),
        (
            [ALLOW, {**NO, "Condition": {"StringEquals": {"s3:ExistingObjectTag/secret": "yes"}}}],
            ["weights-not-judged"],
        ),
        (
            [ALLOW, {**NO, "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}}],
            ["weights-not-judged"],
        ),
        (
            [ALLOW, {**NO, "Condition": {"ArnNotEquals": {"aws:PrincipalArn": INFERENCE_PRINCIPAL}}}],
            [],
        ),
        (
            [ALLOW, {**NO, "Condition": {"ArnEquals": {"aws:PrincipalArn": INFERENCE_PRINCIPAL}}}],
            ["weights-denied"],
        ),
    ],
)
def test_a_bucket_of_others_is_judged_by_its_policy(statements, expected):
    assert access(codes(UNGRANTED, bucket(*statements))) == expected


@pytest.mark.parametrize(
    "statements", [[], [STRANGERS], [{**ALLOW, "Principal": {"CW": STRANGERS["Principal"]["CW"]}}]]
)
def test_our_own_statement_counts_before_it_is_put(statements):
    assert access(codes(bucket(*statements))) == []


def test_a_statement_of_others_is_not_taken_for_granted_where_ours_is_put():
    document = {"Version": "2012-10-17", "Statement": [STRANGERS]}
    seen = view({"declaration": "buckets: {weights: {policy: {prefixes: [models]}}}"})

    merged = effective_policy(seen, "acme-weights", BucketFacts(document))

    assert merged is not None
    assert STRANGERS in merged["Statement"]
    assert inference_may_read(merged, "acme-weights", "models/x").allowed
    assert not inference_may_read(merged, "acme-weights", "private/x").allowed


def test_a_policy_that_could_not_be_read_is_not_judged():
    assert access(codes(UNGRANTED, {"buckets": "acme-weights: {folders: {}}"})) == []


def test_a_bucket_that_does_not_exist_yet_is_not_judged():
    assert access(codes({"live": ""})) == []


def test_a_listing_that_failed_is_no_missing_model():
    assert access(codes({"buckets": "acme-weights: {policy: null, folders: {}}"})) == []


ELSEWHERE = {"declaration": "deployments: {canary: null, chat: {model: {path: archive/chat-v1}}}"}
SOMEBODYS = {**ALLOW, "Sid": "Archive", "Resource": [ARN, f"{ARN}/archive/*"]}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, ["weights-outside-prefixes"]),
        ({"buckets": json.dumps({"acme-weights": {}})}, ["weights-outside-prefixes"]),
        (bucket(), ["weights-not-readable"]),
        (bucket(STRANGERS), ["weights-not-readable"]),
        (bucket(ALLOW), []),
        (bucket(SOMEBODYS), []),
    ],
    ids=["offline", "policy unread", "no policy", "nobody opens it", "whole bucket open", "folder open"],
)
def test_a_path_outside_the_prefixes_is_an_error_only_where_the_whole_policy_is_known(known, expected):
    assert access(codes(ELSEWHERE, known)) == expected


@pytest.mark.parametrize("path", ["models", "/models/x/"])
def test_a_path_at_or_below_a_prefix_is_within_it(path):
    declared = {"declaration": f"deployments: {{canary: null, chat: {{model: {{path: {path}}}}}}}"}

    assert access(codes(declared)) == []
