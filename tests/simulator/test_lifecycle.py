"""How objects live: from CREATING to READY or FAILED, through updates, to 404; time is stepped by hand."""

from __future__ import annotations

from typing import Any

import pytest
from coreweave_inference.simulator.clock import parse_timestamp, timestamp
from coreweave_inference.simulator.records import Condition

from tests.simulator.inference_fixtures import (
    DEPLOYMENT_ID,
    GATEWAY_ID,
    ZONE,
    Api,
    claim,
    deployment,
    gateway,
    put_weights,
)

BODIES = {"deployments": deployment, "gateways": gateway, "capacityclaims": claim}
CREATE_SECONDS = {"deployments": 1.0, "gateways": 0.5, "capacityclaims": 0.5}


def advance(api: Api, seconds: float) -> None:
    api.simulator.clock.advance(seconds)


def turn(api: Api, **knobs: Any) -> None:
    api.simulator.behaviour = api.simulator.behaviour.changed(knobs)


def ready_deployment(api: Api, **changes: Any) -> None:
    """A gateway and a deployment on it, both READY."""
    api.create("gateways", gateway())
    api.create("deployments", deployment(**changes))
    advance(api, 1.0)


def conditions(api: Api) -> list[tuple[str, str, str]]:
    """Type, status and reason of each condition of the deployment."""
    found = api.get("deployments", DEPLOYMENT_ID)["status"]["conditions"]
    return [(condition["type"], condition["status"], condition["reason"]) for condition in found]


@pytest.mark.parametrize("kind", BODIES)
def test_an_object_is_ready_when_its_creation_has_taken_its_time(api: Api, kind: str) -> None:
    if kind == "deployments":
        api.create("gateways", gateway())
    created = api.create(kind, BODIES[kind]())
    object_id = created["spec"]["id"]

    advance(api, CREATE_SECONDS[kind] - 0.01)
    before = api.status(kind, object_id)
    advance(api, 0.01)
    after = api.get(kind, object_id)["status"]

    assert before == "STATUS_CREATING"
    assert after["status"] == "STATUS_READY"
    assert after["createdAt"] == created["status"]["createdAt"]
    lasted = parse_timestamp(after["updatedAt"]) - parse_timestamp(after["createdAt"])
    assert lasted == pytest.approx(CREATE_SECONDS[kind], abs=1e-6)


def test_a_gateway_has_an_endpoint_once_it_is_ready_and_keeps_it(api: Api) -> None:
    created = api.create("gateways", gateway())
    advance(api, 0.5)
    ready = api.get("gateways", GATEWAY_ID)
    patched = api.patch("gateways", GATEWAY_ID, gateway())

    endpoints = [f"{api.simulator.url}/gateways/{GATEWAY_ID}"]
    assert "endpoints" not in created["status"]
    assert (ready["status"]["endpoints"], patched["status"]["endpoints"]) == (endpoints, endpoints)


def test_a_condition_is_shown_for_each_zone_of_a_gateway_without_zones(api: Api) -> None:
    created = api.create("gateways", gateway(zones=None))

    zones = [condition["zone"] for condition in created["status"]["conditions"]]
    assert zones == ["RNO2A", "US-EAST-04A", "US-WEST-04A"]


def test_a_deployments_resources_are_applied_before_it_is_ready(api: Api) -> None:
    api.create("gateways", gateway())
    api.create("deployments", deployment())
    at_first = conditions(api)
    advance(api, 0.5)
    half_way = conditions(api)
    advance(api, 0.5)
    at_last = conditions(api)

    working = ("Ready", "STATUS_FALSE", "Reconciling")
    applied = ("ResourcesApplied", "STATUS_TRUE", "Applied")
    assert at_first == [("ResourcesApplied", "STATUS_FALSE", "Reconciling"), working]
    assert half_way == [applied, working]
    assert at_last == [applied, ("Ready", "STATUS_TRUE", "Ready")]


def test_after_a_patch_the_old_status_is_shown_first_beside_the_new_spec(api: Api) -> None:
    ready_deployment(api)
    before = api.get("deployments", DEPLOYMENT_ID)["status"]

    patched = api.patch("deployments", DEPLOYMENT_ID, deployment(traffic={"weight": 7}))
    advance(api, 0.29)
    stale = api.get("deployments", DEPLOYMENT_ID)
    advance(api, 0.01)
    updating = api.get("deployments", DEPLOYMENT_ID)["status"]
    advance(api, 1.0)
    after = api.get("deployments", DEPLOYMENT_ID)["status"]

    assert patched["status"] == stale["status"] == before
    assert stale["spec"]["traffic"] == {"weight": 7}
    assert (updating["status"], after["status"]) == ("STATUS_UPDATING", "STATUS_READY")
    moments = [parse_timestamp(status["updatedAt"]) for status in (before, updating, after)]
    assert moments == sorted(set(moments))


