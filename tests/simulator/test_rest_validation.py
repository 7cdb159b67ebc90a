"""Requests that break a rule of the schema: 400, and the validator's own words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.inference_fixtures import (
    CLAIM_ID,
    DEPLOYMENT_ID,
    GATEWAY_ID,
    MISSING_ID,
    Api,
    claim,
    deployment,
    gateway,
    simulated,
)

VERSION = "must be a valid semantic version (major.minor.patch with optional pre-release and build metadata)"
ZONE_TEXT = "must be a valid zone: https://docs.coreweave.com/platform/regions/about-regions-and-azs"
CUSTOM = (
    "Custom W&B Instance support is not available yet, contact support if you are interested in this feature"
)
RANGE = "must be greater than or equal to 0 and less than or equal to 1000"
LEVEL = 'runtime.engine_env["VLLM_LOGGING_LEVEL"]'


@pytest.mark.parametrize(
    ("changes", "path", "text"),
    [
        ({"traffic__weight": 1001}, "traffic.weight", RANGE),
        ({"autoscaling__priority": 1001}, "autoscaling.priority", RANGE),
        ({"resources__gpuCount": 3}, "resources.gpu_count", "must be in list [1, 2, 4, 8, 16]"),
        ({"resources__instanceType": None}, "resources.instance_type", "value is required"),
        ({"autoscaling__min": 5}, "autoscaling", "max must be greater than or equal to min"),
        ({"autoscaling__min": None}, "autoscaling.min", "must be greater than or equal to 1"),
        ({"runtime__version": None}, "runtime.version", "value is required"),
        ({"runtime__version": "v1.2.3"}, "runtime.version", VERSION),
        ({"traffic": None}, "traffic", "value is required"),
        ({"runtime__engine": "sglang"}, "runtime.engine", "must be in list [vllm, dynamo-vllm]"),
        ({"runtime__engineEnv": {"VLLM_LOGGING_LEVEL": "$(id)"}}, LEVEL, "contains substring `$(`"),
        (
            {"runtime__engineEnv": {"VLLM_LOGGING_LEVEL": "x" * 1025}},
            LEVEL,
            "must be at most 1024 characters",
        ),
        ({"model__path": "../x"}, "model.path", "must not contain path traversal (..) segments"),
        ({"model__path": "a/../x"}, "model.path", "must not contain path traversal (..) segments"),
        ({"model__path": None}, "model.path", "value is required"),
        ({"model__name": "abc"}, "model.name", "must be at least 4 characters"),
        ({"model__name": "a" * 64}, "model.name", "must be at most 63 characters"),
        ({"model__name": "a b c"}, "model.name", "does not match regex pattern `^[a-zA-Z0-9._:/_-]+$`"),
        ({"model__bucket": "a.b"}, "model.bucket", "must be a valid hostname label"),
        ({"name": "a_b"}, "name", "must be a valid hostname label"),
        ({"id": "chat"}, "id", "must be a valid UUID"),
        ({"gatewayIds": []}, "gateway_ids", "must contain at least 1 item(s)"),
        ({"gatewayIds": ["gw1"]}, "gateway_ids[0]", "must be a valid UUID"),
        (
            {"gatewayIds": [GATEWAY_ID, GATEWAY_ID]},
            "gateway_ids",
            "repeated value must contain unique items",
        ),
        (
            {"autoscaling__capacityClasses": ["CAPACITY_CLASS_RESERVED", "CAPACITY_CLASS_RESERVED"]},
            "autoscaling.capacity_classes",
            "repeated value must contain unique items",
        ),
        (
            {"autoscaling__capacityClasses": ["CAPACITY_CLASS_UNSPECIFIED"]},
            "autoscaling.capacity_classes[0]",
            "must not be in list [0]",
        ),
        (
            {"autoscaling__capacityClasses": [7]},
            "autoscaling.capacity_classes[0]",
            "must be one of the defined enum values",
        ),
        (
            {"runtime__engineConfig": {"max model": "1"}},
            'runtime.engine_config["max model"]',
            "does not match regex pattern `^[A-Za-z0-9_.-]+$`",
        ),
        (
            {"runtime__engineConfig": {"bogus": "1"}},
            'runtime.engine_config["bogus"]',
            'key is not allowed for engine "vllm"',
        ),
        (
            {"runtime__engineEnv": {"BOGUS": "1"}},
            'runtime.engine_env["BOGUS"]',
            'name is not allowed for engine "vllm"',
        ),
        (
            {"runtime__version": "9.9.9"},
            "runtime.version",
            'version "9.9.9" is not available for engine "vllm"',
        ),
        ({"gatewayIds": [MISSING_ID]}, "gateway_ids[0]", f'gateway "{MISSING_ID}" does not exist'),
        (
            {"resources__instanceType": "GB200-4X"},
            "resources.instance_type",
            'instance type "GB200-4X" is not offered in US-EAST-04A',
        ),
    ],
)
def test_a_deployment_that_breaks_a_rule_is_refused_with_the_field_and_the_rule(
    shared_api: Api, changes: dict[str, Any], path: str, text: str
) -> None:
    answer = shared_api.call("POST", "/deployments", deployment(**changes))

    assert answer.status_code == 400
    assert answer.json() == violation_body(path, text)


@pytest.mark.parametrize(
    ("changes", "path", "text"),
    [
        ({"zones": ["us-east-04a"]}, "zones[0]", ZONE_TEXT),
        ({"zones": ["US-EAST-09A"]}, "zones[0]", 'zone "US-EAST-09A" is not available for gateways'),
        ({"zones": ["RNO2A", "RNO2A"]}, "zones", "repeated value must contain unique items"),
        ({"coreWeaveAuth": None}, "auth", "exactly one field is required in oneof"),
        ({"bodyBasedRouting": None}, "routing", "exactly one field is required in oneof"),
        ({"bodyBasedRouting": {}}, "body_based_routing.api_type", "must not be in list [0]"),
        (
            {"bodyBasedRouting": None, "headerBasedRouting": {}},
            "header_based_routing.header_name",
            "must be at least 1 characters",
        ),
        (
            {"endpointConfiguration": {"additionalDns": ["a_b.example.com"]}},
            "endpoint_configuration.additional_dns[0]",
            "must be a valid hostname",
        ),
        (
            {"coreWeaveAuth": None, "weightsAndBiasesAuth": {"serverUrl": "https://wandb.example.com"}},
            "weights_and_biases_auth",
            CUSTOM,
        ),
    ],
)
def test_a_gateway_that_breaks_a_rule_is_refused_with_the_field_and_the_rule(
    shared_api: Api, changes: dict[str, Any], path: str, text: str
) -> None:
    answer = shared_api.call("POST", "/gateways", gateway(**changes))

    assert answer.status_code == 400
    assert answer.json() == violation_body(path, text)


@pytest.mark.parametrize(
    ("changes", "path", "text"),
    [
        ({"zones": ["US-EAST-04A", "RNO2A"]}, "resources.zones", "must contain no more than 1 item(s)"),
        ({"zones": []}, "resources.zones", "must contain at least 1 item(s)"),
        ({"capacityType": None}, "resources.capacity_type", "must not be in list [0, 1]"),
        ({"capacityType": "CAPACITY_TYPE_SPOT"}, "resources.capacity_type", "must not be in list [0, 1]"),
        ({"instanceId": None}, "resources.instance_id", "value is required"),
        ({"resources": None}, "resources", "value is required"),
        ({"name": "Claim"}, "name", "does not match regex pattern `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`"),
        ({"name": "a" * 101}, "name", "must be at most 100 characters"),
        (
            {"instanceId": "gd-8xl40s-i128"},
            "resources.instance_id",
            'instance type "gd-8xl40s-i128" is not offered in zone "US-EAST-04A"',
        ),
    ],
)
def test_a_claim_that_breaks_a_rule_is_refused_with_the_field_and_the_rule(
    shared_api: Api, changes: dict[str, Any], path: str, text: str
) -> None:
    answer = shared_api.call("POST", "/capacityclaims", claim(**changes))

    assert answer.status_code == 400
    assert answer.json() == violation_body(path, text)


def test_several_violations_come_together_in_one_error(shared_api: Api) -> None:
    error = shared_api.error_of("POST", "/deployments", deployment(name="a_b", resources__gpuCount=3))

    text = (
        "validation errors:\n - name: must be a valid hostname label"
        "\n - resources.gpu_count: must be in list [1, 2, 4, 8, 16]"
    )
    assert error == (400, 3, text)


def test_a_gateway_without_auth_and_routing_misses_both(shared_api: Api) -> None:
    error = shared_api.error_of("POST", "/gateways", {"name": "gw2"})

    text = (
        "validation errors:\n - auth: exactly one field is required in oneof"
        "\n - routing: exactly one field is required in oneof"
    )
    assert error == (400, 3, text)


def test_a_claim_without_a_name_breaks_length_and_pattern(shared_api: Api) -> None:
    error = shared_api.error_of("POST", "/capacityclaims", claim(name=None))

    text = (
        "validation errors:\n - name: must be at least 1 characters"
        "\n - name: does not match regex pattern `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`"
    )
    assert error == (400, 3, text)


def test_a_weights_and_biases_key_alone_breaks_two_rules(shared_api: Api) -> None:
    body = gateway(coreWeaveAuth=None, weightsAndBiasesAuth={"apiKey": "local-key"})

    error = shared_api.error_of("POST", "/gateways", body)

    text = (
        "validation errors:\n - weights_and_biases_auth: server_url requires api_key to be set"
        f"\n - weights_and_biases_auth: {CUSTOM}"
    )
    assert error == (400, 3, text)


@pytest.mark.parametrize("body", [{"traffic": {"weight": 10}}, {}, None])
def test_a_partial_patch_is_refused_with_a_violation_for_each_missing_block(
    shared_api: Api, body: dict[str, Any] | None
) -> None:
    answer = shared_api.call("PATCH", f"/deployments/{DEPLOYMENT_ID}", body)

    fields = [violation["field"] for violation in answer.json()["details"][0]["fieldViolations"]]
    blocks = ["name", "gateway_ids", "runtime", "resources", "model", "autoscaling", "traffic"]
    assert answer.status_code == 400
    assert fields == (blocks[:-1] if body else blocks)


@pytest.mark.parametrize("kind", ["deployments", "gateways", "capacityclaims"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_id_in_the_path_must_be_a_uuid(shared_api: Api, kind: str, method: str) -> None:
    error = shared_api.error_of(method, f"/{kind}/chat")

    assert error == (400, 3, "validation error: id: must be a valid UUID")


def test_an_id_in_the_path_of_a_patch_must_be_a_uuid(shared_api: Api) -> None:
    error = shared_api.error_of("PATCH", "/capacityclaims/claim1", claim())

    assert error == (400, 3, "validation error: id: must be a valid UUID")


@pytest.mark.parametrize(
    ("knobs", "capacity_type", "listed"),
    [
        ({"customer_claims_refused": True}, "CAPACITY_TYPE_CUSTOMER", "[0, 1, 2]"),
        ({"managed_name": "MANAGED"}, "CAPACITY_TYPE_SERVERLESS", "[0, 1]"),
        ({"managed_name": "SERVERLESS"}, "CAPACITY_TYPE_MANAGED", "[0, 1]"),
    ],
)
def test_a_capacity_type_that_the_service_does_not_take_is_refused(
    knobs: dict[str, Any], capacity_type: str, listed: str
) -> None:
    with simulated(**knobs) as api:
        error = api.error_of("POST", "/capacityclaims", claim(capacityType=capacity_type))

    text = f"validation error: resources.capacity_type: must not be in list {listed}"
    assert error == (400, 3, text)


def test_a_claim_id_is_not_checked_by_a_patch_of_another_body_id(shared_api: Api) -> None:
    error = shared_api.error_of("PATCH", f"/capacityclaims/{CLAIM_ID}", claim(id="not-a-uuid"))

    assert error[:2] == (404, 5)


def violation_body(path: str, text: str) -> dict[str, Any]:
    """The whole body of an error with one violation."""
    violation = {"field": path, "description": text, "reason": "", "localizedMessage": None}
    details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}]
    return {"code": 3, "message": f"validation error: {path}: {text}", "details": details}
