"""What served after an `up` and broke by itself, as every command shows it."""

from __future__ import annotations

from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.records import Condition

from tests.running.command_line import Stack, claims, gateways

BROKEN = Condition("Ready", False, "NodeLost", "the hardware is gone", "US-EAST-04A")
WHY = "FAILED: Ready=False NodeLost: the hardware is gone"


def test_each_command_that_reads_names_what_broke_and_up_waits_for_it(
    stack: Stack, simulator: Simulator
) -> None:
    stack.bring_up(gateways("public"), claims("h200"))
    (gateway,) = simulator.world.records("gateways")
    simulator.world.set_status(gateway.id, "STATUS_FAILED", [BROKEN])

    review = stack.run("review", "--refresh", "--fail-on", "error")
    checked = stack.run("check")
    refreshed = stack.run("refresh")
    planned = stack.run("preview", "--no-refresh")
    up = stack.run("up", "--yes")
    after = stack.run("review", "--refresh")

    assert review.returncode == 0, review.stderr
    assert "### Changed outside" in review.stdout
    assert WHY in review.stdout
    assert WHY in checked.stdout
    assert any(
        line.startswith(f'! broken: gateway "public": {WHY}') for line in refreshed.stdout.splitlines()
    )
    assert "~ update   readiness" in planned.stdout
    assert f'    waits for gateway "public": {WHY}' in planned.stdout
    assert (up.returncode, up.stderr) == (0, "")
    assert simulator.world.shown(gateway).status == "STATUS_READY"
    assert (after.returncode, after.stdout.count(WHY)) == (0, 0)