def test_a_patch_resets_every_optional_field_that_it_leaves_out(api: Api) -> None:
    ready_deployment(
        api,
        runtime__engineConfig={"max-model-len": "16384"},
        runtime__engineEnv={"VLLM_LOGGING_LEVEL": "DEBUG"},
        autoscaling__priority=100,
        autoscaling__concurrency=16,
        autoscaling__capacityClasses=["CAPACITY_CLASS_RESERVED", "CAPACITY_CLASS_ON_DEMAND"],
        traffic={"weight": 50},
        disabled=True,
    )

    patched = api.patch("deployments", DEPLOYMENT_ID, deployment())

    assert patched["spec"] == {**deployment(), "organizationId": "ab1cd2"}


def test_the_id_of_the_path_wins_and_a_new_name_renames(api: Api) -> None:
    ready_deployment(api)
    body = deployment(id="99999999-9999-4999-8999-999999999999", name="renamed")

    patched = api.patch("deployments", DEPLOYMENT_ID, body)

    assert (patched["spec"]["id"], patched["spec"]["name"]) == (DEPLOYMENT_ID, "renamed")


def test_additional_dns_names_are_added_and_never_taken_away(api: Api) -> None:
    api.create("gateways", gateway(endpointConfiguration={"additionalDns": ["a.example.com"]}))

    other = gateway(endpointConfiguration={"additionalDns": ["b.example.com"]})
    added = api.patch("gateways", GATEWAY_ID, other)["spec"]
    left_out = api.patch("gateways", GATEWAY_ID, gateway())["spec"]

    both = {"additionalDns": ["a.example.com", "b.example.com"]}
    assert (added["endpointConfiguration"], left_out["endpointConfiguration"]) == (both, both)


def test_a_gateway_patched_without_zones_is_in_all_of_them(api: Api) -> None:
    api.create("gateways", gateway())

    patched = api.patch("gateways", GATEWAY_ID, gateway(zones=None))

    assert "zones" not in patched["spec"]


def test_an_identical_patch_can_be_set_to_move_nothing(api: Api) -> None:
    turn(api, identical_patch_is_silent=True)
    ready_deployment(api)
    before = api.get("deployments", DEPLOYMENT_ID)

    api.patch("deployments", DEPLOYMENT_ID, deployment())
    advance(api, 0.5)

    assert api.get("deployments", DEPLOYMENT_ID) == before


def test_a_deployment_without_weights_fails_and_names_bucket_and_path(api: Api) -> None:
    ready_deployment(api, model__path="models/none")

    status = api.get("deployments", DEPLOYMENT_ID)["status"]

    text = 'model not found: bucket "acme-weights" holds no objects under path "models/none"'
    found = {condition["type"]: condition for condition in status["conditions"]}
    assert status["status"] == "STATUS_FAILED"
    assert found["ModelNotFound"] == {
        "type": "ModelNotFound",
        "status": "STATUS_TRUE",
        "lastUpdateTime": timestamp(api.simulator.clock.now()),
        "reason": "ModelNotFound",
        "message": text,
        "zone": ZONE,
    }


def test_weights_that_come_later_fix_nothing_until_the_next_patch(api: Api) -> None:
    body = deployment(model__path="models/later")
    ready_deployment(api, model__path="models/later")
    failed = api.status("deployments", DEPLOYMENT_ID)

    put_weights(api.simulator, path="models/later")
    advance(api, 100)
    still_failed = api.status("deployments", DEPLOYMENT_ID)
    shown_with_patch = api.patch("deployments", DEPLOYMENT_ID, body)["status"]["status"]
    advance(api, 1.3)
    fixed = api.status("deployments", DEPLOYMENT_ID)

    assert (failed, still_failed, shown_with_patch) == ("STATUS_FAILED",) * 3
    assert fixed == "STATUS_READY"


def test_weights_that_come_just_too_late_are_too_late(api: Api) -> None:
    api.create("gateways", gateway())
    api.create("deployments", deployment(model__path="models/too-late"))
    advance(api, 1)

    put_weights(api.simulator, path="models/too-late")

    assert api.status("deployments", DEPLOYMENT_ID) == "STATUS_FAILED"


def test_what_was_in_the_bucket_when_the_time_had_passed_decides(api: Api) -> None:
    api.create("gateways", gateway())
    api.create("deployments", deployment(model__path="models/in-time"))
    advance(api, 0.9)

    put_weights(api.simulator, path="models/in-time")
    advance(api, 0.1)

    assert api.status("deployments", DEPLOYMENT_ID) == "STATUS_READY"


