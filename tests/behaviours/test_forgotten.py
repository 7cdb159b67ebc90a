"""What the engine forgets: creations that failed for it and were done all the same."""

from __future__ import annotations

import json

from coreweave_inference.engine.attempts import (
    persist_attempts,
    restore_pending,
    unresolved_attempts,
    with_attempts_pending,
)
from coreweave_inference.engine.events import ACCOUNT
from coreweave_inference.engine.repair import Found, repaired

STACK = "urn:pulumi:dev::serving::"
URN = f"{STACK}pulumi-python:dynamic/coreweave/inference:Gateway::public"
INPUTS = {"apiId": "6e0b6a3c-54dc-5b2c-9f7f-3e1c0a9d5b11", "name": "public-serving-dev"}
LINE = json.dumps({"urn": URN, "inputs": INPUTS})
CROSSED_OUT = json.dumps({"urn": URN, "inputs": None})


def state(*resources: dict[str, object]) -> dict[str, object]:
    """A state with an account and more."""
    account = {"urn": f"{STACK}{ACCOUNT}::account", "type": ACCOUNT, "provider": "p::1", "outputs": {}}
    return {"version": 3, "deployment": {"resources": [account, *resources]}}


def test_an_object_whose_provider_was_killed_is_found_although_it_is_no_longer_declared() -> None:
    after = persist_attempts(state(), unresolved_attempts([LINE], []))
    assert after is not None

    again = with_attempts_pending(after)

    (operation,) = again["deployment"]["pending_operations"]
    assert operation == {
        "type": "creating",
        "resource": {
            "urn": URN,
            "custom": True,
            "type": "pulumi-python:dynamic/coreweave/inference:Gateway",
            "inputs": INPUTS,
            "provider": "p::1",
        },
    }
    assert again["deployment"]["resources"] == state()["deployment"]["resources"]  # type: ignore[index]


def test_what_the_service_refused_is_not_looked_for() -> None:
    assert unresolved_attempts([LINE, CROSSED_OUT], []) == {}
    assert unresolved_attempts([LINE], [URN]) == {}
    assert unresolved_attempts([LINE[:40]], []) == {}


def test_what_the_state_knows_is_not_noted() -> None:
    known = {"urn": URN, "type": "pulumi-python:dynamic/coreweave/inference:Gateway", "id": INPUTS["apiId"]}

    assert persist_attempts(state(known), {URN: INPUTS}) is None


def test_the_predecessor_of_a_replaced_bucket_is_not_what_was_made() -> None:
    urn = f"{STACK}pulumi-python:dynamic/coreweave/inference:WeightsBucket::weights"
    old = {"urn": urn, "type": "pulumi-python:dynamic/coreweave/inference:WeightsBucket", "id": "acme-old"}

    assert persist_attempts(state(old), {urn: {"name": "acme-old"}}) is None
    assert persist_attempts(state(old), {urn: {"name": "acme-new"}}) is not None


def test_a_bucket_that_was_to_be_kept_is_kept_when_it_is_found_again() -> None:
    urn = f"{STACK}pulumi-python:dynamic/coreweave/inference:WeightsBucket::weights"
    after = persist_attempts(state(), {urn: {"name": "acme", "__kept": True}})
    assert after is not None

    found = repaired(with_attempts_pending(after), lambda resource: Found("acme", {}))

    assert found.state["deployment"]["resources"][-1]["retainOnDelete"] is True


def test_what_stays_pending_outlives_an_import_of_the_state() -> None:
    after = persist_attempts(state(), {URN: INPUTS})
    assert after is not None

    assert restore_pending(with_attempts_pending(after)) == {
        **after,
        "deployment": {**after["deployment"], "pending_operations": []},
    }


def test_what_is_recovered_goes_before_what_it_depends_on() -> None:
    gateway = {"urn": URN, "type": "pulumi-python:dynamic/coreweave/inference:Gateway", "id": "1"}
    deployment = URN.replace("Gateway::public", "Deployment::chat")
    after = persist_attempts(state(gateway), {deployment: {"apiId": INPUTS["apiId"]}})
    assert after is not None

    found = repaired(with_attempts_pending(after), lambda resource: Found("2", {}))

    recorded = found.state["deployment"]["resources"][-1]
    assert (recorded["urn"], recorded["dependencies"]) == (deployment, [f"{STACK}{ACCOUNT}::account", URN])
