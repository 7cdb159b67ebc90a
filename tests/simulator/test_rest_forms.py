"""What the service answers: JSON forms of objects, lists and parameters."""

from __future__ import annotations

import json
from typing import Any

import pytest
from coreweave_inference.simulator.clock import timestamp
from coreweave_inference.simulator.schema.messages import encode, message

from tests.simulator.inference_fixtures import (
    CLAIM_ID,
    GATEWAY_ID,
    MISSING_ID,
    ZONE,
    Api,
    claim,
    deployment,
    gateway,
    simulated,
)

KINDS = ["deployments", "gateways", "capacityclaims"]


def created_status(api: Api, message: str, **more: Any) -> dict[str, Any]:
    """The status of an object at the moment of its creation, which is now."""
    now = timestamp(api.simulator.clock.now())
    reconciling = {
        "type": "Ready",
        "status": "STATUS_FALSE",
        "lastUpdateTime": now,
        "reason": "Reconciling",
        "message": message,
        "zone": ZONE,
    }
    times = {"createdAt": now, "updatedAt": now, "status": "STATUS_CREATING"}
    return {**times, "conditions": [reconciling], **more}


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_without_objects_is_an_empty_object(api: Api, kind: str) -> None:
    answer = api.call("GET", f"/{kind}")

    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.headers["content-type"] == "application/json"


def test_a_created_gateway_is_echoed_with_its_organisation_and_status(api: Api) -> None:
    answer = api.call("POST", "/gateways", gateway())

    expected_spec = {
        "id": GATEWAY_ID,
        "name": "gw1",
        "zones": [ZONE],
        "coreWeaveAuth": {},
        "organizationId": "ab1cd2",
        "bodyBasedRouting": {"apiType": "API_TYPE_OPENAI"},
    }
    expected = {
        "gateway": {"spec": expected_spec, "status": created_status(api, "Gateway is being reconciled")}
    }
    assert answer.status_code == 200
    assert answer.json() == expected
    assert list(answer.json()["gateway"]["spec"]) == list(expected_spec)


def test_a_created_claim_has_everything_pending(api: Api) -> None:
    answer = api.call("POST", "/capacityclaims", claim())

    status = created_status(api, "CapacityClaim is being reconciled", pendingInstances=3)
    assert answer.json() == {
        "capacityClaim": {"spec": {**claim(), "organizationId": "ab1cd2"}, "status": status}
    }


def test_a_created_deployment_is_echoed_without_its_zero_values(api: Api) -> None:
    api.create("gateways", gateway())

    created = api.create(
        "deployments",
        deployment(
            disabled=False, traffic={"weight": 0}, runtime__engineConfig={"enable-auto-tool-choice": ""}
        ),
    )

    runtime = {"engine": "vllm", "version": "0.22.0+crwv.2", "engineConfig": {"enable-auto-tool-choice": ""}}
    assert created["spec"] == {**deployment(runtime=runtime), "organizationId": "ab1cd2"}


@pytest.mark.parametrize(("kind", "body"), [("gateways", gateway(id=None)), ("capacityclaims", claim(id=""))])
def test_the_service_chooses_an_id_where_none_is_given(api: Api, kind: str, body: dict[str, Any]) -> None:
    created = api.create(kind, body)

    assert api.get(kind, created["spec"]["id"]) == created


def test_a_body_may_come_in_pieces(api: Api) -> None:
    text = json.dumps(gateway()).encode()

    answer = api.call("POST", "/gateways", content=iter([text[:20], text[20:]]))

    assert answer.status_code == 200


def test_lists_wrap_their_objects_by_kind(api: Api) -> None:
    made_gateway = api.create("gateways", gateway())
    made_claim = api.create("capacityclaims", claim())

    gateways = api.call("GET", "/gateways").json()
    claims = api.call("GET", "/capacityclaims").json()

    assert (gateways, claims) == ({"items": [made_gateway]}, {"capacityClaims": [made_claim]})


def test_deployments_are_listed_by_gateway_and_by_time(api: Api) -> None:
    api.create("gateways", gateway())
    made = api.create("deployments", deployment())

    def listed(query: str) -> dict[str, Any]:
        return dict(api.call("GET", f"/deployments?{query}").json())

    assert listed(f"parentGatewayId={GATEWAY_ID}") == {"items": [made]}
    assert listed(f"parent_gateway_id={MISSING_ID}") == {}
    now = api.simulator.clock.now()
    assert listed(f"updatedAfter={timestamp(now - 0.5)}") == {"items": [made]}
    assert listed(f"updatedAfter={timestamp(now)}") == {}


def test_parameters_name_no_instance_types_until_a_gateway_exists(api: Api) -> None:
    before = api.call("GET", "/deployments/parameters").json()

    api.create("gateways", gateway())
    after = api.call("GET", f"/deployments/parameters?gatewayIds={GATEWAY_ID}").json()

    assert set(before) == {"runtimeParameters", "resourceParameters"}
    assert before["resourceParameters"] == {}
    assert before["runtimeParameters"]["runtimeVersions"]["vllm"]["versions"][0] == "0.22.0+crwv.2"
    assert "max-model-len" in before["runtimeParameters"]["runtimeConfigOptions"]["vllm"]["allowedKeys"]
    assert after == {
        **before,
        "gatewayIds": [GATEWAY_ID],
        "resourceParameters": {"instanceTypes": ["gb200-4x", "gd-8xh100ib-i128", "gd-8xh200ib-i128"]},
    }


