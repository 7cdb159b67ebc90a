"""How capacity claims come to their instances, wait for them, and give them back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.inference_fixtures import CLAIM_ID, Api, claim


def seen(api: Api) -> tuple[str, int | None, int | None]:
    """Status, allocated and pending instances."""
    status = api.get("capacityclaims", CLAIM_ID)["status"]
    return status["status"], status.get("allocatedInstances"), status.get("pendingInstances")


def advance(api: Api, seconds: float) -> None:
    api.simulator.clock.advance(seconds)


def turn(api: Api, **knobs: Any) -> None:
    api.simulator.behaviour = api.simulator.behaviour.changed(knobs)


def ready_claim(api: Api, **changes: Any) -> None:
    api.create("capacityclaims", claim(**changes))
    advance(api, 10)


def test_instances_are_allocated_one_after_the_other(api: Api) -> None:
    api.create("capacityclaims", claim())
    at_first = seen(api)
    advance(api, 0.25)
    half_way = seen(api)
    advance(api, 0.25)

    assert at_first == ("STATUS_CREATING", None, 3)
    assert half_way == ("STATUS_CREATING", 1, 2)
    assert seen(api) == ("STATUS_READY", 3, None)


def test_a_claim_on_the_customers_quota_takes_longer(api: Api) -> None:
    api.create("capacityclaims", claim(capacityType="CAPACITY_TYPE_CUSTOMER"))
    advance(api, 1.9)
    before = seen(api)
    advance(api, 0.1)

    assert before == ("STATUS_CREATING", 2, 1)
    assert seen(api) == ("STATUS_READY", 3, None)


def test_a_grown_claim_keeps_what_it_has_while_it_waits_for_more(api: Api) -> None:
    ready_claim(api)
    api.patch("capacityclaims", CLAIM_ID, claim(instanceCount=5))
    advance(api, 0.3)
    growing = seen(api)
    advance(api, 0.5)

    assert growing == ("STATUS_UPDATING", 3, 2)
    assert seen(api) == ("STATUS_READY", 5, None)


def test_a_reduced_managed_claim_keeps_its_count_until_the_delay_is_over(api: Api) -> None:
    ready_claim(api)
    patched = api.patch("capacityclaims", CLAIM_ID, claim(instanceCount=1))
    advance(api, 1.9)
    waiting = api.get("capacityclaims", CLAIM_ID)["status"]
    advance(api, 0.1)

    (pending,) = [each for each in waiting["conditions"] if each["type"] == "ScaleDownPending"]
    assert patched["spec"]["resources"]["instanceCount"] == 1
    assert (waiting["status"], waiting["allocatedInstances"]) == ("STATUS_READY", 3)
    assert pending["message"] == "reduction to 1 instances is pending, 3 are still allocated"
    assert seen(api) == ("STATUS_READY", 1, None)


def test_a_reduced_customer_claim_gives_its_instances_back_at_once(api: Api) -> None:
    ready_claim(api, capacityType="CAPACITY_TYPE_CUSTOMER")
    api.patch("capacityclaims", CLAIM_ID, claim(capacityType="CAPACITY_TYPE_CUSTOMER", instanceCount=1))
    advance(api, 0.3)

    assert seen(api) == ("STATUS_UPDATING", 1, None)


def test_what_a_reduced_claim_still_holds_counts_against_the_quota(api: Api) -> None:
    turn(api, quota={"US-EAST-04A": {"gb200-4x": 4}})
    ready_claim(api)
    api.patch("capacityclaims", CLAIM_ID, claim(instanceCount=1))
    second = claim(id="44444444-4444-4444-8444-444444444444", name="second", instanceCount=2)

    too_early = api.error_of("POST", "/capacityclaims", second)
    advance(api, 2)

    assert too_early[:2] == (429, 8)
    assert api.call("POST", "/capacityclaims", second).status_code == 200


def test_a_claim_waits_for_hardware_until_there_is_some(api: Api) -> None:
    turn(api, claims_wait_for_hardware=True)
    ready_claim(api)
    waiting = seen(api)

    api.simulator.world.release_hardware()
    advance(api, 0.25)
    half_way = seen(api)
    advance(api, 0.25)

    assert waiting == ("STATUS_CREATING", None, 3)
    assert half_way == ("STATUS_CREATING", 1, 2)
    assert seen(api) == ("STATUS_READY", 3, None)


def test_hardware_can_be_given_to_one_claim_alone(api: Api) -> None:
    turn(api, claims_wait_for_hardware=True)
    other_id = "44444444-4444-4444-8444-444444444444"
    api.create("capacityclaims", claim(id=other_id, name="second"))
    ready_claim(api)

    api.simulator.world.release_hardware(CLAIM_ID)
    advance(api, 1)

    assert seen(api)[0] == "STATUS_READY"
    assert api.status("capacityclaims", other_id) == "STATUS_CREATING"


@pytest.mark.parametrize("count", [3, 2])
def test_a_claim_that_does_not_grow_waits_for_no_hardware(api: Api, count: int) -> None:
    ready_claim(api)
    turn(api, claims_wait_for_hardware=True)

    api.patch("capacityclaims", CLAIM_ID, claim(instanceCount=count))
    advance(api, 3)

    assert seen(api) == ("STATUS_READY", count, None)
