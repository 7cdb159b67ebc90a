"""The policy of a bucket, put, read back and taken away."""

from __future__ import annotations

import pytest
from coreweave_inference.errors import StorageError
from coreweave_inference.policy.statements import (
    inference_may_read,
    inference_statement,
    merged,
    owner_statement,
    same_meaning,
    without,
)

BUCKET = "acme-weights"


@pytest.fixture(autouse=True)
def _bucket(storage):
    storage.create_bucket(BUCKET, "US-EAST-04A")


def test_a_bucket_without_a_policy_has_none(storage):
    assert storage.policy(BUCKET) is None


def test_a_policy_is_read_back_as_it_was_put(storage, simulator):
    document = merged(None, inference_statement(BUCKET, ["models"]), owner_statement(BUCKET, "ab1cd2"))

    storage.put_policy(BUCKET, document)

    assert same_meaning(storage.policy(BUCKET), document)
    assert simulator.storage.inference_may_read(BUCKET, "models/a")
    assert not simulator.storage.inference_may_read(BUCKET, "private/a")


@pytest.mark.parametrize(
    "statements",
    [
        [inference_statement(BUCKET)],
        [inference_statement(BUCKET, ["models"])],
        [inference_statement(BUCKET, ["private"])],
        [owner_statement(BUCKET, "ab1cd2")],
        [
            inference_statement(BUCKET),
            {**inference_statement(BUCKET), "Sid": "No", "Effect": "Deny", "Principal": "*"},
        ],
        [{**inference_statement(BUCKET), "Principal": {"CW": "*"}}],
        [{**inference_statement(BUCKET), "Principal": {"AWS": "*"}}],
    ],
)
def test_whether_the_inference_service_may_read_is_judged_as_the_service_does(storage, simulator, statements):
    document = {"Version": "2012-10-17", "Statement": statements}
    storage.put_policy(BUCKET, document)

    assert inference_may_read(
        document, BUCKET, "models/a/config.json"
    ).allowed is simulator.storage.inference_may_read(BUCKET, "models/a")


def test_a_policy_that_shuts_its_owner_out_can_be_undone(storage):
    storage.put_policy(BUCKET, merged(None, inference_statement(BUCKET)))
    with pytest.raises(StorageError, match="a bucket policy shuts out everyone it does not name"):
        storage.bucket(BUCKET)

    remainder = without(storage.policy(BUCKET), "AllowInference")
    storage.delete_policy(BUCKET)

    assert remainder is None
    assert storage.bucket(BUCKET) is not None


def test_taking_away_a_policy_twice_is_no_error(storage):
    storage.put_policy(BUCKET, merged(None, inference_statement(BUCKET)))

    storage.delete_policy(BUCKET)
    storage.delete_policy(BUCKET)

    assert storage.policy(BUCKET) is None


def test_a_document_that_the_service_refuses_says_so(storage):
    with pytest.raises(StorageError, match="the service does not take this policy document"):
        storage.put_policy(BUCKET, {"Version": "2012-10-17", "Statement": []})
