"""The simulator's logs and metrics, as a client of Prometheus and Loki reads them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.inference_fixtures import DEPLOYMENT_ID, READER, STRANGER, Api, deployment, gateway

LABEL = "inference_deployment_id"


@pytest.fixture
def serving(api: Api) -> Api:
    api.create("gateways", gateway())
    api.create("deployments", deployment(traffic={"weight": 1}))
    api.simulator.clock.advance(
        3600
    )  # What earlier tests sent to the same simulator is longer ago than any query asks.
    return api


def data(api: Api, path: str, token: str | None = None, **query: str) -> Any:
    headers = {"authorization": f"Bearer {token or api.simulator.token}"}
    answer = api.http.get(path, params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_requests_are_counted_by_deployment_and_status(serving: Api) -> None:
    url = f"{serving.simulator.url}/gateways/{gateway()['id']}/v1/chat/completions"
    body = {"model": "acme/chat", "messages": [{"role": "user", "content": "hello"}]}
    for _ in range(3):
        assert serving.http.post(url, json=body).status_code == 200

    query = f'sum(increase(vllm:request_success_total{{{LABEL}="{DEPLOYMENT_ID}"}}[15m]))'
    counted = data(serving, "/api/v1/query", query=query)
    serving.simulator.clock.advance(3600)
    later = data(serving, "/api/v1/query", query=query)

    assert (counted["result"][0]["value"][1], later["result"]) == ("3.0", [])


def test_names_are_there_to_be_discovered(serving: Api) -> None:
    assert "vllm:request_success_total" in data(serving, "/api/v1/label/__name__/values")
    assert data(serving, "/loki/api/v1/labels") == ["cluster", "container", LABEL]
    assert data(serving, f"/loki/api/v1/label/{LABEL}/values") == [DEPLOYMENT_ID]
    series = data(serving, "/api/v1/series", **{"match[]": '{__name__="vllm:request_success_total"}'})
    assert series[0][LABEL] == DEPLOYMENT_ID


def test_a_log_has_what_a_test_wrote_to_it_newest_first(serving: Api) -> None:
    body = {"id": DEPLOYMENT_ID, "line": "ERROR needs 8.0 GiB, has 4.45"}
    assert serving.http.post("/simulator/logs", json=body).status_code == 200

    found = data(serving, "/loki/api/v1/query_range", query=f'{{{LABEL}="{DEPLOYMENT_ID}"}}', limit="2")

    (stream,) = found["result"]
    assert [text for _, text in stream["values"]] == [
        "ERROR needs 8.0 GiB, has 4.45",
        "INFO engine vllm starts",
    ]


@pytest.mark.parametrize(("token", "code"), [(READER, 403), ("nobody", 401)])
def test_a_token_without_the_role_is_refused(serving: Api, token: str, code: int) -> None:
    answer = serving.http.get("/api/v1/labels", headers={"authorization": f"Bearer {token}"})

    assert answer.status_code == code


def test_what_is_no_query_is_refused_and_others_see_nothing(serving: Api) -> None:
    bad = serving.http.get("/api/v1/query", params={"query": "rate(x)"})
    other = serving.http.get("/loki/api/v1/labels", headers={"authorization": f"Bearer {STRANGER}"})

    assert bad.status_code == 400
    assert other.status_code == 403
