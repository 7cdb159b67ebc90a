"""What one object, or another's, forbids: names, ids, users, organisations, roles, quota."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.inference_fixtures import (
    CLAIM_ID,
    DEPLOYMENT_ID,
    GATEWAY_ID,
    MISSING_ID,
    READER,
    STRANGER,
    ZONE,
    Api,
    claim,
    deployment,
    gateway,
    simulated,
)

BODIES = {"deployments": deployment, "gateways": gateway, "capacityclaims": claim}
TYPES = {"deployments": "Deployment", "gateways": "Gateway", "capacityclaims": "CapacityClaim"}
OTHER_ID = "44444444-4444-4444-8444-444444444444"


@pytest.fixture
def stranger(api: Api) -> Iterator[Api]:
    """The same service for another organisation."""
    other = Api(api.simulator, STRANGER)
    with other.http:
        yield other


@pytest.fixture
def reader(api: Api) -> Iterator[Api]:
    """The same organisation with a token that may only read."""
    other = Api(api.simulator, READER)
    with other.http:
        yield other


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_missing_object_is_named_in_the_error(api: Api, kind: str, method: str) -> None:
    api.create("gateways", gateway())

    answer = api.call(method, f"/{kind}/{MISSING_ID}", BODIES[kind]() if method == "PATCH" else None)

    text = f"{TYPES[kind]} '{MISSING_ID}' not found"
    assert answer.status_code == 404
    assert answer.json() == {"code": 5, "message": text, "details": [resource(TYPES[kind], MISSING_ID, text)]}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("what", ["id", "name"])
def test_an_id_or_a_name_in_use_is_a_conflict_that_names_it(api: Api, kind: str, what: str) -> None:
    api.create("gateways", gateway())
    if kind != "gateways":
        api.create(kind, BODIES[kind]())
    changes: dict[str, Any] = {"name": "other"} if what == "id" else {"id": OTHER_ID}

    answer = api.call("POST", f"/{kind}", BODIES[kind](**changes))

    held = BODIES[kind]()
    text = f"{TYPES[kind]} '{held[what]}' already exists: the {what} is in use by {held['id']}"
    assert answer.status_code == 409
    assert answer.json() == {"code": 6, "message": text, "details": [resource(TYPES[kind], held[what], text)]}


def test_an_id_and_a_name_are_in_use_until_the_object_is_deleted(api: Api) -> None:
    api.create("gateways", gateway())
    api.delete("gateways", GATEWAY_ID)
    api.simulator.clock.advance(0.29)

    while_deleting = api.error_of("POST", "/gateways", gateway())
    api.simulator.clock.advance(0.01)
    afterwards = api.call("POST", "/gateways", gateway())

    assert while_deleting[:2] == (409, 6)
    assert afterwards.status_code == 200


def test_a_patch_may_not_take_the_name_of_another_object(api: Api) -> None:
    api.create("gateways", gateway())
    api.create("gateways", gateway(id=OTHER_ID, name="gw2"))

    error = api.error_of("PATCH", f"/gateways/{OTHER_ID}", gateway())

    assert error == (409, 6, f"Gateway 'gw1' already exists: the name is in use by {GATEWAY_ID}")


def test_a_gateway_is_not_deleted_while_deployments_use_it(api: Api) -> None:
    api.create("gateways", gateway())
    api.create("deployments", deployment())

    answer = api.call("DELETE", f"/gateways/{GATEWAY_ID}")

    text = "gateway is in use by deployments: chat"
    violation = {"type": "GATEWAY_IN_USE", "subject": GATEWAY_ID, "description": text}
    detail = {"@type": "type.googleapis.com/google.rpc.PreconditionFailure", "violations": [violation]}
    assert answer.status_code == 400
    assert answer.json() == {"code": 9, "message": text, "details": [detail]}


def test_a_gateway_is_in_use_until_its_last_deployment_is_deleted(api: Api) -> None:
    api.create("gateways", gateway())
    api.create("deployments", deployment())
    api.delete("deployments", DEPLOYMENT_ID)

    error = api.error_of("DELETE", f"/gateways/{GATEWAY_ID}")
    api.simulator.clock.advance(0.3)
    deleted = api.delete("gateways", GATEWAY_ID)

    assert error[:2] == (400, 9)
    assert deleted["status"]["status"] == "STATUS_DELETING"


def test_a_gateway_that_is_being_deleted_takes_no_deployment(api: Api) -> None:
    api.create("gateways", gateway())
    api.delete("gateways", GATEWAY_ID)

    error = api.error_of("POST", "/deployments", deployment())

    assert error == (400, 9, f'gateway "{GATEWAY_ID}" is being deleted')


@pytest.mark.parametrize("kind", ["gateways", "capacityclaims"])
def test_an_object_that_is_being_deleted_takes_no_patch(api: Api, kind: str) -> None:
    body = BODIES[kind]()
    api.create(kind, body)
    api.delete(kind, body["id"])

    error = api.error_of("PATCH", f"/{kind}/{body['id']}", body)

    text = f"{TYPES[kind]} '{body['id']}' is being deleted and cannot be changed"
    assert error == (400, 9, text)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"instanceId": "gd-8xh100ib-i128"}, "resources.instance_id"),
        ({"capacityType": "CAPACITY_TYPE_CUSTOMER"}, "resources.capacity_type"),
        ({"zones": ["US-WEST-04A"], "instanceId": "gb200-4x"}, "resources.zones"),
    ],
)
def test_only_the_count_of_a_claim_can_change(api: Api, changes: dict[str, Any], path: str) -> None:
    api.create("capacityclaims", claim())

    error = api.error_of("PATCH", f"/capacityclaims/{CLAIM_ID}", claim(**changes))

    assert error == (400, 9, f"{path} cannot be changed")


def test_the_other_name_of_the_managed_type_and_another_case_change_nothing(api: Api) -> None:
    api.create("capacityclaims", claim())
    body = claim(
        name="renamed", instanceId="GB200-4x", capacityType="CAPACITY_TYPE_SERVERLESS", instanceCount=5
    )

    patched = api.patch("capacityclaims", CLAIM_ID, body)

    assert patched["spec"] == {**claim(instanceCount=5), "organizationId": "ab1cd2"}


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_another_organisations_object_does_not_exist(api: Api, stranger: Api, method: str) -> None:
    api.create("gateways", gateway())

    error = stranger.error_of(method, f"/gateways/{GATEWAY_ID}", gateway() if method == "PATCH" else None)

    assert error == (404, 5, f"Gateway '{GATEWAY_ID}' not found")
    assert stranger.call("GET", "/gateways").json() == {}


def test_another_organisations_gateway_cannot_be_used(api: Api, stranger: Api) -> None:
    api.create("gateways", gateway())

    error = stranger.error_of("POST", "/deployments", deployment())

    text = f'validation error: gateway_ids[0]: gateway "{GATEWAY_ID}" does not exist'
    assert error == (400, 3, text)


def test_names_belong_to_an_organisation_and_ids_to_everybody(api: Api, stranger: Api) -> None:
    api.create("gateways", gateway())

    same_name = stranger.call("POST", "/gateways", gateway(id=OTHER_ID))
    same_id = stranger.error_of("POST", "/gateways", gateway(name="free"))

    assert same_name.json()["gateway"]["spec"]["organizationId"] == "cw12ab"
    assert same_id[:2] == (409, 6)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/gateways"), ("PATCH", f"/gateways/{GATEWAY_ID}"), ("DELETE", f"/gateways/{GATEWAY_ID}")],
)
def test_a_read_only_token_may_not_write(api: Api, reader: Api, method: str, path: str) -> None:
    made = api.create("gateways", gateway())

    refused = reader.call(method, path, None if method == "DELETE" else gateway())

    assert (refused.status_code, refused.json()["code"], refused.json()["details"]) == (403, 7, [])
    assert reader.get("gateways", GATEWAY_ID) == made


def test_a_claim_over_quota_is_refused_with_what_is_used_and_allowed() -> None:
    with simulated(quota={ZONE: {"gb200-4x": 8}}) as api:
        api.create("capacityclaims", claim(instanceCount=3))
        answer = api.call("POST", "/capacityclaims", claim(id=OTHER_ID, name="second", instanceCount=6))
        other_type = claim(id=OTHER_ID, name="second", instanceCount=6, instanceId="gd-8xh100ib-i128")
        unlimited = api.call("POST", "/capacityclaims", other_type)

    text = f"6 instances asked for, 3 of 8 in use in zone {ZONE}"
    violation = {"subject": f"zones/{ZONE}", "description": text}
    detail = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}
    assert (answer.status_code, answer.json()["code"], answer.json()["details"]) == (429, 8, [detail])
    assert "retry-after" not in answer.headers
    assert unlimited.status_code == 200


def test_growing_a_claim_counts_it_once() -> None:
    with simulated(quota={ZONE: {"gb200-4x": 8}}) as api:
        api.create("capacityclaims", claim(instanceCount=3))
        grown = api.call("PATCH", f"/capacityclaims/{CLAIM_ID}", claim(instanceCount=8))
        error = api.error_of("PATCH", f"/capacityclaims/{CLAIM_ID}", claim(instanceCount=9))

    assert grown.status_code == 200
    assert error[:2] == (429, 8)


def resource(resource_type: str, name: str, description: str) -> dict[str, Any]:
    """A ResourceInfo detail."""
    return {
        "@type": "type.googleapis.com/google.rpc.ResourceInfo",
        "resourceType": resource_type,
        "resourceName": name,
        "owner": "",
        "description": description,
    }
