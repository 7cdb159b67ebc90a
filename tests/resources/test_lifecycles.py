"""Lifecycles without any host: plain values and a session in, plain values out, and an error that says what to record."""

from __future__ import annotations

from typing import Any

import pytest
from coreweave_inference.errors import CoreWeaveError, Incomplete
from coreweave_inference.provider.deployment_lifecycle import DeploymentLifecycle
from coreweave_inference.provider.gateway_lifecycle import GatewayLifecycle
from coreweave_inference.provider.lifecycle import SAME, Entry
from coreweave_inference.provider.session import Session
from coreweave_inference.settings.resolution import resolve
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.faults import Fault

from tests.resources.service import NotedLog, Run, SimulatedTime, behind_a_gateway, deployment, gateway
from tests.simulator.inference_fixtures import environment_of


def test_a_gateway_lives_its_whole_life_without_a_host(run: Run, simulator: Simulator) -> None:
    public = GatewayLifecycle()
    checked = public.check(run, {}, gateway())
    created = public.create(run, checked.inputs)
    unchanged = public.diff(run, created.id, created.outputs, checked.inputs)
    changed = public.check(
        run, checked.inputs, gateway(endpointConfiguration={"additionalDns": ["a.example.com"]})
    )
    outputs = public.update(run, created.id, created.outputs, changed.inputs)
    run.time.sleep(60)
    seen = public.read(run, Entry(created.id, outputs))
    run.memory.managed_ids.clear()
    public.delete(run, Entry(created.id, outputs))

    assert (checked.faults, changed.faults, unchanged) == ((), (), SAME)
    assert seen is not None
    assert seen.outputs["endpointConfiguration"] == {"additionalDns": ["a.example.com"]}
    assert created.id not in run.lists.look_recent(public.kind)


@pytest.mark.parametrize("stops", [False, True])
def test_a_creation_that_the_service_accepted_fails_with_the_id_and_the_outputs_to_record(
    simulator: Simulator, stops: bool
) -> None:
    simulator.behaviour = simulator.behaviour.changed({"gateway_create_seconds": 3600})
    given = environment_of(simulator, COREWEAVE_GATEWAY_DEADLINE_SECONDS="60")
    time, log = SimulatedTime(simulator), NotedLog()
    started = time.now()
    run = Session(resolve(given, {}), time, log, stopped=lambda: stops and time.now() - started > 5)
    public = GatewayLifecycle()

    with run.api, pytest.raises(Incomplete) as failed:
        public.create(run, public.check(run, {}, gateway()).inputs)

    assert failed.value.id == gateway()["apiId"]
    assert failed.value.outputs["apiId"] == gateway()["apiId"]
    assert failed.value.outputs["revision"]
    assert (time.now() - started < 30) is stops
    assert log.rows[0][1].startswith("waiting: ")


def test_an_update_that_the_service_accepted_and_left_a_field_out_of_fails_with_what_is_live(
    simulator: Simulator,
) -> None:
    def created(run: Run, **changes: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
        inputs = chat.check(run, {}, deployment(**changes)).inputs
        made = chat.create(run, inputs)
        return made.id, inputs, made.outputs

    chat, dropped = DeploymentLifecycle(), {"capacityClasses": ["CAPACITY_CLASS_RESERVED"]}
    with behind_a_gateway(simulator) as run:
        id_, inputs, outputs = created(run)
        names = {"CAPACITY_CLASS_RESERVED": "CAPACITY_CLASS_ON_DEMAND"}
        simulator.faults.add(Fault("rename-enums", "PATCH", "/deployments", names=names))
        declared = chat.check(run, inputs, deployment(autoscaling=dropped)).inputs

        with pytest.raises(Incomplete) as failed:
            chat.update(run, id_, outputs, declared)

    assert failed.value.id == id_
    assert failed.value.outputs["autoscaling"]["capacityClasses"] == ["CAPACITY_CLASS_ON_DEMAND"]
    assert isinstance(failed.value, CoreWeaveError)
