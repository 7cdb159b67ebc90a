"""Readiness: one row that waits until what was written serves, and says why it does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from coreweave_inference.host.dynamic import CoreWeave
from coreweave_inference.provider.session import RUN_DIRECTORY
from coreweave_inference.resources.deployment import DeploymentProvider
from coreweave_inference.resources.gateway import GatewayProvider
from coreweave_inference.resources.readiness import ReadinessProvider
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.faults import Fault
from coreweave_inference.simulator.records import Condition
from pulumi.output import Unknown

from tests.resources.engine_steps import Resource, with_floats
from tests.resources.service import Run, deployment, gateway, run_against, urn

NOT_LOST = "; deletions are postponed until the stack is ready: fix it and run again"


@pytest.fixture
def run(simulator: Simulator) -> Iterator[Run]:
    with run_against(simulator) as run:
        yield run


class Stack:
    """A gateway, a deployment and the readiness that covers both."""

    def __init__(self) -> None:
        self.public = Resource(GatewayProvider())
        self.chat = Resource(DeploymentProvider())
        self.ready = Resource(ReadinessProvider())

    def up(self, options: dict[str, Any] | None = None, **changes: Any) -> list[str]:
        return [
            self.public.up(gateway()),
            self.chat.up(deployment(**changes)),
            self.ready.up(self.covered(options or {})),
        ]

    def covered(self, options: dict[str, Any]) -> dict[str, Any]:
        objects = {
            "gateway public": entry("gateway", "public", "Gateway", self.public, {}),
            "deployment chat": entry("deployment", "chat", "Deployment", self.chat, options),
        }
        covered: dict[str, Any] = with_floats({"objects": objects, "__urn": urn("Readiness", "ready")})
        return covered


def entry(kind: str, name: str, type_name: str, of: Resource, options: dict[str, Any]) -> dict[str, Any]:
    revision = of.outputs["revision"]
    return {
        "kind": kind,
        "id": of.id,
        "name": name,
        "revision": revision,
        "urn": urn(type_name, name),
        **options,
    }


@pytest.fixture
def stack() -> Stack:
    return Stack()


def test_a_run_waits_until_everything_serves_and_the_next_one_does_not(run: Run, stack: Stack) -> None:
    assert stack.up() == ["create", "create", "create"]
    assert sum(run.time.slept) >= 1.0
    run.time.slept.clear()

    assert stack.up() == ["same", "same", "same"]

    assert run.time.slept == []
    assert stack.ready.outputs["format"] == 1
    assert set(stack.ready.outputs) == {"objects", "__urn", "format", "organizationId"}


def test_only_what_was_written_is_waited_for_and_a_stale_ready_does_not_count(
    run: Run, simulator: Simulator, stack: Stack
) -> None:
    simulator.behaviour = simulator.behaviour.changed(
        {"stale_status_seconds": 5, "deployment_update_seconds": 20}
    )
    stack.up()
    run.time.slept.clear()
    simulator.journal.clear()

    assert stack.up(traffic={"weight": 7}) == ["same", "update", "update"]

    assert sum(run.time.slept) >= 20
    assert simulator.journal.entries("GET", "/gateways$") == []


@pytest.mark.parametrize("begins_at", [0.0, 0.35, 0.7])
def test_a_change_that_serves_without_having_been_seen_at_work_costs_two_seconds_and_not_the_settle_time(
    run: Run, simulator: Simulator, stack: Stack, begins_at: float
) -> None:
    simulator.behaviour = simulator.behaviour.changed(
        {"stale_status_seconds": 0.4, "deployment_update_seconds": 0, "heartbeat_seconds": 0.05}
    )
    stack.up()
    run.time.sleep(2.0 - simulator.clock.now() % 1.0 + begins_at)
    run.time.slept.clear()
    simulator.journal.clear()

    assert stack.up(traffic={"weight": 7}) == ["same", "update", "update"]

    assert run.settings.settle_seconds == 15.0
    assert 0.4 <= sum(run.time.slept) <= 2.0
    assert len(simulator.journal.entries("GET", "/deployments$")) <= 10


def test_a_change_of_which_nothing_shows_costs_the_settle_time(
    run: Run, simulator: Simulator, stack: Stack
) -> None:
    stack.up()
    simulator.behaviour = simulator.behaviour.changed({"stale_status_seconds": 60, "heartbeat_seconds": 0.05})
    run.time.slept.clear()

    assert stack.up(traffic={"weight": 7}) == ["same", "update", "update"]

    assert 14.0 <= sum(run.time.slept) <= 15.1


def test_a_status_of_before_is_not_ready_where_answers_are_dated_by_a_clock_that_is_behind(
    run: Run, simulator: Simulator, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.up()
    simulator.behaviour = simulator.behaviour.changed({"stale_status_seconds": 60, "heartbeat_seconds": 0.05})
    monkeypatch.setattr(
        "coreweave_inference.simulator.exchange.formatdate",
        lambda now, usegmt: formatdate(now - 5400.0, usegmt=usegmt),
    )
    run.time.slept.clear()

    assert stack.up(traffic={"weight": 7}) == ["same", "update", "update"]

    assert sum(run.time.slept) >= run.settings.settle_seconds


def test_a_preview_shows_a_difference_while_a_revision_is_not_known(run: Run, stack: Stack) -> None:
    stack.up()
    news = stack.covered({})
    news["objects"]["deployment chat"]["revision"] = Unknown()

    assert stack.ready.planned(news).changes is None
    assert stack.ready.planned(stack.covered({})).changes is False


def test_an_object_that_is_no_longer_covered_is_a_difference_that_waits_for_nothing(
    run: Run, stack: Stack
) -> None:
    stack.up()
    run.time.slept.clear()
    news = stack.covered({})
    del news["objects"]["deployment chat"]

    assert stack.ready.up(news) == "update"
    assert run.time.slept == []


def test_what_was_not_made_in_a_run_that_went_on_is_a_difference_and_named(run: Run, stack: Stack) -> None:
    stack.up()
    covered = stack.covered({})
    covered["objects"]["deployment chat-2"] = {"kind": "deployment", "name": "chat-2"}

    with pytest.raises(CoreWeave, match="deployment chat-2: was not made"):
        stack.ready.up(covered)


def test_weights_that_vanished_fail_the_run_with_the_services_words(
    run: Run, simulator: Simulator, stack: Stack
) -> None:
    stack.up()
    words = Condition("Ready", False, "ModelNotFound", "model not found")
    simulator.world.set_status(stack.chat.id, "STATUS_FAILED", [words])

    with run_against(simulator):
        assert stack.public.up(gateway()) == "same"
        stack.chat.up(deployment(traffic={"weight": 7}))
        simulator.world.set_status(stack.chat.id, "STATUS_FAILED", [words])
        with pytest.raises(CoreWeave) as caught:
            stack.ready.up(stack.covered({}))

    text = f'deployment "chat" ({stack.chat.id}): FAILED: Ready=False ModelNotFound: model not found'
    assert str(caught.value).startswith(text)
    assert str(caught.value).endswith(NOT_LOST)


def test_a_failure_stays_a_difference_and_a_later_run_sends_the_spec_once_more(
    run: Run, simulator: Simulator, stack: Stack
) -> None:
    with run_against(simulator):
        stack.public.up(gateway())
        stack.chat.up(deployment(hidden={"__ignored": ["traffic.weight"]}))
        simulator.world.set_status(stack.chat.id, "STATUS_FAILED")
        with pytest.raises(CoreWeave, match="FAILED, and the service gives no condition"):
            stack.ready.up(stack.covered({}))
    simulator.world.edit(stack.chat.id, {"traffic": {"weight": 7}})
    run.time.sleep(60)
    simulator.journal.clear()

    def fixed() -> None:
        simulator.world.set_status(stack.chat.id, "STATUS_READY", for_seconds=0)

    with run_against(simulator) as later:
        assert stack.public.up(gateway()) == "same"
        assert stack.chat.up(deployment(hidden={"__ignored": ["traffic.weight"]})) == "same"
        later.time.sleep(1)
        later.clock.sleep = _after(later.clock.sleep, fixed)  # type: ignore[method-assign]
        assert stack.ready.up(stack.covered({})) == "create"

    (patch,) = simulator.journal.entries("PATCH")
    assert patch.body["traffic"] == {"weight": 7}
    assert patch.body["runtime"]["version"] == "0.22.0+crwv.2"


def _after(sleep: Any, act: Any) -> Any:
    def slept(seconds: float) -> None:
        sleep(seconds)
        act()

    return slept


def test_slow_is_not_broken_the_deadline_fails_the_run_and_the_next_run_waits_on(
    run: Run, simulator: Simulator, stack: Stack
) -> None:
    simulator.behaviour = simulator.behaviour.changed({"deployment_create_seconds": 400})

    with pytest.raises(CoreWeave) as caught:
        stack.up({"timeoutSeconds": 60})

    assert str(caught.value) == (
        f'deployment "chat" ({stack.chat.id}) is not ready after 60 s: ResourcesApplied=False Reconciling: resources are '
        "being applied (US-EAST-04A); Ready=False Reconciling: Deployment is being reconciled (US-EAST-04A); still in "
        "progress, left running: run again to keep waiting (options.timeout changes the limit)" + NOT_LOST
    )
    with run_against(simulator):
        assert stack.up() == ["same", "same", "create"]
    assert simulator.journal.entries("PATCH") == []


def test_what_need_not_be_waited_for_is_not(run: Run, simulator: Simulator, stack: Stack) -> None:
    simulator.behaviour = simulator.behaviour.changed({"deployment_create_seconds": 400})

    assert stack.up({"wait": False}) == ["create", "create", "create"]

    assert sum(run.time.slept) < 5


def test_a_blip_during_the_wait_does_not_end_it(simulator: Simulator, stack: Stack) -> None:
    with run_against(simulator, COREWEAVE_RETRY_SECONDS="0"):
        stack.public.up(gateway())
        stack.chat.up(deployment())
        simulator.faults.add(Fault("status", "GET", "/deployments$", nth=2, count=2))
        simulator.faults.add(Fault("reset", "GET", "/gateways$", count=1))

        assert stack.ready.up(stack.covered({})) == "create"


def test_a_deployment_that_is_ready_without_a_policy_for_its_weights_is_reported(
    run: Run, simulator: Simulator, stack: Stack
) -> None:
    run.storage("US-EAST-04A").create_bucket("no-policy", "US-EAST-04A")
    try:
        _put(run, "no-policy", "models/chat/config.json")

        with pytest.raises(CoreWeave) as caught:
            stack.up(model={"bucket": "no-policy"})
    finally:
        run.storage().empty("no-policy")
        run.storage().delete_bucket("no-policy")

    assert (
        f'deployment "chat" ({stack.chat.id}) is READY, but the inference service may not read "models/chat" in '
        in (str(caught.value))
    )
    assert "cw-inference policy no-policy" in str(caught.value)


def _put(run: Run, bucket: str, key: str) -> None:
    run.storage()._s3.client.put_object(Bucket=bucket, Key=key, Body=b"{}")


def test_progress_names_what_is_pending_on_its_row_and_in_the_runs_directory(
    run: Run, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUN_DIRECTORY, str(tmp_path))

    stack.up()

    row = urn("Readiness", "ready")
    first = next(text for place, text in run.log.rows if place == row)
    lines = [json.loads(line) for line in (tmp_path / "progress.jsonl").read_text().splitlines()]
    last = {line["name"]: line["verdict"] for line in lines}
    assert first.startswith("1/2 ready, 0 s: chat (")
    assert last == {"public": "ready", "chat": "ready"}
    assert {line["urn"] for line in lines} == {urn("Gateway", "public"), urn("Deployment", "chat")}


def test_a_stopped_run_says_that_the_next_one_waits_on(
    run: Run, simulator: Simulator, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.public.up(gateway())
    stack.chat.up(deployment())
    monkeypatch.setenv(RUN_DIRECTORY, str(tmp_path))
    (tmp_path / "stop").touch()

    with pytest.raises(CoreWeave, match=r'deployment "chat": stopped while .*; run again to keep waiting'):
        stack.ready.up(stack.covered({}))


def test_it_has_nothing_to_read(run: Run, stack: Stack) -> None:
    stack.up()
    before = dict(stack.ready.outputs)

    assert stack.ready.refresh()

    assert stack.ready.outputs == before
