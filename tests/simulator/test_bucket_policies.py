from __future__ import annotations

import json
from typing import Any

import pytest
from coreweave_inference.simulator.bucket_policies import (
    INFERENCE_SERVICE,
    AccessRequest,
    MalformedPolicy,
    may_access,
    parse_policy,
    principal_arn,
)

from tests.simulator.storage_fixtures import (
    OWNER,
    STRANGER,
    document,
    inference_statement,
    owner_statement,
    statement,
)

BUCKET = "acme-weights"
BUCKET_ARN = f"arn:aws:s3:::{BUCKET}"
OWN_USER = principal_arn(OWNER, "u1")
FOREIGN_USER = principal_arn(STRANGER, "u2")
SAML_USER = f"arn:aws:iam::{OWNER}:saml/engineers"


def allowed(
    principal: str,
    action: str = "s3:GetObject",
    resource: str = f"{BUCKET_ARN}/models/a",
    *statements: dict[str, Any],
    prefix: str | None = None,
) -> bool:
    policy = parse_policy(document(*statements), BUCKET) if statements else None
    return may_access(OWNER, policy, AccessRequest(principal, action, resource, prefix))


def readers(*statements: dict[str, Any]) -> set[str]:
    """Who of the four may get an object."""
    everyone = {"own": OWN_USER, "foreign": FOREIGN_USER, "saml": SAML_USER, "inference": INFERENCE_SERVICE}
    policy = parse_policy(document(*statements), BUCKET) if statements else None
    request = {
        name: AccessRequest(who, "s3:GetObject", f"{BUCKET_ARN}/models/a") for name, who in everyone.items()
    }
    return {name for name, asked in request.items() if may_access(OWNER, policy, asked)}


def test_without_a_policy_the_owning_organisation_may_do_all_and_nobody_else_anything() -> None:
    assert readers() == {"own", "saml"}


def test_a_policy_shuts_out_everyone_it_does_not_name_the_owners_users_included() -> None:
    assert readers(inference_statement(BUCKET)) == {"inference"}


def test_a_statement_with_the_owners_organisation_id_keeps_its_users_in() -> None:
    assert readers(inference_statement(BUCKET), owner_statement(BUCKET)) == {"own", "saml", "inference"}


@pytest.mark.parametrize(
    ("principal", "named"),
    [
        ("*", {"own", "foreign", "saml", "inference"}),
        ({"CW": "*"}, {"own", "foreign", "inference"}),
        ({"AWS": "*"}, {"own", "foreign", "saml", "inference"}),
        ({"CW": ["*"]}, {"own", "foreign", "inference"}),
        ({"CW": [OWN_USER]}, {"own"}),
        ({"AWS": SAML_USER}, {"saml"}),
        ({"CW": [OWN_USER], "AWS": [SAML_USER]}, {"own", "saml"}),
        ({"CW": SAML_USER}, set()),
    ],
)
def test_each_form_of_a_principal_names_others(principal: Any, named: set[str]) -> None:
    assert readers(statement(BUCKET, Principal=principal)) == named


def test_a_not_principal_names_everyone_else() -> None:
    others = statement(BUCKET, Principal=None, NotPrincipal={"CW": [FOREIGN_USER]})

    assert readers(others) == {"own", "saml", "inference"}


def test_a_deny_wins_over_every_allow() -> None:
    deny = statement(BUCKET, effect="Deny", Principal={"CW": [INFERENCE_SERVICE]}, Action="s3:Get*")

    assert readers(statement(BUCKET), deny) == {"own", "foreign", "saml"}


@pytest.mark.parametrize("action", ["s3:PutBucketPolicy", "s3:GetBucketPolicy", "s3:DeleteBucketPolicy"])
def test_the_policy_itself_is_in_the_owners_hands_whatever_it_says(action: str) -> None:
    deny = statement(BUCKET, effect="Deny")

    assert allowed(OWN_USER, action, BUCKET_ARN, deny)
    assert not allowed(FOREIGN_USER, action, BUCKET_ARN, statement(BUCKET))


