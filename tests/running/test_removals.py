from __future__ import annotations

from dataclasses import replace

import pytest
from coreweave_inference.simulator import Simulator

from tests.running.command_line import Stack, claims

pytestmark = pytest.mark.thorough


def test_remove_first_frees_what_a_full_claim_holds_before_the_next_one_is_made(
    stack: Stack, simulator: Simulator
) -> None:
    simulator.behaviour = replace(simulator.behaviour, quota={"US-EAST-04A": {"gd-8xh200ib-i128": 1}})
    stack.bring_up(claims("old"))
    stack.declare(claims("new"))

    refused = stack.document("up", "--yes")
    done = stack.document("up", "--yes", "--remove-first")

    assert refused["code"] == 1
    assert "quota" in refused["errors"][0]
    assert (done["code"], done["errors"]) == (0, [])
    assert stack.names() == {"account", "new", "ready"}
    assert len(simulator.world.records("capacityclaims")) == 1
