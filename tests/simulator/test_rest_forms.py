"""What the wire carries: JSON forms of objects, lists and parameters, and what the parser takes and refuses."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from coreweave_inference.simulator.clock import timestamp
from coreweave_inference.simulator.schema.encoding import encode
from coreweave_inference.simulator.schema.messages import CLAIM_RESOURCES

from tests.simulator.inference_fixtures import (
    CLAIM_ID,
    DEPLOYMENT_ID,
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
def test_parameters_can_be_told_to_fail(kind: str) -> None:
    with simulated(parameters_fail=True) as api:
        refusal = api.refusal("GET", f"/{kind}/parameters")

    assert refusal == (503, 14, "parameters are not available at present")


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


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"gpuCount": 4', '"gpuCount": "4"'),
        ('"gpuCount": 4', '"gpuCount": 4e0'),
        ('"gpuCount": 4', '"gpu_count": 4'),
        ('"traffic": {}', '"traffic": {"weight": null}, "disabled": null'),
        ('"gatewayIds"', '"gateway_ids"'),
        ('"min": 1', '"min": 1, "capacityClasses": ["CAPACITY_CLASS_SPOT"]'),
        ('"min": 1', '"foo": 1, "min": 1'),
        ('"name": "chat"', '"name": "chat", "foo": {"bar": [1]}'),
    ],
)
def test_the_parser_is_lenient_where_proto_json_is(api: Api, old: str, new: str) -> None:
    api.create("gateways", gateway())
    body = json.dumps(deployment())
    assert old in body

    answer = api.call("POST", "/deployments", body.replace(old, new))

    assert answer.status_code == 200, answer.text
    assert answer.json()["deployment"]["spec"] == {**deployment(), "organizationId": "ab1cd2"}


def test_an_enum_may_be_given_by_its_number(api: Api) -> None:
    api.create("gateways", gateway())
    body = deployment(autoscaling__capacityClasses=[2, "CAPACITY_CLASS_RESERVED"])

    created = api.create("deployments", body)

    classes = created["spec"]["autoscaling"]["capacityClasses"]
    assert classes == ["CAPACITY_CLASS_ON_DEMAND", "CAPACITY_CLASS_RESERVED"]


MALFORMED = [
    "{",
    "[]",
    "nonsense",
    json.dumps(deployment(resources__gpuCount=4.5)),
    json.dumps(deployment(resources__gpuCount=-1)),
    json.dumps(deployment(resources__gpuCount=True)),
    json.dumps(deployment(resources__gpuCount=2**32)),
    json.dumps(deployment(resources__gpuCount="four")),
    json.dumps(deployment(name=7)),
    json.dumps(deployment(disabled="no")),
    json.dumps(deployment(gatewayIds="gw")),
    json.dumps(deployment(gatewayIds=[None])),
    json.dumps(deployment(runtime__engineConfig={"max-model-len": 16384})),
    json.dumps(deployment(runtime__engineConfig=["max-model-len"])),
    json.dumps(deployment()).replace('"name": "chat"', '"name": "chat", "name": "chat"'),
    json.dumps(deployment()).replace('"gatewayIds"', '"gateway_ids": [], "gatewayIds"'),
    json.dumps(deployment()).replace('"name": "chat"', '"name": "chat", "name": null'),
    json.dumps(deployment()).replace('"gpuCount": 4', '"gpuCount": NaN'),
    json.dumps(deployment()).replace('"gpuCount": 4', '"gpuCount": 1e999'),
    json.dumps(deployment(resources__gpuCount=" 4")),
    '{"runtime": {"engineEnv": {"A": "1", "A": "2"}}}',
    b'{"name": "\xff"}',
]


@pytest.mark.parametrize("body", MALFORMED)
def test_a_malformed_body_is_a_client_error_for_post_and_a_server_error_for_patch(
    shared_api: Api, body: str | bytes
) -> None:
    post = shared_api.refusal("POST", "/deployments", body)
    patch = shared_api.refusal("PATCH", f"/deployments/{DEPLOYMENT_ID}", body)

    assert post[:2] == (400, 3)
    assert post[2].startswith("unmarshal message: proto: ")
    assert patch == (500, 2, post[2])


def test_a_member_of_a_oneof_that_is_null_is_not_chosen(api: Api) -> None:
    created = api.create("gateways", gateway(pathBasedRouting={}) | {"bodyBasedRouting": None})

    assert created["spec"]["pathBasedRouting"] == {}


def test_two_members_of_a_oneof_are_malformed(shared_api: Api) -> None:
    refusal = shared_api.refusal("POST", "/gateways", gateway(pathBasedRouting={}))

    assert refusal[:2] == (400, 3)
    assert "oneof routing is already set" in refusal[2]


@pytest.mark.parametrize("knobs", [{"emit_zero_values": True}, {"strict_fields": True}])
def test_other_builds_answer_a_malformed_post_with_500_under_another_content_type(
    knobs: dict[str, bool],
) -> None:
    with simulated(**knobs) as api:
        answer = api.call("POST", "/deployments", "{")

    assert (answer.status_code, answer.json()["code"]) == (500, 2)
    assert answer.headers["content-type"] == "application/proto"


def test_a_strict_service_refuses_an_unknown_field_with_500_and_its_place() -> None:
    with simulated(strict_fields=True) as api:
        post = api.call("POST", "/gateways", '{"name":"gw1","foo":1}')

    assert post.status_code == 500
    assert post.json() == {"code": 2, "message": 'proto: (line 1:15): unknown field "foo"'}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("?updatedAfter=yesterday", "updated_after: invalid google.protobuf.Timestamp value 'yesterday'"),
        ("?parentGatewayId=gw1", "validation error: parent_gateway_id: must be a valid UUID"),
        ("/parameters?gatewayIds=gw1", "validation error: gateway_ids[0]: must be a valid UUID"),
        (
            f"/parameters?gatewayIds={MISSING_ID}",
            f'validation error: gateway_ids[0]: gateway "{MISSING_ID}" does not exist',
        ),
        (
            f"/parameters?gatewayIds={GATEWAY_ID}&gateway_ids={GATEWAY_ID}",
            "validation error: gateway_ids: repeated value must contain unique items",
        ),
    ],
)
def test_a_query_value_that_is_wrong_is_refused(shared_api: Api, path: str, message: str) -> None:
    refusal = shared_api.refusal("GET", f"/deployments{path}")

    assert refusal == (400, 3, message)


@pytest.mark.parametrize("path", ["/gateways?bogus=1", "/gateways/parameters?gatewayIds=x"])
def test_an_unknown_query_parameter_is_a_server_error(shared_api: Api, path: str) -> None:
    assert shared_api.refusal("GET", path)[:2] == (500, 2)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_body_with_get_or_delete_is_a_server_error(shared_api: Api, method: str) -> None:
    refusal = shared_api.refusal(method, f"/gateways/{GATEWAY_ID}", {})

    assert refusal == (500, 2, "request should have no body; instead got 2 bytes")


def test_a_collection_with_a_slash_behind_it_has_an_empty_id(shared_api: Api) -> None:
    refusal = shared_api.refusal("GET", "/deployments/")

    assert refusal == (400, 3, "validation error: id: value is empty, which is not a valid UUID")


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/nothing", 404, "Not Found"),
        ("GET", "/../nothing", 404, "Not Found"),
        ("GET", "/gateways/a/b", 404, "Not Found"),
        ("PUT", "/gateways", 405, "Method Not Allowed"),
        ("POST", f"/gateways/{GATEWAY_ID}", 405, "Method Not Allowed"),
        ("PATCH", "/gateways", 405, "Method Not Allowed"),
    ],
)
def test_unknown_paths_and_methods_are_answered_in_plain_text(
    shared_api: Api, method: str, path: str, status: int, text: str
) -> None:
    answer = shared_api.call(method, path)

    assert (answer.status_code, answer.text.strip()) == (status, text)
    assert answer.headers["content-type"].startswith("text/plain")


def test_head_is_not_allowed(shared_api: Api) -> None:
    assert shared_api.call("HEAD", "/gateways").status_code == 405


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 400),
        ("application/json; charset=utf-8", 400),
        (None, 400),
        ("application/json;charset=UTF-8", 415),
        ("application/merge-patch+json", 415),
        ("text/plain", 415),
    ],
)
def test_only_plain_json_or_no_content_type_reaches_validation(
    shared_api: Api, content_type: str | None, status: int
) -> None:
    headers = {"content-type": content_type} if content_type else {}

    answer = shared_api.call("POST", "/deployments", content=b"{}", headers=headers)

    assert answer.status_code == status
    assert status != 415 or answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("authorization", ["", "Bearer nobody", "Basic abc", "CW-SECRET-simulator-admin"])
def test_a_request_without_a_known_token_is_unauthenticated(shared_api: Api, authorization: str) -> None:
    url = f"{shared_api.simulator.url}/v1alpha1/inference/gateways"

    answer = httpx.get(url, headers={"authorization": authorization}, trust_env=False)

    assert answer.status_code == 401
    assert answer.json() == {"code": 16, "message": "missing or unknown API token", "details": []}


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
    shown = encode(CLAIM_RESOURCES, {"instanceCount": 2}, zero_values=True)

    assert shown == {
        "instanceId": "",
        "instanceCount": 2,
        "capacityType": "CAPACITY_TYPE_UNSPECIFIED",
        "zones": [],
    }