@pytest.mark.parametrize(
    ("elements", "action", "expected"),
    [
        ({"Action": "s3:GetObject"}, "s3:GetObject", True),
        ({"Action": "S3:getobject"}, "s3:GetObject", True),
        ({"Action": "s3:GetObject"}, "s3:GetObjectVersion", False),
        ({"Action": ["s3:List*", "s3:Get*"]}, "s3:GetObjectVersion", True),
        ({"Action": "s3:?etObject"}, "s3:GetObject", True),
        ({"Action": "s3:?etObject"}, "s3:etObject", False),
        ({"Action": "*"}, "s3:GetObject", True),
        ({"Action": None, "NotAction": "s3:Delete*"}, "s3:GetObject", True),
        ({"Action": None, "NotAction": "s3:Get*"}, "s3:GetObject", False),
    ],
)
def test_actions_match_with_wildcards_and_without_case(
    elements: dict[str, Any], action: str, expected: bool
) -> None:
    assert allowed(OWN_USER, action, f"{BUCKET_ARN}/models/a", statement(BUCKET, **elements)) is expected


@pytest.mark.parametrize(
    ("elements", "key", "expected"),
    [
        ({"Resource": f"{BUCKET_ARN}/models/*"}, "models/a/b", True),
        ({"Resource": f"{BUCKET_ARN}/models/*"}, "Models/a", False),
        ({"Resource": f"{BUCKET_ARN}/models/*"}, "other/models/a", False),
        ({"Resource": f"{BUCKET_ARN}/models/?"}, "models/a", True),
        ({"Resource": f"{BUCKET_ARN}/models/?"}, "models/ab", False),
        ({"Resource": f"{BUCKET_ARN}/a.b[1]"}, "a.b[1]", True),
        ({"Resource": f"{BUCKET_ARN}/a.b"}, "axb", False),
        ({"Resource": "arn:aws:s3:::*"}, "models/a", True),
        ({"Resource": None, "NotResource": f"{BUCKET_ARN}/private/*"}, "models/a", True),
        ({"Resource": None, "NotResource": f"{BUCKET_ARN}/private/*"}, "private/a", False),
    ],
)
def test_resources_match_with_wildcards_and_with_case(
    elements: dict[str, Any], key: str, expected: bool
) -> None:
    answer = allowed(OWN_USER, "s3:GetObject", f"{BUCKET_ARN}/{key}", statement(BUCKET, **elements))

    assert answer is expected


@pytest.mark.parametrize(
    ("condition", "named"),
    [
        ({"StringEquals": {"cw:PrincipalOrgID": OWNER}}, {"own", "saml"}),
        ({"StringEquals": {"cw:PrincipalOrgID": [OWNER, STRANGER]}}, {"own", "saml", "foreign"}),
        ({"StringEquals": {"CW:principalorgid": OWNER}}, {"own", "saml"}),
        ({"StringEqualsIgnoreCase": {"cw:PrincipalOrgID": OWNER.upper()}}, {"own", "saml"}),
        ({"StringLike": {"cw:PrincipalOrgID": "ab1*"}}, {"own", "saml"}),
        ({"StringNotEquals": {"cw:PrincipalOrgID": [OWNER, STRANGER]}}, {"inference"}),
        ({"StringNotLike": {"cw:PrincipalOrgID": "cw*"}}, {"own", "saml"}),
        ({"StringEquals": {"cw:PrincipalOrgID": OWNER}, "StringLike": {"cw:PrincipalOrgID": "cw*"}}, set()),
    ],
)
def test_conditions_narrow_a_statement(condition: dict[str, Any], named: set[str]) -> None:
    assert readers(statement(BUCKET, Condition=condition)) == named


