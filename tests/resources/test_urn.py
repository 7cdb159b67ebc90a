"""What a resource knows of its own URN, which the engine does not give it."""

from __future__ import annotations

import asyncio
import gc
import warnings

import pulumi
import pytest
from coreweave_inference.program.context import urn_of
from pulumi.resource import DependencyResource
from pulumi.runtime.settings import SETTINGS

COMPONENT = "urn:pulumi:dev::acme::acme:platform:Platform::platform"
STEPS_UNTIL_KNOWN = 20


def planned() -> pulumi.Output[str]:
    parent = pulumi.ResourceOptions(parent=DependencyResource(COMPONENT))
    return urn_of("Gateway", "public", parent)


def test_a_resource_in_a_component_knows_its_urn_and_waits_for_nothing_of_the_component() -> None:
    async def program() -> tuple[object, set[pulumi.Resource]]:
        urn = planned()
        return await urn.future(), await urn.resources()

    urn, waits_for = asyncio.run(program())

    assert urn == (
        "urn:pulumi:dev::acme::acme:platform:Platform$pulumi-python:dynamic/coreweave/inference:Gateway::public"
    )
    assert waits_for == set()


@pytest.mark.parametrize("steps", range(STEPS_UNTIL_KNOWN))
def test_a_program_that_stops_at_any_moment_warns_of_nothing_left_behind(steps: int) -> None:
    async def program() -> None:
        planned()
        for _ in range(steps):
            await asyncio.sleep(0)

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        asyncio.run(program())  # cancels what is still waiting, as Pulumi does
        SETTINGS.outputs.clear()
        gc.collect()

    assert [str(warning.message) for warning in warned] == []
