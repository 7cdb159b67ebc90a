"""An account with a gateway and a deployment whose deletions take their time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from coreweave_inference.simulator import Simulator

from tests.resources.service import ORGANIZATION, Run, urn
from tests.simulator.inference_fixtures import Api
from tests.simulator.inference_fixtures import deployment as deployment_body
from tests.simulator.inference_fixtures import gateway as gateway_body

OLD = {"__urn": urn("Deployment", "chat"), "name": "chat-dev", "organizationId": ORGANIZATION}


@pytest.fixture
def run(run: Run) -> Run:
    """An `up`: a program has declared something."""
    run.memory.checked.add(OLD["__urn"])
    return run


@pytest.fixture
def api(simulator: Simulator) -> Iterator[Api]:
    """The account with a gateway and a deployment; a deletion of either takes 30 s."""
    knobs = {"deployment_delete_seconds": 30.0, "gateway_delete_seconds": 30.0}
    simulator.behaviour = simulator.behaviour.changed(knobs)
    api = Api(simulator)
    with api.http:
        api.create("gateways", gateway_body())
        api.create("deployments", deployment_body())
        simulator.clock.advance(10)
        yield api
