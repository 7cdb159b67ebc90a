from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from coreweave_inference.engine.recovery import Recovery
from coreweave_inference.engine.repair import Found, Unresolved
from coreweave_inference.policy.statements import inference_statement, merged, sid_for
from coreweave_inference.provider.bucket_ownership import STACK_TAG, stack_tag
from coreweave_inference.provider.session import Session
from coreweave_inference.settings.resolution import resolve
from coreweave_inference.simulator import Simulator

from tests.simulator.inference_fixtures import environment_of, s3_client

TYPES = "pulumi-python:dynamic/coreweave/inference:"
ZONE = "US-EAST-04A"


@pytest.fixture
def session(simulator: Simulator) -> Iterator[Session]:
    found = Session(resolve(environment_of(simulator, COREWEAVE_SETTLE_SECONDS="0.4"), {}))
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

    assert found[:2] == [Unresolved("it does not exist")] * 2
    assert isinstance(found[2], Found)
    assert (found[2].id, found[2].outputs["sid"], found[2].outputs["__provider"]) == ("acme", own, "p")


def test_what_the_provider_of_a_killed_run_still_puts_is_found(session: Session) -> None:
    storage = session.storage(ZONE)
    storage.create_bucket("acme", ZONE)
    sent = inference_statement("acme", ["models"], sid_for(None, "s"))
    late = threading.Timer(0.2, lambda: storage.put_policy("acme", merged(None, sent)))

    late.start()
    found = Recovery(session, "")(
        pending("InferenceBucketPolicy", bucket="acme", prefixes=["models"], __stack="s", __provider="p")
    )
    late.join()

    assert isinstance(found, Found)


def test_a_statement_that_says_something_else_than_the_creation_put_is_left(session: Session) -> None:
    storage, own = session.storage(ZONE), sid_for(None, "s")
    storage.create_bucket("acme", ZONE)
    storage.put_policy("acme", merged(None, inference_statement("acme", ["others"], own)))

    found = Recovery(session, "")(
        pending("InferenceBucketPolicy", bucket="acme", prefixes=["models"], __stack="s", __provider="p")
    )

    assert isinstance(found, Unresolved)
    assert own in found.why


WEIGHTS = {"name": "acme", "zone": ZONE, "__stack": "s", "__provider": "p"}


def test_a_bucket_of_the_stack_s_tag_is_taken(session: Session) -> None:
    missing = Recovery(session, "")(pending("WeightsBucket", **WEIGHTS))
    session.storage(ZONE).create_bucket("acme", ZONE, {STACK_TAG: stack_tag("s")})

    found = Recovery(session, "")(pending("WeightsBucket", **WEIGHTS))

    assert missing == Unresolved("it does not exist")
    assert isinstance(found, Found)
    assert (found.id, found.outputs["zone"], found.outputs["__provider"]) == ("acme", ZONE, "p")


def test_a_bucket_caught_between_its_creation_and_its_tags_is_taken_and_tagged(session: Session) -> None:
    storage = session.storage(ZONE)
    storage.create_bucket("acme", ZONE)

    found = Recovery(session, "")(pending("WeightsBucket", **WEIGHTS))

    assert isinstance(found, Found)
    live = storage.bucket("acme")
    assert live is not None
    assert live.tags == {STACK_TAG: stack_tag("s")}


@pytest.mark.parametrize("case", ["another stack's", "not empty", "adopted", "closed to its owner"])
def test_a_bucket_that_may_be_somebody_s_is_left(session: Session, simulator: Simulator, case: str) -> None:
    storage = session.storage(ZONE)
    storage.create_bucket("acme", ZONE, {STACK_TAG: stack_tag("t")} if case == "another stack's" else None)
    if case == "not empty":
        s3 = s3_client(simulator)
        s3.put_object(Bucket="acme", Key="models/chat/config.json", Body=b"{}")
        s3.close()
    if case == "closed to its owner":
        storage.put_policy("acme", merged(None, inference_statement("acme", [])))

    found = Recovery(session, "")(pending("WeightsBucket", **WEIGHTS, adopt=case == "adopted"))

    assert isinstance(found, Unresolved)
    assert "if it is declared, this run decides on it" in found.why
    assert not found.keep


def test_what_a_token_of_another_organization_does_not_see_stays_pending(session: Session) -> None:
    creation = pending("Gateway", apiId="6e0b6a3c-54dc-5b2c-9f7f-3e1c0a9d5b11", name="public", __provider="p")

    found = Recovery(session, "another")(creation)

    assert isinstance(found, Unresolved)
    assert found.keep
    assert "sees nothing of organization another" in found.why


def test_a_wait_has_nothing_to_record(session: Session) -> None:
    assert Recovery(session, "")(pending("Readiness")) == Unresolved(
        "nothing of it is in the account, so this run creates it again"
    )
