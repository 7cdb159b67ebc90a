"""What a stack's life costs: so many requests of each kind, so many calls of `pulumi`, and which modules; never how long it takes.

Nothing may take more of anything than it does here. What takes less is better: then the figures here go down.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from coreweave_inference.simulator import Simulator

from benchmarks.stacks import READY_AT_ONCE, SETTLED_AT_ONCE, document, stock
from tests.engine.runs import kinds_of
from tests.processes.recording import Recorder
from tests.running.command_line import Stack

COUNT = 3
WRITES = ("POST", "PATCH", "PUT", "DELETE", "key")
BUCKET = "acme-weights"
LOOKS = {"LIST capacityclaims": 1, "LIST deployments": 1, "LIST gateways": 1}
PARAMETERS = {"parameters capacityclaims": 1, "parameters deployments": 1, "parameters gateways": 1}
ONE_LOOK_AT_THE_BUCKET = {
    f"GET {BUCKET}?location": 1,
    f"GET {BUCKET}?policy": 2,
    f"GET {BUCKET}?tagging": 1,
    f"HEAD {BUCKET}": 1,
}
READ_BY_CHECKS = {
    f"GET {BUCKET}/models/chat/config.json": 1,
    f"GET {BUCKET}/models/chat/tokenizer.json": 1,
    f"GET {BUCKET}?list-type": 2,
    f"GET {BUCKET}?policy": 1,
}
OF_A_CHANGE = {"GET deployments": 1, "LIST deployments": 1, "LIST gateways": 1}
"""Beside the looks of a plan and of the run, which takes what the plan read: the object before its PATCH, the look that sees it ready, and whose account it is."""
NOT_OF_A_PROVIDER = {
    "checks",
    "cli",
    "declaration",
    "discovery",
    "doctor",
    "engine",
    "fit",
    "importing",
    "review",
    "simulator",
    "stack",
    "stateless",
    "status",
}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A service whose objects are ready at once, with weights."""
    with Simulator(READY_AT_ONCE) as running:
        stock(running, "models/chat")
        yield running


class Costs:
    """A stack, and what each command on it asks for and starts."""

    def __init__(self, place: Path, simulator: Simulator) -> None:
        self.stack, self._simulator = Stack(place, simulator, **SETTLED_AT_ONCE), simulator
        self.recorder = Recorder(place / "recorded", self.stack.environment)
        self.stack.environment |= self.recorder.calls_recorded
        simulator.journal.clear()

    def declare(self, declared: Mapping[str, Any]) -> None:
        (self.stack.path / "inference.yaml").write_text(yaml.safe_dump(dict(declared)))

    def of(self, *arguments: str) -> tuple[dict[str, int], list[str]]:
        """Requests by kind, and the calls of `pulumi`."""
        done = self.stack.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return self._taken()

    def of_whole_processes(self, *arguments: str) -> tuple[dict[str, int], list[str]]:
        """The same of a command whose processes are Pythons of their own, with their modules recorded."""
        before = dict(self.stack.environment)
        self.stack.environment |= self.recorder.modules_recorded
        with self.stack.started(*arguments, python=sys.executable) as process:
            output, error = process.communicate()
        self.stack.environment |= before
        assert process.returncode == 0, output + error
        return self._taken()

    def _taken(self) -> tuple[dict[str, int], list[str]]:
        requests, calls = kinds_of(self._simulator.journal.entries()), self.recorder.calls()
        self._simulator.journal.clear()
        return requests, calls


def total(*costs: Mapping[str, int]) -> dict[str, int]:
    return {kind: sum(one.get(kind, 0) for one in costs) for kind in {kind for one in costs for kind in one}}


def written(requests: Mapping[str, int]) -> dict[str, int]:
    """What changes something, a key that is made included."""
    return {kind: number for kind, number in requests.items() if kind.startswith(WRITES)}


def beyond(requests: Mapping[str, int], most: Mapping[str, int]) -> dict[str, int]:
    """What was asked more often than `most` has it."""
    return {kind: number for kind, number in requests.items() if number > most.get(kind, 0)}


def test_each_command_asks_for_and_starts_no_more_than_it_needs(tmp_path: Path, simulator: Simulator) -> None:
    costs, declared = Costs(tmp_path, simulator), document(COUNT)
    looks = total(LOOKS, LOOKS, PARAMETERS, {"key": 1})
    plan = total(looks, ONE_LOOK_AT_THE_BUCKET, READ_BY_CHECKS)

    costs.declare(declared)
    up, calls = costs.of("up", "--yes")
    assert calls == [
        "stack",
        "stack",
        "preview",
        "up",
    ]  # The first two: whether the stack is there, and making it.
    assert written(up) == {
        "POST deployments": COUNT,
        "POST gateways": 1,
        f"PUT {BUCKET}?policy": 1,
        "key": 1,
    }
    assert (up["GET gateways"], "GET deployments" in up) == (1, False)
    assert (
        beyond(
            {kind: up[kind] for kind in LOOKS},
            {"LIST capacityclaims": 4, "LIST deployments": 5, "LIST gateways": 7},
        )
        == {}
    )
    assert (
        beyond(
            {kind: up[kind] for kind in PARAMETERS},
            total(PARAMETERS, {"parameters deployments": 2}),
        )
        == {}
    )

    preview, calls = costs.of_whole_processes("preview")
    assert (calls, beyond(preview, plan)) == (["preview"], {})
    command, *providers = sorted(costs.recorder.processes(), key=lambda process: process.role)
    assert (command.role, {one.role for one in providers}) == ("cw-inference", {"provider"})
    assert command.layers & {"simulator"} == set()
    assert len(command.own) <= 325
    for provider in providers:
        assert provider.layers & NOT_OF_A_PROVIDER == set()
        assert (
            provider.libraries & {"rich", "typer", "deepdiff", "boto3", "moto", "starlette", "uvicorn"}
            == set()
        )
        assert len(provider.own) <= 133

    declared["deployments"]["chat-1"]["autoscaling"]["max"] += 1
    costs.declare(declared)
    change, calls = costs.of("up", "--yes")
    assert calls == ["preview", "up"]
    assert written(change) == {
        "PATCH deployments": 1,
        "key": 1,
    }
    assert (change["GET deployments"], "GET gateways" in change) == (1, False)
    run = total(LOOKS, LOOKS, ONE_LOOK_AT_THE_BUCKET, ONE_LOOK_AT_THE_BUCKET)
    most = total(plan, run, written(change), OF_A_CHANGE)
    assert beyond(change, most) == {}

    refresh, calls = costs.of("refresh")
    assert (refresh, calls) == (total(LOOKS, ONE_LOOK_AT_THE_BUCKET, {"key": 1}), ["refresh"])

    destroy, calls = costs.of("destroy", "--yes")
    assert calls == ["destroy"]
    assert written(destroy) == {
        "DELETE deployments": COUNT,
        "DELETE gateways": 1,
        f"DELETE {BUCKET}?policy": 1,
        "key": 1,
    }
    assert (
        beyond(
            {kind: destroy[kind] for kind in ("GET deployments", "GET gateways")},
            {"GET deployments": 3 * COUNT, "GET gateways": 3},
        )
        == {}
    )