@pytest.mark.parametrize(
    "condition",
    [
        {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        {"StringEquals": {"aws:PrincipalTag/team": "ml"}},
        {"StringEqualsIfExists": {"cw:PrincipalOrgID": OWNER}},
    ],
)
def test_a_condition_that_is_not_understood_grants_nothing_and_denies(condition: dict[str, Any]) -> None:
    granting = statement(BUCKET, Condition=condition)
    denying = statement(BUCKET, effect="Deny", Condition=condition)

    assert readers(granting) == set()
    assert readers(statement(BUCKET), denying) == set()


def test_a_condition_that_surely_fails_settles_it_beside_one_not_understood() -> None:
    condition = {"StringEquals": {"cw:PrincipalOrgID": "nobody"}, "Bool": {"aws:SecureTransport": "true"}}

    assert readers(statement(BUCKET), statement(BUCKET, effect="Deny", Condition=condition)) == {
        "own",
        "foreign",
        "saml",
        "inference",
    }


def test_a_listing_can_be_limited_to_a_prefix() -> None:
    limited = statement(BUCKET, Condition={"StringLike": {"s3:prefix": "models/*"}})

    assert allowed(OWN_USER, "s3:ListBucket", BUCKET_ARN, limited, prefix="models/a")
    assert not allowed(OWN_USER, "s3:ListBucket", BUCKET_ARN, limited, prefix="private/")
    assert not allowed(OWN_USER, "s3:ListBucket", BUCKET_ARN, limited)


def policy_with(**elements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [statement(BUCKET, **elements)]}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ([], "the policy is not a JSON object"),
        ({"Statement": [statement(BUCKET)]}, 'Version must be "2012-10-17", not null'),
        (
            {"Version": "2008-10-17", "Statement": [statement(BUCKET)]},
            'Version must be "2012-10-17", not "2008-10-17"',
        ),
        ({"Version": "2012-10-17"}, "Statement must hold at least one statement"),
        ({"Version": "2012-10-17", "Statement": []}, "Statement must hold at least one statement"),
        (
            {"Version": "2012-10-17", "Statement": [statement(BUCKET)], "statement": []},
            "the policy: unknown statement (known: Id, Statement, Version)",
        ),
        (policy_with(Effect="allow"), 'statement 1: Effect must be "Allow" or "Deny"'),
        (
            policy_with(Principal={"Service": "x"}),
            "statement 1: Principal: unknown Service (known: AWS, CW)",
        ),
        (policy_with(Principal="nobody"), 'statement 1: Principal must be "*" or an object with AWS or CW'),
        (policy_with(Principal=None), "statement 1: exactly one of Principal and NotPrincipal is required"),
        (policy_with(NotAction="s3:*"), "statement 1: exactly one of Action and NotAction is required"),
        (policy_with(Action="cwobject:*"), 'statement 1: "cwobject:*" is not an S3 action'),
        (policy_with(Action=[]), "statement 1: Action must be a string or a list of strings"),
        (
            policy_with(Resource="arn:aws:s3:::other/*"),
            'statement 1: resource "arn:aws:s3:::other/*" is outside bucket "acme-weights"',
        ),
        (policy_with(Resource="*"), 'statement 1: resource "*" is outside bucket "acme-weights"'),
        (
            policy_with(Condition=["x"]),
            "statement 1: Condition must be an object of operators, each an object of keys",
        ),
        (
            {"Version": "2012-10-17", "Statement": [statement(BUCKET, Sid="A"), statement(BUCKET, Sid="A")]},
            'Sid "A" must be a string and occur once',
        ),
    ],
)
def test_a_malformed_policy_is_refused_with_what_is_wrong(written: Any, message: str) -> None:
    with pytest.raises(MalformedPolicy) as caught:
        parse_policy(json.dumps(written), BUCKET)

    assert str(caught.value) == message


@pytest.mark.parametrize("written", [b"{", b"\xff\xfe", b""])
def test_what_is_not_json_is_refused(written: bytes) -> None:
    with pytest.raises(MalformedPolicy, match="the policy is not valid JSON"):
        parse_policy(written, BUCKET)


def test_a_single_statement_and_scalars_mean_lists_of_one() -> None:
    scalar = {"Version": "2012-10-17", "Statement": statement(BUCKET, Resource=BUCKET_ARN)}
    listed = document(statement(BUCKET, Action=["s3:*"], Resource=[BUCKET_ARN]))

    assert parse_policy(json.dumps(scalar), BUCKET) == parse_policy(listed, BUCKET)
