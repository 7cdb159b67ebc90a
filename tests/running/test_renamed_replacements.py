"""Replacements of objects whose keys were renamed, cut short."""

import json
from dataclasses import replace

import pytest
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.faults import Fault

from tests.running.command_line import Stack, until

pytestmark = pytest.mark.thorough


def gateway(key: str, name: str, *aliases: str) -> str:
    """A gateway with a name of its own, and the keys that it had before."""
    routing = "zones: [US-EAST-04A], coreWeaveAuth: {}, bodyBasedRouting: {apiType: API_TYPE_OPENAI}"
    return f"gateways:\n  {key}: {{name: {name}, {routing}, options: {{aliases: {json.dumps(aliases)}}}}}\n"


def test_a_renamed_replacement_that_was_killed_is_deleted_when_the_former_key_is_declared_again(
    stack: Stack, simulator: Simulator
) -> None:
    stack.bring_up(gateway("front", "door-own"))
    [first] = simulator.world.records("gateways")
    stack.declare(gateway("entry", "gate-own", "front"))
    simulator.behaviour = replace(simulator.behaviour, gateway_create_seconds=600.0)
    with stack.started("up", "--yes") as process:
        until(lambda: len(simulator.world.records("gateways")) > 1)
        stack.kill_engine()
        _, error = process.communicate(timeout=30)
    assert (process.returncode, "was killed (signal 9); run again" in error) == (1, True)
    assert "Warning" not in error
    stack.declare(gateway("front", "door-own"))

    done = stack.document("up", "--yes")

    assert (done["code"], done["errors"]) == (0, [])
    assert [record.id for record in simulator.world.records("gateways")] == [first.id]
    assert stack.names() == {"account", "front", "ready"}


def test_a_replacement_that_was_cut_short_is_adopted_though_its_key_was_renamed(
    stack: Stack, simulator: Simulator
) -> None:
    stack.bring_up(gateway("front", "door-own"))
    stack.declare(gateway("entry", "door-own", "front"))
    renamed = stack.document("up", "--yes")
    assert (renamed["code"], renamed["plan"]["drift"]) == (0, [])  # It is not called deleted outside.
    [first] = simulator.world.records("gateways")
    stack.declare(gateway("entry", "gate-own", "front"))
    simulator.faults.add(Fault("status", "DELETE", "/gateways/", status=400, count=None))
    assert stack.run("up", "--yes").returncode == 1
    simulator.faults.clear()
    assert len(simulator.world.records("gateways")) == 2
    stack.declare(gateway("entry", "door-own", "front"))

    done = stack.document("up", "--yes")

    assert (done["code"], done["errors"]) == (0, [])
    assert [record.id for record in simulator.world.records("gateways")] == [first.id]
    assert stack.names() == {"account", "entry", "ready"}
    assert stack.document("preview")["counts"] == {"same": 3}
