"""A weights bucket and this stack's statement in its policy, as a program declares them, each test with a bucket of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from coreweave_inference.provider.bucket_ownership import STACK_TAG, stack_tag
from coreweave_inference.resources.inference_bucket_policy import InferenceBucketPolicyProvider
from coreweave_inference.resources.weights_bucket import WeightsBucketProvider
from coreweave_inference.simulator import Simulator

from tests.resources.engine_steps import Resource
from tests.resources.service import ORGANIZATION, ZONE, Run, run_against, urn

NUMBERS = count(1)
OWN_TAG = {STACK_TAG: stack_tag("identity")}


@pytest.fixture
def name(simulator: Simulator) -> Iterator[str]:
    """A bucket name of its own for each test; the bucket is emptied and goes afterwards."""
    name = f"weights-{next(NUMBERS)}"
    yield name
    with run_against(simulator) as run:
        if run.storage().bucket(name) is not None:
            run.storage().delete_policy(name)
            run.storage().empty(name)
            run.storage().delete_bucket(name)


@pytest.fixture
def bucket() -> Resource:
    return Resource(WeightsBucketProvider())


@pytest.fixture
def policy() -> Resource:
    return Resource(InferenceBucketPolicyProvider())


def weights(name: str, **changes: Any) -> dict[str, Any]:
    given = {
        "name": name,
        "zone": ZONE,
        "forceDestroy": False,
        "adopt": False,
        "__stack": "identity",
        "__urn": urn("WeightsBucket", "weights"),
        **changes,
    }
    return {key: value for key, value in given.items() if value is not None}


def statement(name: str, **changes: Any) -> dict[str, Any]:
    given = {
        "bucket": name,
        "prefixes": ["models"],
        "ownerAccess": "organization",
        "organizationId": ORGANIZATION,
        "__stack": "identity",
        "__urn": urn("InferenceBucketPolicy", "weights-policy"),
        **changes,
    }
    return {key: value for key, value in given.items() if value is not None}


def put(run: Run, name: str) -> None:
    run.storage()._s3.client.put_object(Bucket=name, Key="models/chat/config.json", Body=b"{}")
