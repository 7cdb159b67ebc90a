"""A service, a stack directory, and somebody who makes objects by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from coreweave_inference.simulator import Behaviour, Simulator

from tests.importing.accounts import Account, account_of
from tests.running.command_line import Stack

QUICK = Behaviour(
    gateway_create_seconds=0.0,
    claim_create_seconds=0.0,
    customer_claim_create_seconds=0.0,
    deployment_create_seconds=0.0,
)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(QUICK) as running:
        yield running


@pytest.fixture
def stack(tmp_path: Path, simulator: Simulator) -> Stack:
    return Stack(tmp_path, simulator)


@pytest.fixture
def account(simulator: Simulator) -> Iterator[Account]:
    with account_of(simulator) as found:
        yield found
