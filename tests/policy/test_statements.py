"""The inference service's statement: built, put into a document, found and taken out again."""

from __future__ import annotations

import copy

import pytest
from coreweave_inference.errors import InvalidDeclaration, NotOurs
from coreweave_inference.policy.statements import (
    INFERENCE_SID,
    decide,
    find_ours,
    inference_statement,
    merged,
    normal_prefix,
    owner_statement,
    same_meaning,
    sid_for,
    without,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.documents import BUCKET, actions, documents, organizations, principals, resources

BACKUP = {
    "Sid": "Backup",
    "Effect": "Deny",
    "NotPrincipal": {"AWS": "arn:aws:iam::ab1cd2:coreweave/backup"},
    "NotAction": ["s3:GetObject"],
    "Resource": f"arn:aws:s3:::{BUCKET}/*",
    "Condition": {"Bool": {"aws:SecureTransport": False}},
}


def test_the_inference_statement_is_that_of_the_documentation():
    assert inference_statement("acme-weights") == {
        "Sid": "AllowInference",
        "Effect": "Allow",
        "Principal": {"CW": ["arn:aws:iam::cw4637:coreweave/uvAGGQSxxXeeQBJzcGsD9"]},
        "Action": ["s3:ListBucket", "s3:GetObject"],
        "Resource": ["arn:aws:s3:::acme-weights", "arn:aws:s3:::acme-weights/*"],
    }


def test_prefixes_narrow_reading_and_leave_the_bucket_arn():
    assert inference_statement("acme-weights", ["path/to/models", "/other/", "other/*"])["Resource"] == [
        "arn:aws:s3:::acme-weights",
        "arn:aws:s3:::acme-weights/path/to/models/*",
        "arn:aws:s3:::acme-weights/other/*",
    ]


def test_a_prefix_that_is_the_whole_bucket_makes_the_others_needless():
    assert inference_statement(BUCKET, ["models", "/"]) == inference_statement(BUCKET)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("models", "models"),
        ("/models/", "models"),
        ("models/*", "models"),
        ("models/a/", "models/a"),
        ("", ""),
        ("*", ""),
        ("/", ""),
        ("/*", ""),
    ],
)
def test_the_spellings_of_a_prefix_are_one(written, normal):
    assert normal_prefix(written) == normal


@pytest.mark.parametrize("prefix", ["mod*els", "models*", "models/?", "models/*/x", "${aws:username}"])
def test_a_prefix_that_a_policy_would_not_take_literally_is_refused(prefix):
    with pytest.raises(InvalidDeclaration, match="holds a wildcard"):
        inference_statement(BUCKET, [prefix])


@pytest.mark.parametrize("bucket", ["", "*", "acme-?", "a/b", "${x}", "arn:aws:s3:::x"])
def test_a_bucket_that_would_mean_more_than_one_is_refused(bucket):
    with pytest.raises(InvalidDeclaration, match="is not a bucket name"):
        inference_statement(bucket)


def test_the_owners_statement_lets_the_organization_in_and_nobody_else():
    assert owner_statement(BUCKET, "ab1cd2") == {
        "Sid": "AllowOwnOrganization",
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:*"],
        "Resource": ["arn:aws:s3:::acme-weights", "arn:aws:s3:::acme-weights/*"],
        "Condition": {"StringEquals": {"cw:PrincipalOrgID": "ab1cd2"}},
    }


def test_an_owners_statement_for_no_organization_is_refused():
    with pytest.raises(InvalidDeclaration, match="organization id is empty"):
        owner_statement(BUCKET, "")


def test_a_first_policy_holds_our_statement_and_the_owners():
    ours, owner = inference_statement(BUCKET), owner_statement(BUCKET, "ab1cd2")

    assert merged(None, ours, owner) == {"Version": "2012-10-17", "Statement": [ours, owner]}


def test_statements_of_others_stay_as_they_are_and_where_they_are():
    document = {"Version": "2008-10-17", "Id": "theirs", "Statement": [BACKUP]}
    before = copy.deepcopy(document)

    result = merged(document, inference_statement(BUCKET))

    assert result == {
        "Version": "2008-10-17",
        "Id": "theirs",
        "Statement": [BACKUP, inference_statement(BUCKET)],
    }
    assert document == before


def test_our_statement_is_replaced_in_its_place():
    document = merged({"Version": "2012-10-17", "Statement": BACKUP}, inference_statement(BUCKET))
    last = {**BACKUP, "Sid": "Last"}
    document["Statement"].append(last)

    result = merged(document, inference_statement(BUCKET, ["models"]))

    assert result["Statement"] == [BACKUP, inference_statement(BUCKET, ["models"]), last]


