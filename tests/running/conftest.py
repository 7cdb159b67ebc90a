"""A quick service, and stack directories in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from coreweave_inference.simulator import Behaviour, Simulator

from tests.running.command_line import Stack


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    behaviour = Behaviour(
        gateway_create_seconds=0.1,
        claim_create_seconds=0.1,
        deployment_create_seconds=0.3,
        gateway_update_seconds=0.1,
        claim_update_seconds=0.1,
        deployment_update_seconds=0.2,
        stale_status_seconds=0.1,  # Well within the settle time of the commands.
        gateway_delete_seconds=0.1,
        claim_delete_seconds=0.1,
        deployment_delete_seconds=0.1,
    )
    with Simulator(behaviour) as running:
        yield running


@pytest.fixture
def stack_of(tmp_path: Path, simulator: Simulator) -> Callable[..., Stack]:
    """Makes the stack directory, with more variables in the environment of its commands."""

    def make(**variables: str) -> Stack:
        return Stack(tmp_path, simulator, **variables)

    return make


@pytest.fixture
def stack(stack_of: Callable[..., Stack]) -> Stack:
    return stack_of()
