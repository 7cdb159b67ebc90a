"""Runs that end in the middle: what was made is adopted by the next one."""

from __future__ import annotations

import os
from datetime import datetime

from tests.engine.declarations import stack
from tests.engine.workbench import Service, Workbench, until

POST = ("POST", "deployments$")
WRONG_SECONDS = 5400.0
"""How far the service's clock is ahead of this machine's."""


def test_a_deployment_is_adopted_after_its_provider_was_killed_right_after_the_post_whatever_this_clock_says(
    workbench: Workbench,
) -> None:
    service = workbench.service
    service.simulator.clock.advance(WRONG_SECONDS)
    service.misbehave("delay", *POST, when="after", seconds=1.0)
    workbench.declare(stack())

    with workbench.going_up() as running:
        running.sent(*POST)
        running.kill_provider()
        killed = running.finish()
    made = _made(service)
    recovered = workbench.up()
    again = workbench.up()

    assert not killed.ok
    assert "chat" not in {name for name, state in workbench.state().items() if not state.get("id")}
    assert recovered.ok, recovered.errors
    assert "adopted" in recovered.output
    assert _made(service) == made
    assert (again.changes, again.writes) == ({}, {})
    for name in ("public", "chat"):
        written = datetime.fromisoformat(workbench.state()[name]["outputs"]["revision"].split()[1])
        assert abs(written.timestamp() - service.simulator.clock.now()) < WRONG_SECONDS / 2


def test_a_deployment_is_adopted_after_the_engine_was_killed_and_the_provider_has_ended_by_itself(
    workbench: Workbench,
) -> None:
    service = workbench.service
    service.misbehave("delay", *POST, when="after", seconds=1.0)
    workbench.declare(stack())

    with workbench.going_up() as running:
        running.sent(*POST)
        provider = running.provider_id
        running.kill_engine()
    until(lambda: not _is_alive(provider), "the end of the provider")
    made = _made(service)
    workbench.pulumi("cancel", "--yes", "--stack", "dev")
    recovered = workbench.up()

    assert recovered.ok, recovered.errors
    assert _made(service) == made
    assert workbench.state()["chat"]["id"] in {id_ for id_, _ in made}


def test_a_lost_answer_to_the_post_is_settled_within_the_run(workbench: Workbench) -> None:
    service = workbench.service
    service.misbehave("lose-answer", *POST)
    workbench.declare(stack())

    run = workbench.up()

    assert run.ok, run.errors
    assert [
        entry.status for entry in service.requests() if entry.path.endswith("deployments") and entry.body
    ] == [
        200,
        409,
    ]
    assert len(_made(service)) == 1


def test_a_lost_answer_that_cannot_be_looked_into_is_settled_by_the_next_run(workbench: Workbench) -> None:
    service = workbench.service
    service.misbehave("lose-answer", *POST, count=None)
    workbench.declare(stack())

    with workbench.going_up() as running:
        running.sent(*POST)
        service.misbehave("reset", "GET", "deployments$", count=None)
        failed = running.finish()
    made = _made(service)
    service.simulator.faults.clear()
    recovered = workbench.up()

    assert not failed.ok
    assert recovered.ok, recovered.errors
    assert len(made) == 1
    assert _made(service) == made


def test_a_bucket_and_a_statement_of_runs_of_plain_pulumi_that_were_killed_are_adopted_by_the_next_one(
    workbench: Workbench,
) -> None:
    service = workbench.service
    own = {"name": "acme-own", "adopt": False, "policy": {"ownerAccess": "none"}}
    workbench.declare(stack(buckets={"weights": own}, deployments=None))
    service.misbehave("delay", "PUT", "acme-own$", when="after", count=None, seconds=1.0)

    with workbench.going_up() as running:
        until(lambda: "acme-own" in service.account()["buckets"], "a bucket without tags")
        running.kill_provider()
        running.finish()
    with workbench.going_up() as running:
        until(lambda: service.sids("acme-own"), "a statement")
        running.kill_provider()
        killed = running.finish()
    service.simulator.faults.clear()
    recovered, again = workbench.up(), workbench.up("--refresh")

    assert not killed.ok
    assert recovered.ok, recovered.output
    assert recovered.writes.keys().isdisjoint({"PUT acme-own", "PUT acme-own?policy"})
    assert {"weights", "weights-policy"} <= workbench.state().keys()
    assert (again.ok, again.changes, again.writes) == (True, {}, {})


def _made(service: Service) -> set[tuple[str, str]]:
    """Id and creation of every live deployment."""
    live = service.live("deployments").values()
    return {(item["spec"]["id"], item["status"]["createdAt"]) for item in live}


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True
