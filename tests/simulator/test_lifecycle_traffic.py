"""What the data plane sees of the lifecycle: which gateways and deployments answer, and whose tokens they know."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.simulator.inference_fixtures import (
    DEPLOYMENT_ID,
    GATEWAY_ID,
    STRANGER,
    Api,
    deployment,
    gateway,
    put_weights,
)


def advance(api: Api, seconds: float) -> None:
    api.simulator.clock.advance(seconds)


def ask(api: Api, token: str | None = None, **options: Any) -> httpx.Response:
    """One chat completion through the gateway's endpoint."""
    body = {"model": "acme/chat", "messages": [{"role": "user", "content": "hello"}]}
    headers = {"authorization": f"Bearer {token or api.simulator.token}"}
    return api.http.post(f"/gateways/{GATEWAY_ID}/v1/chat/completions", json=body, headers=headers, **options)


def ready(api: Api, **changes: Any) -> None:
    api.create("gateways", gateway())
    api.create("deployments", deployment(traffic={"weight": 100}, **changes))
    advance(api, 1)


def test_a_ready_deployment_answers_at_its_gateways_endpoint(api: Api) -> None:
    ready(api)

    answer = ask(api)

    assert (answer.status_code, answer.headers["x-served-by"]) == (200, "chat")


def test_a_token_of_another_organisation_is_not_let_in(api: Api) -> None:
    ready(api)

    assert ask(api, STRANGER).status_code == 403


def test_a_gateway_answers_once_it_is_ready_and_no_longer_than_it_exists(api: Api) -> None:
    api.create("gateways", gateway())
    early = ask(api).status_code
    advance(api, 0.5)
    without_model = ask(api).status_code
    api.delete("gateways", GATEWAY_ID)
    advance(api, 0.3)

    assert (early, without_model, ask(api).status_code) == (503, 404, 404)


def test_a_deployment_answers_through_an_update_and_its_grace_period(api: Api) -> None:
    ready(api)
    api.patch("deployments", DEPLOYMENT_ID, deployment(traffic={"weight": 5}))
    advance(api, 0.5)
    updating = ask(api).status_code
    api.delete("deployments", DEPLOYMENT_ID)
    deleting = ask(api).status_code
    advance(api, 0.3)

    assert (updating, deleting, ask(api).status_code) == (200, 200, 404)


def test_a_deployment_answers_neither_before_it_is_ready_nor_when_it_failed(api: Api) -> None:
    api.create("gateways", gateway())
    api.create("deployments", deployment(traffic={"weight": 1}, model__path="models/none"))
    advance(api, 0.5)
    creating = ask(api).status_code
    advance(api, 0.5)
    failed = ask(api).status_code
    api.delete("deployments", DEPLOYMENT_ID)

    assert (creating, failed, ask(api).status_code) == (503, 503, 503)


def test_a_disabled_deployment_stops_answering_at_once(api: Api) -> None:
    ready(api)

    api.patch("deployments", DEPLOYMENT_ID, deployment(traffic={"weight": 100}, disabled=True))

    assert ask(api).status_code == 503


def test_unreadable_weights_end_in_520_until_the_policy_lets_the_service_in(api: Api) -> None:
    put_weights(api.simulator, bucket="later-open", readable=False)
    ready(api, model__bucket="later-open")
    before = ask(api).status_code

    put_weights(api.simulator, bucket="later-open")

    assert (before, ask(api).status_code) == (520, 200)


@pytest.mark.parametrize(
    ("routing", "path", "headers"),
    [
        ({"headerBasedRouting": {"headerName": "X-Model"}}, "/v1/chat/completions", {"x-model": "acme/chat"}),
        ({"pathBasedRouting": {}}, "/acme%2Fchat/v1/chat/completions", {}),
    ],
)
def test_the_gateways_routing_decides_where_the_model_is_named(
    api: Api, routing: dict[str, Any], path: str, headers: dict[str, str]
) -> None:
    api.create("gateways", gateway(bodyBasedRouting=None, **routing))
    api.create("deployments", deployment(traffic={"weight": 1}))
    advance(api, 1)
    body = {"messages": [{"role": "user", "content": "hello"}]}

    answer = api.http.post(f"/gateways/{GATEWAY_ID}{path}", json=body, headers=headers)

    assert answer.status_code == 200, answer.text
