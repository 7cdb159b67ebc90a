"""An account on a simulator with a model that answers, and doctor's look at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from coreweave_inference.api.client import InferenceApi
from coreweave_inference.cli.doctor import LiveReads
from coreweave_inference.clock import system
from coreweave_inference.doctor.categories import categories
from coreweave_inference.doctor.check import Result, first_verdict, run
from coreweave_inference.doctor.running import Running
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import sparse
from coreweave_inference.settings.resolution import Settings, resolve
from coreweave_inference.settings.secret import Secret
from coreweave_inference.status.recorded import Recorded

from tests.simulator.inference_fixtures import (
    CLAIM_ID,
    DEPLOYMENT_ID,
    Api,
    claim,
    deployment,
    emptied,
    environment_of,
    gateway,
    put_weights,
    simulated,
)

CANARY_ID = "44444444-4444-4444-8444-444444444444"
RESERVED = {"min": 1, "max": 3, "capacityClasses": ["CAPACITY_CLASS_RESERVED"]}


@dataclass
class Bench:
    """The account; `settings` and `recorded` are what doctor starts from."""

    api: Api
    settings: Settings
    recorded: tuple[Recorded, ...] | None = None
    completion_seconds: float = 5.0
    environ: dict[str, str] = field(default_factory=dict)

    def results(self, reads: type[LiveReads] = LiveReads, **more: Any) -> tuple[Result, ...]:
        """Every check, once."""
        with InferenceApi.of(self.settings) as client, reads.of(self.settings, client) as reading:
            running = Running(
                self.settings,
                self.recorded,
                reading,
                environ=self.environ,
                retry_seconds=0.0,
                completion_seconds=self.completion_seconds,
                **more,
            )
            return run(categories(running), system)

    def first(self) -> Result:
        """The first verdict."""
        found = first_verdict(self.results())
        assert found is not None, "doctor has no finding"
        return found

    def remember(self, *, declared: bool = False) -> None:
        """Take everything that is there for the stack's own; `declared`: as its last run declared it."""
        account = self.api.simulator.control.account()
        self.recorded = tuple(
            Recorded(
                kind,
                item["spec"]["name"],
                item["spec"]["id"],
                item["spec"]["name"],
                sparse(kind, item["spec"]) if declared else None,
            )
            for kind in Kind
            for item in account[kind.path]
        )

    def use(self, **changes: Any) -> None:
        """Other settings."""
        self.settings = replace(self.settings, **changes)

    def use_token(self, token: str) -> None:
        """Another token."""
        self.use(token=Secret(token))


@pytest.fixture(scope="session")
def _running() -> Iterator[Api]:
    with simulated() as api:
        yield api


@pytest.fixture
def bench(_running: Api) -> Bench:
    """A gateway, a claim, and a model of two deployments, 300 and 100; all is well."""
    api = _running
    emptied(api.simulator)
    put_weights(api.simulator)
    api.create("gateways", gateway())
    api.create("capacityclaims", claim())
    api.create("deployments", deployment(traffic={"weight": 300}, autoscaling=RESERVED))
    api.create("deployments", deployment(id=CANARY_ID, name="canary", traffic={"weight": 100}))
    api.simulator.clock.advance(60)
    observed = {"COREWEAVE_OBSERVE_ENDPOINT": api.simulator.url, "COREWEAVE_RETRY_SECONDS": "0"}
    environ = environment_of(api.simulator, **observed)
    found = Bench(api, resolve(environ, {}))
    found.remember()
    return found


__all__ = ["CANARY_ID", "CLAIM_ID", "DEPLOYMENT_ID", "Bench"]
