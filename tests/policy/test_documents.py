"""Policy documents compared by meaning, and read from what a user wrote."""

from __future__ import annotations

import copy
import json
import random

import pytest
from coreweave_inference.errors import InvalidDeclaration
from coreweave_inference.policy.statements import canonical, inference_statement, merged, parse, same_meaning
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.documents import documents

BASE = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "One",
            "Effect": "Allow",
            "Principal": {"CW": ["arn:a", "arn:b"]},
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
            "Condition": {
                "StringLike": {"s3:prefix": ["x/*", "y/*"]},
                "Bool": {"aws:SecureTransport": "true"},
            },
        },
        {
            "Effect": "Deny",
            "NotPrincipal": "*",
            "NotAction": "s3:GetObject",
            "NotResource": "arn:aws:s3:::b/*",
        },
    ],
}


def changed(change, statement=0):
    document = copy.deepcopy(BASE)
    document["Statement"][statement].update(change)
    return document


@pytest.mark.parametrize(
    "same",
    [
        {**BASE, "Statement": BASE["Statement"][::-1]},
        changed({"Action": ["s3:ListBucket", "s3:GetObject"]}),
        changed({"Action": ["s3:ListBucket", "s3:GetObject", "s3:ListBucket"]}),
        changed({"Principal": {"CW": ["arn:b", "arn:a"]}}),
        changed(
            {
                "Condition": {
                    "Bool": {"aws:SecureTransport": [True]},
                    "StringLike": {"s3:prefix": ["y/*", "x/*"]},
                }
            }
        ),
        changed({"NotAction": ["s3:GetObject"], "NotResource": ["arn:aws:s3:::b/*"]}, statement=1),
        changed({"Sid": "", "Condition": {}}, statement=1),
    ],
)
def test_spelling_and_order_make_no_difference(same):
    assert same_meaning(same, BASE)


@pytest.mark.parametrize(
    "other",
    [
        {**BASE, "Version": "2008-10-17"},
        {**BASE, "Id": "x"},
        {**BASE, "Statement": BASE["Statement"][:1]},
        changed({"Sid": "Two"}),
        changed({"Effect": "Deny"}),
        changed({"Principal": {"AWS": ["arn:a", "arn:b"]}}),
        changed(
            {"Condition": {"StringLike": {"s3:prefix": ["x/*"]}, "Bool": {"aws:SecureTransport": "true"}}}
        ),
        changed({"Condition": {}}),
        changed({"Condition": {"Bool": "true"}}),
        changed({"Condition": "true"}),
        changed({"NotAction": "s3:PutObject"}, statement=1),
        changed({"NotPrincipal": {"CW": "*"}}, statement=1),
        None,
    ],
)
def test_another_meaning_is_a_difference(other):
    assert not same_meaning(other, BASE)


@pytest.mark.parametrize("one", ["*", {"AWS": "*"}, {"CW": "*"}])
@pytest.mark.parametrize("other", ["*", {"AWS": "*"}, {"CW": "*"}])
def test_the_three_forms_of_everyone_differ(one, other):
    assert same_meaning(changed({"Principal": one}), changed({"Principal": other})) is (one == other)


def test_a_document_without_a_version_means_the_old_one():
    statements = BASE["Statement"]

    assert same_meaning({"Statement": statements}, {"Version": "2008-10-17", "Statement": statements})
    assert canonical(None) is None


def test_a_single_statement_needs_no_list():
    first = BASE["Statement"][0]

    assert same_meaning({"Statement": first}, {"Statement": [first]})


@given(documents(), st.integers())
def test_a_document_in_any_order_has_one_canonical_form(document, seed):
    shuffled = json.loads(json.dumps(document))
    order = random.Random(seed)
    if isinstance(shuffled["Statement"], list):
        order.shuffle(shuffled["Statement"])
    for statement in (
        shuffled["Statement"] if isinstance(shuffled["Statement"], list) else [shuffled["Statement"]]
    ):
        for value in statement.values():
            if isinstance(value, list):
                order.shuffle(value)

    assert canonical(shuffled) == canonical(document)
    assert canonical(canonical(document)) == canonical(document)


@given(documents())
def test_a_document_that_is_well_formed_is_read_as_it_is(document):
    assert parse(json.dumps(document)) == document


def test_the_statement_we_write_is_well_formed():
    document = merged(None, inference_statement("acme-weights"))

    assert parse(json.dumps(document)) == document


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not valid JSON (Expecting value at line 1, column 1)"),
        ('{"Version": "2012-10-17",\n}', "at line 2, column 1"),
        ("[]", "the policy is not a JSON object"),
        ("[" * 100_000, "not valid JSON (values are nested more than 100 deep"),
        ('{"Statement": [], "Statement": []}', 'the key "Statement" twice'),
        ("{}", "Statement: there is no statement"),
        ('{"Statement": []}', "Statement: there is no statement"),
        ('{"Statement": ["x"]}', "Statement[0]: a statement must be an object"),
        (
            '{"Version": "2020-01-01", "Statement": {}}',
            'Version: Version is "2020-01-01"; write "2012-10-17"',
        ),
        (
            '{"Statement": {}, "statement": 1}',
            'unknown element "statement"; known are Id, Statement, Version',
        ),
    ],
)
def test_a_document_that_is_no_policy_is_refused_with_what_is_wrong(text, fault):
    with pytest.raises(InvalidDeclaration) as caught:
        parse(text)

    assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"Effect": "allow"}, "Statement[0].Effect: Effect must be Allow or Deny"),
        ({"Sid": 1}, "Statement[0].Sid: Sid must be a string"),
        ({"NotAction": "s3:*"}, "Statement[0]: exactly one of Action and NotAction is needed"),
        ({"Action": []}, "Statement[0].Action: must be a string or a list of strings"),
        ({"Resource": [1]}, "Statement[0].Resource: must be a string or a list of strings"),
        ({"Principal": "arn:a"}, 'Statement[0].Principal: must be "*" or an object'),
        ({"Principal": {"CW": []}}, "Statement[0].Principal.CW: must be a string or a list of strings"),
        ({"Condition": []}, "Statement[0].Condition: must be an object of operators"),
        ({"Condition": {"Bool": {}}}, "Statement[0].Condition.Bool: must be an object of condition keys"),
        ({"Condtion": {}}, 'Statement[0]: unknown element "Condtion"'),
    ],
)
def test_each_fault_of_a_statement_is_named_with_its_place(change, fault):
    with pytest.raises(InvalidDeclaration) as caught:
        parse(json.dumps(changed(change)))

    assert [str(one) for one in caught.value.faults if fault in str(one)]


def test_all_faults_come_in_one_report():
    document = changed({"Effect": "x", "Action": 1, "Sid": "Same"})
    document["Statement"][1].update({"Sid": "Same", "Effect": "y"})

    with pytest.raises(InvalidDeclaration) as caught:
        parse(json.dumps(document))

    assert [fault.path for fault in caught.value.faults] == [
        "Statement[0].Effect",
        "Statement[0].Action",
        "Statement[1].Effect",
        "Statement",
    ]
