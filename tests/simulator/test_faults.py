"""How the service misbehaves when it is set to, as a client sees it."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from coreweave_inference.simulator.faults import Fault

from tests.simulator.inference_fixtures import (
    DEPLOYMENT_ID,
    GATEWAY_ID,
    Api,
    claim,
    deployment,
    gateway,
    simulated,
)

OTHER_ID = "5f1c0f6a-0000-4000-8000-000000000009"


def tell(api: Api, **rule: Any) -> None:
    api.simulator.faults.add(Fault(**rule))


def statuses(api: Api, requests: int, path: str = "/gateways") -> list[int]:
    """The statuses of so many GETs, one after the other."""
    return [api.call("GET", path).status_code for _ in range(requests)]


def test_a_status_is_answered_once_and_the_request_is_not_handled(api: Api) -> None:
    tell(api, action="status", method="POST", status=503)

    error = api.error_of("POST", "/gateways", gateway())
    afterwards = api.call("GET", "/gateways").json()

    assert error == (503, 14, "status 503: set to fail")
    assert afterwards == {}
    assert api.call("POST", "/gateways", gateway()).status_code == 200


def test_a_rule_hits_from_the_nth_match_and_as_often_as_it_says(api: Api) -> None:
    tell(api, action="status", path="/gateways$", nth=2, count=2)

    assert statuses(api, 5) == [200, 503, 503, 200, 200]


def test_a_rule_without_a_count_hits_until_rules_are_cleared(api: Api) -> None:
    tell(api, action="status", count=None, status=500)
    before = statuses(api, 3)

    api.simulator.faults.clear()

    assert (before, statuses(api, 1)) == ([500, 500, 500], [200])


def test_a_rule_hits_only_its_method_and_path(api: Api) -> None:
    tell(api, action="status", method="DELETE", path="/gateways/", count=None)

    assert statuses(api, 1) == [200]
    assert api.call("DELETE", f"/gateways/{GATEWAY_ID}").status_code == 503
    assert api.call("DELETE", f"/capacityclaims/{GATEWAY_ID}").status_code == 404


def test_two_rules_are_met_one_after_the_other(api: Api) -> None:
    tell(api, action="status", status=502)
    tell(api, action="status", status=504)

    assert statuses(api, 3) == [502, 504, 200]


@pytest.mark.parametrize(
    ("body", "content_type", "start"),
    [
        ("status", "application/json", '{"code":8,'),
        ("quota", "application/json", '{"code":8,"message":"quota exceeded'),
        ("html", "text/html; charset=utf-8", "<html>"),
        ("empty", "text/html; charset=utf-8", ""),
    ],
)
def test_a_made_up_answer_has_the_body_and_the_headers_asked_for(
    api: Api, body: Any, content_type: str, start: str
) -> None:
    tell(api, action="status", status=429, body=body, headers={"Retry-After": "7"})

    answer = api.call("GET", "/gateways")

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.headers["content-type"] == content_type
    assert answer.text.startswith(start)
    assert bool(answer.text) == bool(start)
    assert answer.headers["x-request-id"]


def test_a_reset_breaks_the_connection_before_the_request_is_handled(api: Api) -> None:
    tell(api, action="reset", method="POST")

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        api.call("POST", "/gateways", gateway())

    assert api.call("GET", "/gateways").json() == {}


def test_a_lost_answer_breaks_the_connection_after_the_request_is_handled(api: Api) -> None:
    tell(api, action="lose-answer", method="POST")

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        api.call("POST", "/gateways", gateway())

    (entry,) = api.simulator.journal.entries("POST")
    assert api.get("gateways", GATEWAY_ID)["spec"]["name"] == "gw1"
    assert (entry.status, entry.fault) == (200, "lose-answer")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_delay_keeps_the_caller_waiting(api: Api, when: Any) -> None:
    tell(api, action="delay", seconds=0.1, when=when)
    started = time.monotonic()

    answer = api.call("GET", "/gateways")

    assert time.monotonic() - started >= 0.1
    assert answer.json() == {}


def test_a_delay_longer_than_the_callers_patience_is_a_timeout(api: Api) -> None:
    tell(api, action="delay", seconds=0.5, when="after", method="POST")

    with pytest.raises(httpx.ReadTimeout):
        api.call("POST", "/gateways", gateway(), timeout=httpx.Timeout(10.0, read=0.1))

    assert api.get("gateways", GATEWAY_ID)["spec"]["name"] == "gw1"


def test_a_truncated_answer_is_no_json(api: Api) -> None:
    tell(api, action="truncate")

    answer = api.call("POST", "/gateways", gateway())

    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_redirect_names_another_host_and_keeps_path_and_query(api: Api) -> None:
    tell(api, action="redirect", location="https://elsewhere.example.com/")

    answer = api.call("GET", "/deployments?updatedAfter=2027-01-15T08:00:00Z")

    assert answer.status_code == 307
    target = "https://elsewhere.example.com/v1alpha1/inference/deployments?updatedAfter=2027-01-15T08:00:00Z"
    assert answer.headers["location"] == target


def test_an_old_status_can_be_kept_longer_than_usual(api: Api) -> None:
    api.create("gateways", gateway())
    api.simulator.clock.advance(1)
    tell(api, action="stale", method="PATCH", seconds=5)

    api.patch("gateways", GATEWAY_ID, gateway())
    api.simulator.clock.advance(4.9)
    kept = api.status("gateways", GATEWAY_ID)
    api.simulator.clock.advance(0.1)

    assert (kept, api.status("gateways", GATEWAY_ID)) == ("STATUS_READY", "STATUS_UPDATING")


def test_lists_can_come_in_reverse(api: Api) -> None:
    api.create("gateways", gateway())
    api.create("gateways", gateway(id=DEPLOYMENT_ID, name="gw2", zones=["US-EAST-04A", "RNO2A"]))
    tell(api, action="reorder")

    reversed_items = api.call("GET", "/gateways").json()["items"]

    assert [item["spec"]["name"] for item in reversed_items] == ["gw2", "gw1"]
    assert reversed_items[0]["spec"]["zones"] == ["RNO2A", "US-EAST-04A"]


def test_enums_can_be_renamed(api: Api) -> None:
    tell(api, action="rename-enums", names={"STATUS_CREATING": "CREATING", "STATUS_FALSE": "False"})

    status = api.create("gateways", gateway())["status"]

    assert (status["status"], status["conditions"][0]["status"]) == ("CREATING", "False")


def test_fields_of_a_newer_service_can_be_added(api: Api) -> None:
    api.create("capacityclaims", claim())
    tell(api, action="add-fields", fields={"newer": 1})

    answer = api.call("GET", "/capacityclaims").json()

    (item,) = answer["capacityClaims"]
    assert (answer["newer"], item["newer"], item["spec"]["newer"], item["status"]["newer"]) == (1, 1, 1, 1)
    assert "newer" not in item["spec"]["resources"]


def test_an_answer_that_is_no_json_stays_as_it_is(api: Api) -> None:
    tell(api, action="reorder")

    assert api.call("GET", "/nothing").text.strip() == "Not Found"


@pytest.mark.parametrize("path", ["/gateways", f"/gateways/{GATEWAY_ID}"])
def test_an_object_is_hidden_from_the_first_look_at_it_for_the_time_that_a_rule_says(
    api: Api, path: str
) -> None:
    api.create("gateways", gateway())
    tell(api, action="hide", method="GET", path=f"{path}$", count=None, seconds=10)

    def looks() -> list[bool]:
        api.simulator.clock.advance(5)
        found = [api.call("GET", one) for one in ("/gateways", f"/gateways/{GATEWAY_ID}")]
        return [one.status_code == 200 and GATEWAY_ID in one.text for one in found]

    lagging = [looks() for _ in range(3)]

    hidden, other = (0, 1) if path == "/gateways" else (1, 0)
    assert [found[hidden] for found in lagging] == [False, False, True]
    assert [found[other] for found in lagging] == [True, True, True]


def test_a_creation_is_answered_with_another_object_that_exists_and_made_all_the_same(api: Api) -> None:
    tell(api, action="wrong-object", method="POST", count=None)

    first = api.call("POST", "/gateways", gateway()).json()
    second = api.call("POST", "/gateways", {**gateway(), "id": OTHER_ID, "name": "gw2"}).json()

    assert first["gateway"]["spec"]["id"] == GATEWAY_ID
    assert second["gateway"]["spec"]["id"] == GATEWAY_ID
    assert api.get("gateways", OTHER_ID)["spec"]["name"] == "gw2"


def test_faults_reach_object_storage_and_the_data_plane_too(api: Api) -> None:
    tell(api, action="status", path="^/gateways/", status=502)
    tell(api, action="status", path="^/acme-weights", status=500)
    signed = {"authorization": "AWS4-HMAC-SHA256 Credential=x/y"}

    data_plane = api.http.get(f"/gateways/{GATEWAY_ID}/v1/models")
    object_storage = api.http.get("/acme-weights", headers=signed)

    assert (data_plane.status_code, object_storage.status_code) == (502, 500)


def test_rules_are_set_seen_and_cleared_over_http(api: Api) -> None:
    rules = [{"action": "status", "status": 500}, {"action": "reset", "path": "/deployments"}]

    set_rules = api.http.post("/simulator/faults", json=rules).json()
    seen = api.http.get("/simulator/faults").json()
    hit = statuses(api, 1)
    api.http.delete("/simulator/faults")

    assert set_rules == seen
    assert [(rule["action"], rule["status"], rule["count"]) for rule in seen] == [
        ("status", 500, 1),
        ("reset", 503, 1),
    ]
    assert (hit, api.http.get("/simulator/faults").json()) == ([500], [])


@pytest.mark.parametrize("rule", [{"action": "explode"}, {"action": "reset", "bogus": 1}, {}])
def test_a_rule_that_is_none_is_refused(api: Api, rule: dict[str, Any]) -> None:
    answer = api.http.post("/simulator/faults", json=rule)

    assert answer.status_code == 400
    assert api.simulator.faults.in_force() == []


def test_a_deployment_lives_on_behind_blips(api: Api) -> None:
    api.create("gateways", gateway())
    api.create("deployments", deployment())
    tell(api, action="status", method="GET", count=2)
    tell(api, action="reset", method="GET", nth=3)

    blips = statuses(api, 2, f"/deployments/{DEPLOYMENT_ID}")
    with pytest.raises(httpx.TransportError):
        api.status("deployments", DEPLOYMENT_ID)
    api.simulator.clock.advance(1)

    assert blips == [503, 503]
    assert api.status("deployments", DEPLOYMENT_ID) == "STATUS_READY"


def test_a_broken_connection_leaves_the_server_able_to_stop() -> None:
    with simulated() as api:
        tell(api, action="reset")
        with pytest.raises(httpx.TransportError):
            api.call("GET", "/gateways")