def test_a_gateway_without_zones_offers_what_any_zone_has(api: Api) -> None:
    api.create("gateways", gateway(zones=None))

    types = api.call("GET", "/deployments/parameters").json()["resourceParameters"]["instanceTypes"]

    assert types == sorted(
        {"gb200-4x", "gd-8xa100-i128", "gd-8xh100ib-i128", "gd-8xh200ib-i128", "gd-8xl40s-i128"}
    )


def test_gateway_and_claim_parameters_name_the_zones(api: Api) -> None:
    zones = api.call("GET", "/gateways/parameters").json()
    types = api.call("GET", "/capacityclaims/parameters").json()

    assert zones == {"zones": ["RNO2A", "US-EAST-04A", "US-WEST-04A"]}
    assert types["zoneInstanceTypes"]["RNO2A"] == {"instanceIds": ["gd-8xh100ib-i128", "gd-8xl40s-i128"]}


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_can_be_set_to_fail(kind: str) -> None:
    with simulated(parameters_fail=True) as api:
        error = api.error_of("GET", f"/{kind}/parameters")

    assert error == (503, 14, "parameters are not available at present")


def test_a_service_that_emits_zero_values_shows_all_fields_but_unchosen_members() -> None:
    with simulated(emit_zero_values=True) as api:
        empty = api.call("GET", "/deployments").json()
        made_gateway = api.create("gateways", gateway())
        made = api.create("deployments", deployment())
        made_claim = api.create("capacityclaims", claim(instanceCount=None))

    spec = made["spec"]
    assert empty == {"items": []}
    assert made_gateway["spec"] == {
        **gateway(),
        "organizationId": "ab1cd2",
        "endpointConfiguration": None,
    }
    assert made_gateway["status"]["endpoints"] == []
    assert (spec["disabled"], spec["traffic"]) == (False, {"weight": 0})
    assert (spec["runtime"]["engineConfig"], spec["runtime"]["engineEnv"]) == ({}, {})
    assert spec["autoscaling"] == {"min": 1, "max": 3, "priority": 0, "capacityClasses": [], "concurrency": 0}
    assert made_claim["spec"]["resources"]["instanceCount"] == 0
    assert made_claim["status"]["pendingInstances"] == 0


@pytest.mark.parametrize("path", ["/gateways", f"/gateways/{MISSING_ID}"])
def test_answers_are_gzipped_only_for_who_accepts_it(shared_api: Api, path: str) -> None:
    plain = shared_api.call("GET", "/gateways", headers={"accept-encoding": "identity"})
    zipped = shared_api.call("GET", "/gateways", headers={"accept-encoding": "gzip"})

    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert plain.json() == zipped.json()


def test_every_answer_has_a_request_id_of_its_own(shared_api: Api) -> None:
    answers = [
        shared_api.call("GET", "/gateways"),
        shared_api.call("GET", "/nothing"),
        shared_api.call("GET", f"/gateways/{MISSING_ID}"),
        shared_api.http.get("/simulator/clock"),
        shared_api.http.get("/gateways/none/v1/models"),
    ]

    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


def test_an_instance_id_of_a_claim_may_be_in_any_case_and_comes_back_as_offered(api: Api) -> None:
    created = api.create("capacityclaims", claim(instanceId="GB200-4X"))

    assert created["spec"]["resources"]["instanceId"] == "gb200-4x"


@pytest.mark.parametrize(
    ("knobs", "sent", "shown"),
    [
        ({}, "SERVERLESS", "MANAGED"),
        ({}, "MANAGED", "MANAGED"),
        ({}, "CUSTOMER", "CUSTOMER"),
        ({"managed_name_shown": "SERVERLESS"}, "MANAGED", "SERVERLESS"),
        ({"managed_name": "SERVERLESS"}, "SERVERLESS", "SERVERLESS"),
    ],
)
def test_the_managed_capacity_type_is_shown_by_the_name_of_the_day(
    knobs: dict[str, str], sent: str, shown: str
) -> None:
    with simulated(**knobs) as api:
        created = api.create("capacityclaims", claim(capacityType=f"CAPACITY_TYPE_{sent}"))

    assert created["spec"]["resources"]["capacityType"] == f"CAPACITY_TYPE_{shown}"


def test_a_claim_without_a_count_is_accepted(api: Api) -> None:
    created = api.create("capacityclaims", claim(instanceCount=None))

    assert "instanceCount" not in created["spec"]["resources"]
    assert api.get("capacityclaims", CLAIM_ID) == created


def test_a_weights_and_biases_key_is_taken_where_supported_and_never_shown() -> None:
    settings = {
        "apiKey": "local-secret",
        "serverUrl": "https://wandb.example.com",
        "enableUsageReports": True,
    }
    with simulated(weights_and_biases_instances=True) as api:
        created = api.create("gateways", gateway(coreWeaveAuth=None, weightsAndBiasesAuth=settings))
        seen = api.call("GET", f"/gateways/{GATEWAY_ID}").text + api.http.get("/simulator/account").text

    del settings["apiKey"]
    assert created["spec"]["weightsAndBiasesAuth"] == settings
    assert "local-secret" not in seen


def test_a_missing_version_is_the_newest_where_the_service_does_not_require_one() -> None:
    with simulated(version_required=False) as api:
        api.create("gateways", gateway())
        created = api.create("deployments", deployment(runtime__version=None))

    assert created["spec"]["runtime"] == {"engine": "vllm", "version": "0.22.0+crwv.2"}


def test_a_zero_enum_is_emitted_by_its_name() -> None:
    shown = encode(message("CapacityClaimResources"), {"instanceCount": 2}, zero_values=True)

    assert shown == {
        "instanceId": "",
        "instanceCount": 2,
        "capacityType": "CAPACITY_TYPE_UNSPECIFIED",
        "zones": [],
    }
