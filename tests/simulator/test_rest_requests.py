"""What the parser of requests takes and refuses."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.simulator.inference_fixtures import (
    DEPLOYMENT_ID,
    GATEWAY_ID,
    MISSING_ID,
    Api,
    deployment,
    gateway,
    simulated,
)


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
    json.dumps(deployment(traffic=[])),
    json.dumps(deployment(traffic="all")),
    json.dumps(deployment(traffic=1)),
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
    post = shared_api.error_of("POST", "/deployments", body)
    patch = shared_api.error_of("PATCH", f"/deployments/{DEPLOYMENT_ID}", body)

    assert post[:2] == (400, 3)
    assert post[2].startswith("unmarshal message: proto: ")
    assert patch == (500, 2, post[2])


def test_a_member_of_a_oneof_that_is_null_is_not_chosen(api: Api) -> None:
    created = api.create("gateways", gateway(pathBasedRouting={}) | {"bodyBasedRouting": None})

    assert created["spec"]["pathBasedRouting"] == {}


def test_two_members_of_a_oneof_are_malformed(shared_api: Api) -> None:
    error = shared_api.error_of("POST", "/gateways", gateway(pathBasedRouting={}))

    assert error[:2] == (400, 3)
    assert '"routing" oneof' in error[2]


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
    error = shared_api.error_of("GET", f"/deployments{path}")

    assert error == (400, 3, message)


@pytest.mark.parametrize("path", ["/gateways?bogus=1", "/gateways/parameters?gatewayIds=x"])
def test_an_unknown_query_parameter_is_a_server_error(shared_api: Api, path: str) -> None:
    assert shared_api.error_of("GET", path)[:2] == (500, 2)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_body_with_get_or_delete_is_a_server_error(shared_api: Api, method: str) -> None:
    error = shared_api.error_of(method, f"/gateways/{GATEWAY_ID}", {})

    assert error == (500, 2, "request should have no body; instead got 2 bytes")


def test_a_collection_with_a_slash_behind_it_has_an_empty_id(shared_api: Api) -> None:
    error = shared_api.error_of("GET", "/deployments/")

    assert error == (400, 3, "validation error: id: value is empty, which is not a valid UUID")


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
