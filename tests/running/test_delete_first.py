"""What goes first: the targets of a destroy, and what --remove-first takes before anything is created."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from coreweave_inference.engine.delete_first import to_delete
from coreweave_inference.engine.selection import Selection
from coreweave_inference.errors import StartupError
from coreweave_inference.model.resource_types import TYPES
from coreweave_inference.simulator import Simulator

from tests.running.command_line import Stack, claims

START = f"urn:pulumi:dev::serving::{TYPES}"
PUBLIC, CLAIM, CHAT = f"{START}Gateway::public", f"{START}CapacityClaim::h200", f"{START}Deployment::chat"


def state() -> dict[str, Any]:
    chat = {"urn": CHAT, "dependencies": [PUBLIC, CLAIM], "propertyDependencies": {"gatewayIds": [PUBLIC]}}
    ready = {
        "urn": f"{START}Readiness::ready",
        "propertyDependencies": {"objects": [PUBLIC, CLAIM, CHAT]},
    }
    return {"deployment": {"resources": [{"urn": PUBLIC}, {"urn": CLAIM}, chat, ready]}}


@pytest.mark.parametrize(
    ("targets", "urns"),
    [
        (("h200",), (CLAIM,)),
        (("deployments.chat",), (CHAT,)),
        ((PUBLIC, "chat"), (PUBLIC, CHAT)),
    ],
)
def test_targets_are_keys_keys_of_a_section_and_urns(targets: tuple[str, ...], urns: tuple[str, ...]) -> None:
    assert to_delete(state(), Selection(targets=targets)) == urns


@pytest.mark.parametrize(("targets", "word"), [(("public",), "chat"), (("nothing",), "nothing")])
def test_what_is_used_and_what_is_not_there_is_refused(targets: tuple[str, ...], word: str) -> None:
    with pytest.raises(StartupError, match=word):
        to_delete(state(), Selection(targets=targets))


def test_only_and_targets_are_not_given_together() -> None:
    with pytest.raises(StartupError, match="mutually exclusive"):
        Selection("buckets", ("chat",))


@pytest.mark.thorough
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
