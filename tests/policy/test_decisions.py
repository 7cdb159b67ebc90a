"""Whom a bucket policy lets in."""

from __future__ import annotations

import pytest
from coreweave_inference.policy.statements import (
    Decision,
    decide,
    inference_may_read,
    inference_statement,
    merged,
    owner_statement,
)
from hypothesis import given

from tests.policy.documents import ALICE, ARN, BUCKET, INFERENCE, documents

KEY = f"{ARN}/models/a/config.json"


def statement(**elements):
    return {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{ARN}/*", **elements}


def without_element(name, **elements):
    return {key: value for key, value in statement(**elements).items() if key != name}


def allowed(*statements, principal=ALICE, organization="ab1cd2", action="s3:GetObject", resource=KEY):
    return decide({"Statement": list(statements)}, principal, organization, action, resource).allowed


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({}, True),
        ({"Principal": {"CW": ALICE}}, True),
        ({"Principal": {"CW": [INFERENCE, ALICE]}}, True),
        ({"Principal": {"AWS": [INFERENCE, ALICE]}}, None),
        ({"Principal": {"CW": "*"}}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": ["*"]}}, True),
        ({"Principal": {"CW": INFERENCE}}, False),
        ({"Principal": {"CW": "arn:aws:iam::ab1cd2:root"}}, None),
        ({"Principal": {"Service": "x"}}, None),
        ({"Principal": ["*"]}, None),
        ({"Action": "*"}, True),
        ({"Action": "s3:*"}, True),
        ({"Action": ["s3:PutObject", "s3:Get*"]}, True),
        ({"Action": "S3:getOBJECT"}, True),
        ({"Action": "s3:GetObject?"}, False),
        ({"Action": "s3:Put*"}, False),
        ({"Resource": KEY}, True),
        ({"Resource": f"{ARN}/models/?/config.json"}, True),
        ({"Resource": "*"}, True),
        ({"Resource": ARN}, False),
        ({"Resource": f"{ARN}/MODELS/*"}, False),
        ({"Resource": f"{ARN}/models/[a]/config.json"}, False),
        ({"Resource": f"{ARN}/${{cw:user}}/*"}, None),
        ({"Effect": "allow"}, False),
    ],
)
def test_an_allow_needs_principal_action_and_resource(elements, expected):
    assert allowed(statement(**elements)) is expected


@pytest.mark.parametrize(
    ("element", "values", "expected"),
    [
        ("Principal", {"CW": INFERENCE}, True),
        ("Principal", {"CW": ALICE}, False),
        ("Principal", {"AWS": "*"}, False),
        ("Action", "s3:PutObject", True),
        ("Action", "s3:Get*", False),
        ("Resource", f"{ARN}/private/*", True),
        ("Resource", f"{ARN}/models/*", False),
    ],
)
def test_the_not_forms_mean_everything_else(element, values, expected):
    assert allowed({**without_element(element), f"Not{element}": values}) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({}, True),
        ({"StringEquals": {"cw:PrincipalOrgID": "ab1cd2"}}, True),
        ({"StringEquals": {"CW:principalorgid": ["zz", "ab1cd2"]}}, True),
        ({"StringEqualsIfExists": {"cw:PrincipalOrgID": "ab1cd2"}}, True),
        ({"StringEquals": {"cw:PrincipalOrgID": "AB1CD2"}}, False),
        ({"StringEqualsIgnoreCase": {"cw:PrincipalOrgID": "AB1CD2"}}, True),
        ({"StringLike": {"cw:PrincipalOrgID": "ab*"}}, True),
        ({"StringNotEquals": {"cw:PrincipalOrgID": "zz"}}, True),
        ({"StringNotEquals": {"cw:PrincipalOrgID": ["zz", "ab1cd2"]}}, False),
        ({"StringNotLike": {"cw:PrincipalOrgID": "ab*"}}, False),
        ({"StringEquals": {"cw:PrincipalOrgID": "${cw:org}"}}, None),
        ({"StringEquals": {"aws:SourceIp": "10.0.0.1"}}, None),
        ({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, None),
        ({"ForAllValues:StringEquals": {"cw:PrincipalOrgID": "ab1cd2"}}, None),
        ({"StringEquals": {"cw:PrincipalOrgID": "ab1cd2"}, "Bool": {"aws:SecureTransport": "true"}}, None),
        ({"StringEquals": {"cw:PrincipalOrgID": "zz"}, "Bool": {"aws:SecureTransport": "true"}}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::ab1cd2:coreweave/*"}}, True),
        ({"ArnEquals": {"AWS:principalArn": INFERENCE}}, False),
        ({"StringNotEquals": {"aws:PrincipalArn": INFERENCE}}, True),
        ({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::ab1cd2:*"}}, False),
        ({"StringEquals": "x"}, None),
        ("x", None),
    ],
)
def test_a_condition_that_is_not_understood_neither_allows_nor_refuses(condition, expected):
    assert allowed(statement(Condition=condition)) is expected


@pytest.mark.parametrize(
    ("deny", "expected"),
    [
        ({"Action": "s3:*"}, False),
        ({"Action": "s3:PutObject"}, True),
        ({"Principal": {"CW": INFERENCE}}, True),
        ({"Principal": {"AWS": "*"}}, False),
        ({"Condition": {"ArnNotEquals": {"aws:PrincipalArn": INFERENCE}}}, False),
        ({"Condition": {"StringNotEquals": {"aws:PrincipalArn": ALICE}}}, True),
        ({"Condition": {"StringEquals": {"s3:ExistingObjectTag/secret": "yes"}}}, None),
        ({"Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}}, None),
        ({"Condition": {"StringNotEquals": {"cw:PrincipalOrgID": "ab1cd2"}}}, True),
        ({"Condition": {"StringNotEquals": {"cw:PrincipalOrgID": "other"}}}, False),
        ({"Condition": {"Bool": {"aws:SecureTransport": "false"}}}, None),
        (
            {
                "Condition": {
                    "Bool": {"aws:SecureTransport": "false"},
                    "StringEquals": {"cw:PrincipalOrgID": "other"},
                }
            },
            True,
        ),
    ],
)
def test_a_deny_that_applies_wins_and_one_that_cannot_be_ruled_out_leaves_it_open(deny, expected):
    assert allowed(statement(), statement(Effect="Deny", **deny)) is expected
    assert allowed(statement(Effect="Deny", **deny), statement()) is expected


def test_a_principal_whose_organization_is_unknown_meets_no_condition_on_it():
    condition = {"StringNotEquals": {"cw:PrincipalOrgID": "zz"}}

    assert not allowed(statement(Condition=condition), organization="")
    assert not allowed(statement(), statement(Effect="Deny", Condition=condition), organization="")


@pytest.mark.parametrize("element", ["Principal", "Action", "Resource"])
def test_a_statement_that_lacks_an_element_or_has_both_forms_allows_nothing(element):
    both = statement()
    both[f"Not{element}"] = "x"

    assert not allowed(without_element(element))
    assert not allowed(both)


def test_a_decision_says_which_statement_decided_and_why():
    document = {
        "Statement": [
            statement(Sid="Reads"),
            statement(Sid="NoWrites", Effect="Deny", Action="s3:PutObject"),
            statement(Sid="Far", Effect="Deny", Action="s3:DeleteObject", Condition={"Bool": {"x": "true"}}),
            statement(Sid="Near", Action="s3:ListBucket", Condition={"Bool": {"x": "true"}}),
        ]
    }

    assert decide(document, ALICE, "ab1cd2", "s3:GetObject", KEY) == Decision(
        True, 'statement "Reads" allows s3:GetObject', "Reads"
    )
    assert decide(document, ALICE, "ab1cd2", "s3:PutObject", KEY) == Decision(
        False, 'statement "NoWrites" denies s3:PutObject', "NoWrites"
    )
    assert decide(document, ALICE, "ab1cd2", "s3:DeleteObject", KEY) == Decision(
        False, f"no statement allows s3:DeleteObject on {KEY}, and a policy denies what it does not name"
    )
    assert decide(document, ALICE, "ab1cd2", "s3:ListBucket", KEY) == Decision(
        None,
        'statement "Near" may allow s3:ListBucket: its condition or principal cannot be judged here',
        "Near",
    )
    assert decide({"Statement": []}, ALICE, "ab1cd2", "s3:X", KEY) == Decision(
        False, f"no statement allows s3:X on {KEY}, and a policy denies what it does not name"
    )
    assert decide({"Statement": statement()}, ALICE, "", "s3:GetObject", KEY).why == (
        "a statement (Allow) allows s3:GetObject"
    )


@pytest.mark.parametrize(
    ("document", "key", "expected"),
    [
        (None, "models/a", False),
        (merged(None, inference_statement(BUCKET)), "models/a", True),
        (merged(None, inference_statement(BUCKET)), "/models/a", True),
        (merged(None, inference_statement(BUCKET, ["models"])), "models/a", True),
        (merged(None, inference_statement(BUCKET, ["models"])), "private/a", False),
        (merged(None, inference_statement("other")), "models/a", False),
        ({"Statement": {**inference_statement(BUCKET), "Action": "s3:GetObject"}}, "models/a", False),
        ({"Statement": {**inference_statement(BUCKET), "Action": "s3:ListBucket"}}, "models/a", False),
        ({"Statement": owner_statement(BUCKET, "ab1cd2")}, "models/a", False),
        (
            {
                "Statement": [
                    inference_statement(BUCKET),
                    statement(Effect="Deny", Principal={"CW": "*"}, Action="s3:*"),
                ]
            },
            "models/a",
            False,
        ),
        (
            {
                "Statement": [
                    inference_statement(BUCKET),
                    statement(
                        Effect="Deny", Action="s3:*", Condition={"Bool": {"aws:SecureTransport": "false"}}
                    ),
                ]
            },
            "models/a",
            None,
        ),
    ],
)
def test_the_inference_service_reads_a_key_when_it_may_list_the_bucket_and_get_the_key(
    document, key, expected
):
    assert inference_may_read(document, BUCKET, key).allowed is expected


def test_a_bucket_without_a_policy_is_named_as_the_reason():
    assert inference_may_read(None, BUCKET, "x").why == (
        'bucket "acme-weights" has no policy, and without one only its owner reads it'
    )


@given(documents())
def test_a_deny_of_everything_leaves_nothing_allowed(document):
    statements = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]

    assert not allowed(*statements, statement(Effect="Deny", Action="*", Resource="*"))
