from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from coreweave_inference.engine.recovery import Recovery
from coreweave_inference.engine.repair import Found, Left
from coreweave_inference.policy import inference_statement, merged, sid_for
from coreweave_inference.resources.session import Session
from coreweave_inference.resources.weights_bucket import STACK_TAG, stack_tag
from coreweave_inference.settings import resolve
from coreweave_inference.simulator import Simulator

TYPES = "pulumi-python:dynamic/coreweave/inference:"
ZONE = "US-EAST-04A"


@pytest.fixture
def session(simulator: Simulator) -> Iterator[Session]:
    found = Session(
        resolve(
            {
                "COREWEAVE_API_TOKEN": simulator.token,
                "COREWEAVE_API_ENDPOINT": simulator.url,
                "COREWEAVE_S3_ENDPOINT": simulator.url,
            },
            {},
        )
    )
    yield found
    found.api.close()


def pending(kind: str, /, **inputs: Any) -> dict[str, Any]:
    return {"urn": f"urn:pulumi:dev::serving::{TYPES}{kind}::weights", "type": TYPES + kind, "inputs": inputs}


def test_a_statement_that_was_put_is_taken_with_its_sid_and_never_another_stack_s(session: Session) -> None:
    storage = session.storage(ZONE)
    storage.create_bucket("acme", ZONE)
    creation = pending(
        "InferenceBucketPolicy", bucket="acme", prefixes=["models"], __stack="s", __provider="p"
    )
    own = sid_for(None, "s")
    others = merged(None, inference_statement("acme", ["models"], sid_for(None, "another")))
    by_hand = merged(others, inference_statement("acme", ["models"]))
    found = []
    for document in (others, by_hand, merged(by_hand, inference_statement("acme", ["models"], own))):
        storage.put_policy("acme", document)
        found.append(Recovery(session, "")(creation))

    assert found[:2] == [Left("it does not exist")] * 2
    assert isinstance(found[2], Found)
    assert (found[2].id, found[2].outputs["sid"], found[2].outputs["__provider"]) == ("acme", own, "p")


def test_a_bucket_counts_only_with_the_stack_s_tag(session: Session) -> None:
    creation = pending("WeightsBucket", name="acme", zone=ZONE, __stack="s", __provider="p")
    missing = Recovery(session, "")(creation)
    storage = session.storage(ZONE)
    storage.create_bucket("acme", ZONE)
    untagged = Recovery(session, "")(creation)
    storage.put_tags("acme", {STACK_TAG: stack_tag("s")})

    found = Recovery(session, "")(creation)

    assert missing == Left("it does not exist")
    assert isinstance(untagged, Left)
    assert isinstance(found, Found)
    assert (found.id, found.outputs["zone"], found.outputs["__provider"]) == ("acme", ZONE, "p")


def test_what_a_token_of_another_organisation_does_not_see_stays_pending(session: Session) -> None:
    creation = pending("Gateway", apiId="6e0b6a3c-54dc-5b2c-9f7f-3e1c0a9d5b11", name="public", __provider="p")

    found = Recovery(session, "another")(creation)

    assert isinstance(found, Left)
    assert found.keep
    assert "sees nothing of organisation another" in found.why


def test_a_wait_has_nothing_to_record(session: Session) -> None:
    assert Recovery(session, "")(pending("Readiness")) == Left(
        "nothing of it is in the account, so this run makes it again"
    )