def test_a_statement_of_our_sid_that_is_not_ours_is_never_replaced():
    foreign = {**BACKUP, "Sid": INFERENCE_SID}

    with pytest.raises(NotOurs, match='"AllowInference" that this stack did not write'):
        merged({"Statement": [foreign]}, inference_statement(BUCKET))


@pytest.mark.parametrize(
    "held", [None, BACKUP, inference_statement(BUCKET), {**BACKUP, "Sid": "AllowInference"}]
)
def test_the_sid_of_a_stack_is_its_own_whatever_a_bucket_holds(held):
    document = {"Statement": [held]} if held else None

    assert sid_for(document, "acme/dev") == "AllowInference6fb62d6d"
    assert sid_for(document, "acme/prod") != sid_for(document, "acme/dev")


def test_a_sid_chosen_earlier_is_kept_as_long_as_nobody_else_holds_it():
    ours = inference_statement(BUCKET)

    assert sid_for({"Statement": [ours]}, "acme/dev", earlier="AllowInference") == "AllowInference"
    assert sid_for(None, "acme/dev", earlier="AllowInference1234abcd") == "AllowInference1234abcd"
    assert (
        sid_for({"Statement": [{**BACKUP, "Sid": INFERENCE_SID}]}, "acme/dev", earlier=INFERENCE_SID)
        == "AllowInference6fb62d6d"
    )


def test_a_stack_that_lost_its_state_finds_its_own_sid_again():
    document = {"Statement": [inference_statement(BUCKET, sid="AllowInference6fb62d6d")]}

    assert sid_for(document, "acme/dev") == "AllowInference6fb62d6d"


def test_two_stacks_share_a_bucket_and_each_takes_out_its_own():
    dev = inference_statement(BUCKET, ["dev"], sid_for(None, "dev"))
    document = merged(None, dev)
    prod = inference_statement(BUCKET, ["prod"], sid_for(document, "prod"))
    document = merged(document, prod)

    assert document["Statement"] == [dev, prod]
    assert without(document, dev["Sid"]) == {"Version": "2012-10-17", "Statement": [prod]}
    assert without(document, prod["Sid"]) == {"Version": "2012-10-17", "Statement": [dev]}


@pytest.mark.parametrize(
    "statement",
    [
        {**BACKUP, "Sid": INFERENCE_SID},
        {**inference_statement(BUCKET), "Effect": "Deny"},
        {**inference_statement(BUCKET), "Principal": "*"},
        {**inference_statement(BUCKET), "Principal": {"AWS": inference_statement(BUCKET)["Principal"]["CW"]}},
        inference_statement(BUCKET, sid="Other"),
    ],
)
def test_only_a_statement_of_our_sid_for_the_inference_service_is_ours(statement):
    document = {"Statement": [statement]}

    assert find_ours(document, INFERENCE_SID) is None
    assert without(document, INFERENCE_SID) == document


def test_our_statement_is_found_also_when_the_service_shows_its_list_of_one_as_a_string():
    shown = {
        **inference_statement(BUCKET),
        "Principal": {"CW": inference_statement(BUCKET)["Principal"]["CW"][0]},
    }

    assert find_ours({"Statement": shown}, INFERENCE_SID) == shown


def test_nothing_is_left_when_only_our_statements_were_there():
    ours, owner = inference_statement(BUCKET), owner_statement(BUCKET, "ab1cd2")

    assert without(merged(None, ours, owner), ours["Sid"], owner["Sid"]) is None
    assert without(None, ours["Sid"]) is None


def test_the_owner_stays_in_as_long_as_others_statements_stay():
    ours, owner = inference_statement(BUCKET), owner_statement(BUCKET, "ab1cd2")
    document = merged({"Statement": [BACKUP]}, ours, owner)

    assert without(document, ours["Sid"], owner["Sid"]) == {"Statement": [BACKUP, owner]}


@given(documents(), st.sampled_from([[], ["models"]]), st.booleans())
def test_taking_out_what_was_put_in_gives_the_same_meaning_as_before(document, prefixes, again):
    statement = inference_statement(BUCKET, prefixes, sid_for(document, "acme/dev"))
    changed = merged(document, statement)
    if again:
        sid = sid_for(changed, "acme/dev", earlier=statement["Sid"])
        changed = merged(changed, inference_statement(BUCKET, ["else"], sid))

    assert same_meaning(without(changed, statement["Sid"]), document)


@given(documents(), principals, organizations, actions, resources)
def test_a_merged_policy_never_grants_what_neither_part_grants(
    document, principal, organization, action, resource
):
    statement = inference_statement(BUCKET, ["models"], sid_for(document, "acme/dev"))
    request = (principal, organization, action, resource)

    together = decide(merged(document, statement), *request).allowed
    before = decide(document, *request).allowed
    alone = decide({"Statement": [statement]}, *request).allowed

    assert not together or before or alone
    assert together or not before
