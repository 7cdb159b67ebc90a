"""What must not be taken for the service's word on a new revision."""

from __future__ import annotations

import os
from pathlib import Path

from tests.engine.declarations import stack
from tests.engine.workbench import Workbench

FAST_WALL_CLOCK = Path(__file__).with_name("fast_wall_clock")
BROKEN = stack(deployments={"chat": {"model": {"path": "models/nothing-here"}}})


def test_an_updated_at_that_moves_by_itself_beside_the_status_of_before_is_no_ready(
    workbench: Workbench,
) -> None:
    workbench.environment["COREWEAVE_CHECKS"] = "off"
    workbench.bring_up(stack())
    workbench.service.turn(stale_status_seconds=0.45, heartbeat_seconds=0.05, deployment_update_seconds=0.6)
    workbench.declare(BROKEN)

    run = workbench.up()

    assert not run.ok
    assert "ModelNotFound" in run.output


def test_a_wall_clock_that_is_set_forward_during_a_run_makes_nothing_ready(workbench: Workbench) -> None:
    workbench.environment["COREWEAVE_CHECKS"] = "off"
    workbench.bring_up(stack())
    workbench.service.turn(stale_status_seconds=0.45, deployment_update_seconds=0.6)
    path = workbench.environment["PYTHONPATH"] or ""
    workbench.environment["PYTHONPATH"] = os.pathsep.join([str(FAST_WALL_CLOCK), path])
    workbench.declare(BROKEN)

    run = workbench.up()

    assert not run.ok
    assert "ModelNotFound" in run.output
