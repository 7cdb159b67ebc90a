"""What served after an `up` and breaks by itself later."""

from __future__ import annotations

import pytest
from coreweave_inference.simulator.records import Condition

from tests.engine.declarations import canary
from tests.engine.workbench import Service, Workbench

CRASH = Condition("Ready", False, "CrashLoop", "the engine does not start")


def shows(service: Service, name: str, status: str, *conditions: Condition, seconds: float = 1e9) -> None:
    """Let a deployment show a status by itself."""
    id_ = service.live("deployments")[name]["spec"]["id"]
    service.simulator.world.set_status(id_, f"STATUS_{status}", conditions, seconds)


def test_a_deployment_that_breaks_after_it_served_is_a_difference_with_its_conditions_until_it_serves_again(
    workbench: Workbench,
) -> None:
    service = workbench.service
    workbench.declare(canary())
    first = workbench.up()
    assert first.ok, first.output
    shows(service, "chat-serving-dev", "FAILED", CRASH)
    shows(service, "chat-canary-serving-dev", "ERROR", CRASH)

    unseen = workbench.preview()
    seen = workbench.preview("--refresh")
    workbench.refresh()
    recorded = workbench.preview()
    fixed = workbench.up()
    quiet = workbench.preview("--refresh")

    assert (unseen.changes, seen.drift.keys(), quiet.drift, quiet.changes) == ({}, {"ready"}, {}, {})
    health = 'update objects["deployment chat"].health objects["deployment chat-canary"].health'
    assert seen.changes == recorded.changes == {"ready": health}
    assert fixed.ok, fixed.errors
    assert fixed.writes == {"PATCH deployments": 2}


@pytest.mark.thorough
def test_a_blip_and_what_is_on_its_way_are_no_difference_and_lost_weights_and_a_deletion_are(
    workbench: Workbench,
) -> None:
    service = workbench.service
    workbench.environment["COREWEAVE_SETTLE_SECONDS"] = "3"
    workbench.bring_up(canary())
    shows(service, "chat-serving-dev", "UPDATING")
    shows(service, "chat-canary-serving-dev", "ERROR", CRASH, seconds=2.5)

    passing = workbench.preview("--refresh")
    shows(service, "chat-serving-dev", "READY")
    shows(service, "chat-canary-serving-dev", "DELETING")
    service.s3.delete_bucket_policy(Bucket="acme-weights")
    lasting = workbench.preview("--refresh")
    shows(service, "chat-canary-serving-dev", "READY")
    fixed = workbench.up("--refresh")
    quiet = workbench.preview("--refresh")

    assert (passing.drift, passing.changes) == ({}, {})
    health = 'update objects["deployment chat"].health objects["deployment chat-canary"].health'
    assert lasting.changes["ready"] == health
    assert fixed.ok, fixed.errors
    assert (quiet.drift, quiet.changes) == ({}, {})
