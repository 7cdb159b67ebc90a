"""A service and a stack directory for each test of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from coreweave_inference.simulator import Behaviour, Simulator

from tests.engine.workbench import Service, Workbench

QUICK = Behaviour(
    gateway_create_seconds=0.1,
    deployment_create_seconds=0.3,
    claim_create_seconds=0.1,
    gateway_update_seconds=0.1,
    deployment_update_seconds=0.2,
    claim_update_seconds=0.1,
    gateway_delete_seconds=0.1,
    deployment_delete_seconds=0.1,
    claim_delete_seconds=0.1,
    stale_status_seconds=0.1,
    scale_down_delay_seconds=60.0,
)


@pytest.fixture
def service() -> Iterator[Service]:
    """The service with an empty account, quick in everything."""
    with Simulator(QUICK) as simulator:
        found = Service(simulator)
        try:
            yield found
        finally:
            found.s3.close()


@pytest.fixture
def stocked(service: Service) -> Service:
    """The service with a bucket of weights that somebody made by hand."""
    service.make_bucket()
    service.put_weights("models/chat", "models/chat-v2")
    return service


@pytest.fixture
def workbench_of(tmp_path: Path) -> Callable[..., Workbench]:
    """Makes stacks in one directory."""

    def make(service: Service, stack: str = "dev", **variables: str | None) -> Workbench:
        return Workbench(service, tmp_path, stack, **variables)

    return make


@pytest.fixture
def workbench(stocked: Service, workbench_of: Callable[..., Workbench]) -> Workbench:
    """A stack directory in front of a service with weights."""
    return workbench_of(stocked)
