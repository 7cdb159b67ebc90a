"""Disabled deployments, and claims that wait."""

from __future__ import annotations

from coreweave_inference.simulator.records import Condition

from tests.engine.declarations import CLAIM, stack
from tests.engine.workbench import Workbench

INSTANCES = ("US-EAST-04A", "gd-8xh200ib-i128")
CLAIM_NAME = "h200-serving-dev-e06092"


def test_a_disabled_deployment_settles_without_ever_being_ready(workbench: Workbench) -> None:
    workbench.declare(stack(deployments={"chat": {"disabled": True}}))

    run = workbench.up()

    assert run.ok, run.errors
    assert workbench.service.live("deployments")["chat-serving-dev"]["status"]["status"] == "STATUS_CREATING"


def test_a_claim_without_hardware_fails_the_run_at_its_deadline_and_the_next_run_waits_on_for_the_same_claim(
    workbench: Workbench,
) -> None:
    service = workbench.service
    service.turn(claims_wait_for_hardware=True)
    workbench.declare(_claim_only(options={"timeout": "1s"}))

    gave_up = workbench.up()
    waiting = service.live("capacityclaims")
    with workbench.going_up() as running:
        running.sent("GET", "capacityclaims$")
        service.simulator.world.release_hardware()
        went_on = running.finish()

    (claim,) = waiting.values()
    assert not gave_up.ok
    assert "still in progress, left running" in gave_up.output
    assert "WaitingForHardware" in gave_up.output
    assert went_on.ok, went_on.errors
    assert went_on.writes == {}
    assert workbench.state()["h200"]["id"] == claim["spec"]["id"]
    assert service.live("capacityclaims")[CLAIM_NAME]["status"]["createdAt"] == claim["status"]["createdAt"]


def test_a_claim_short_of_quota_is_waited_for_or_refused_and_never_replaced(workbench: Workbench) -> None:
    service = workbench.service
    zone, instance = INSTANCES
    service.turn(quota={zone: {instance: 4}})
    workbench.bring_up(_claim_only())
    before = workbench.state()["h200"]

    workbench.declare(_claim_only(instanceCount=9))
    refused = workbench.up()
    after_refusal = workbench.state()["h200"]
    service.turn(quota={})
    with workbench.going_up() as running:
        running.sent("PATCH", "capacityclaims/")
        shortage = Condition("Ready", False, "QuotaExceeded", "waits until quota frees up")
        service.simulator.world.set_status(before["id"], "STATUS_ERROR", [shortage], for_seconds=1.5)
        granted = running.finish()

    assert not refused.ok
    assert "9 instances asked for" in refused.output
    assert after_refusal == before
    assert granted.ok, granted.errors
    assert granted.changes["h200"] == "update resources.instanceCount"
    assert granted.writes == {"PATCH capacityclaims": 1}
    assert any("waits until quota frees up" in note for note in granted.notes)
    assert workbench.state()["h200"]["id"] == before["id"]


def test_a_reduced_claim_that_keeps_its_count_for_a_while_is_neither_an_error_nor_drift(
    workbench: Workbench,
) -> None:
    workbench.bring_up(_claim_only())

    workbench.declare(_claim_only(instanceCount=1))
    reduced = workbench.up()
    quiet = workbench.preview("--refresh")

    assert reduced.ok, reduced.errors
    assert reduced.writes == {"PATCH capacityclaims": 1}
    assert 'capacity claim "h200": reduction to 1 pending, 2 still billed' in reduced.notes
    assert workbench.service.live("capacityclaims")[CLAIM_NAME]["status"]["allocatedInstances"] == 2
    assert (quiet.drift, quiet.changes) == ({}, {})


def _claim_only(**changes: object) -> dict[str, object]:
    return {"version": 1, "capacityClaims": {"h200": {**CLAIM, **changes}}}