@pytest.mark.parametrize(
    ("missing_policy", "status"), [("ready-520", "STATUS_READY"), ("failed", "STATUS_FAILED")]
)
def test_a_missing_policy_is_hidden_behind_ready_or_is_a_failure(
    api: Api, missing_policy: str, status: str
) -> None:
    turn(api, missing_policy=missing_policy)
    put_weights(api.simulator, bucket="closed-weights", readable=False)

    ready_deployment(api, model__bucket="closed-weights")

    assert api.status("deployments", DEPLOYMENT_ID) == status
    if missing_policy == "failed":
        assert ("WeightsNotReadable", "STATUS_TRUE", "WeightsNotReadable") in conditions(api)


def test_a_disabled_deployment_is_applied_and_never_ready(api: Api) -> None:
    ready_deployment(api, disabled=True)
    advance(api, 1000)

    assert api.status("deployments", DEPLOYMENT_ID) == "STATUS_CREATING"
    assert conditions(api) == [
        ("ResourcesApplied", "STATUS_TRUE", "Applied"),
        ("Ready", "STATUS_FALSE", "Disabled"),
    ]


def test_a_deployment_disabled_by_a_patch_stays_updating_and_comes_back_by_another(api: Api) -> None:
    ready_deployment(api)

    api.patch("deployments", DEPLOYMENT_ID, deployment(disabled=True))
    advance(api, 1000)
    disabled = api.status("deployments", DEPLOYMENT_ID)
    api.patch("deployments", DEPLOYMENT_ID, deployment())
    advance(api, 1.3)

    assert (disabled, api.status("deployments", DEPLOYMENT_ID)) == ("STATUS_UPDATING", "STATUS_READY")


def test_a_disabled_deployment_can_be_set_to_reach_ready(api: Api) -> None:
    turn(api, disabled_reaches_ready=True)

    ready_deployment(api, disabled=True)

    assert api.status("deployments", DEPLOYMENT_ID) == "STATUS_READY"


@pytest.mark.parametrize("kind", BODIES)
def test_a_deleted_object_is_deleting_and_then_deleted(api: Api, kind: str) -> None:
    if kind == "deployments":
        api.create("gateways", gateway())
    object_id = api.create(kind, BODIES[kind]())["spec"]["id"]

    deleted = api.delete(kind, object_id)
    advance(api, 0.2)
    again = api.delete(kind, object_id)
    advance(api, 0.1)

    assert deleted["status"]["status"] == "STATUS_DELETING"
    assert again == deleted
    assert api.error_of("GET", f"/{kind}/{object_id}")[:2] == (404, 5)
    assert api.error_of("DELETE", f"/{kind}/{object_id}")[:2] == (404, 5)


def test_a_failed_deployment_can_be_deleted(api: Api) -> None:
    ready_deployment(api, model__path="models/none")

    api.delete("deployments", DEPLOYMENT_ID)
    advance(api, 0.3)

    assert api.call("GET", "/deployments").json() == {}


def test_a_status_put_by_hand_ends_after_its_time(api: Api) -> None:
    ready_deployment(api)
    blip = Condition("Ready", False, "NodeLost", "a node went away")

    api.simulator.world.set_status(DEPLOYMENT_ID, "STATUS_ERROR", [blip], for_seconds=5)
    during = (api.status("deployments", DEPLOYMENT_ID), conditions(api))
    advance(api, 5)

    assert during == ("STATUS_ERROR", [("Ready", "STATUS_FALSE", "NodeLost")])
    assert api.status("deployments", DEPLOYMENT_ID) == "STATUS_READY"


def test_a_status_put_by_hand_ends_with_the_next_write(api: Api) -> None:
    ready_deployment(api)
    api.simulator.world.set_status(DEPLOYMENT_ID, "STATUS_ERROR")

    patched = api.patch("deployments", DEPLOYMENT_ID, deployment())
    advance(api, 1.3)

    assert patched["status"]["status"] == "STATUS_ERROR"
    assert api.status("deployments", DEPLOYMENT_ID) == "STATUS_READY"


def test_a_change_from_outside_is_effective_at_once_and_moves_updated_at(api: Api) -> None:
    ready_deployment(api)
    before = api.get("deployments", DEPLOYMENT_ID)
    advance(api, 5)

    changes = {"disabled": True, "traffic": {"weight": 3}, "autoscaling": {"max": None, "priority": 0}}
    api.simulator.world.edit(DEPLOYMENT_ID, changes)
    after = api.get("deployments", DEPLOYMENT_ID)

    assert after["spec"] == {
        **before["spec"],
        "disabled": True,
        "traffic": {"weight": 3},
        "autoscaling": {"min": 1},
    }
    assert after["status"]["status"] == "STATUS_READY"
    assert after["status"]["updatedAt"] == timestamp(api.simulator.clock.now())


def test_a_change_from_outside_of_an_unknown_object_is_an_error(api: Api) -> None:
    with pytest.raises(KeyError, match="no object with id"):
        api.simulator.world.edit(DEPLOYMENT_ID, {"disabled": True})
