"""Destroying a stack, twice, half broken, and bringing it back."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
from coreweave_inference.simulator.records import Condition

from tests.engine.declarations import canary, stack
from tests.engine.workbench import Service, Workbench, until

OWN_BUCKET = {"weights": {"adopt": None}}
IN_FLIGHT_SECONDS = 2.5
"""How long a request takes, and how long a deployment that is deleted goes on for the sake of such requests."""


def test_a_stack_goes_down_in_order_with_requests_in_flight_served_and_comes_back_to_its_kept_bucket(
    service: Service, workbench_of: Callable[..., Workbench]
) -> None:
    workbench = workbench_of(service)
    workbench.declare(stack(buckets=OWN_BUCKET, gateways=None, deployments=None))
    workbench.up()
    service.put_weights("models/chat", "models/chat-v2")
    workbench.declare(canary(buckets=OWN_BUCKET))
    workbench.up()
    service.turn(deployment_delete_seconds=IN_FLIGHT_SECONDS)

    with ThreadPoolExecutor() as pool:
        in_flight = [pool.submit(_ask, service, IN_FLIGHT_SECONDS) for _ in range(2)]
        until(
            lambda: len(service.simulator.journal.entries("POST", "/chat/completions")) == 2, "both requests"
        )
        down = workbench.destroy()
        answers = [asked.result() for asked in in_flight]
    left, sids = service.account(), service.sids()
    again = workbench.destroy()
    back = workbench.up()

    assert down.ok, down.errors
    deletes = [entry for entry in down.requests if entry.method == "DELETE"]
    kinds = [entry.path.removeprefix("/v1alpha1/inference").split("/")[1] for entry in deletes]
    assert kinds[:2] == ["deployments", "deployments"]
    assert sorted(kinds[2:]) == ["acme-weights", "capacityclaims", "gateways"]
    assert deletes[2].simulated_at - deletes[1].simulated_at >= IN_FLIGHT_SECONDS
    assert [status for status, _ in answers] == [200, 200]
    assert max(at for _, at in answers) < deletes[2].real_at
    assert (left, sids) == ({"buckets": ["acme-weights"]}, [])
    assert (again.ok, again.changes, again.writes) == (True, {}, {})
    assert back.ok, back.errors
    assert "PUT acme-weights" not in back.writes
    assert service.account() == {
        "deployments": ["chat-canary-serving-dev", "chat-serving-dev"],
        "gateways": ["public-serving-dev"],
        "capacityclaims": ["h200-serving-dev-e06092"],
        "buckets": ["acme-weights"],
    }


def test_a_stack_of_failed_deployments_can_be_destroyed(workbench: Workbench) -> None:
    service = workbench.service
    workbench.bring_up(canary())
    for item in service.live("deployments").values():
        broken = Condition("Ready", False, "CrashLoop", "the engine does not start")
        service.simulator.world.set_status(item["spec"]["id"], "STATUS_FAILED", [broken])

    down = workbench.destroy()

    assert down.ok, down.errors
    assert service.account() == {"buckets": ["acme-weights"]}
    assert workbench.state() == {}


def test_a_deployment_that_an_up_takes_away_is_deleted_when_the_run_ends(workbench: Workbench) -> None:
    service = workbench.service
    workbench.bring_up(canary())
    service.turn(deployment_delete_seconds=1.0)

    workbench.declare(canary(deployments={"chat-canary": None, "chat": {"traffic": {"weight": 1000}}}))
    run = workbench.up()

    assert run.ok, run.errors
    assert list(service.live("deployments")) == ["chat-serving-dev"]
    written = [entry.method for entry in run.requests if entry.method in ("PATCH", "DELETE")]
    assert written == ["PATCH", "DELETE"]


def _ask(service: Service, seconds: float) -> tuple[int, float]:
    """Status of a chat completion that takes so long, and when it was answered."""
    (gateway,) = service.live("gateways").values()
    (endpoint,) = gateway["status"]["endpoints"]
    answer = httpx.post(
        f"{endpoint}/v1/chat/completions",
        json={"model": "acme/chat", "messages": [{"role": "user", "content": "Good morning"}]},
        headers={
            "authorization": f"Bearer {service.simulator.token}",
            "x-simulate-seconds": str(seconds),
        },
        timeout=30,
        trust_env=False,
    )
    return answer.status_code, time.time()
