"""What a deployment is kept from: missing weights, a second object, others' changes, and fields left to others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from coreweave_inference.host.dynamic import CoreWeave
from coreweave_inference.resources.deployment import DeploymentProvider
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.faults import Fault

from tests.resources.engine_steps import Resource
from tests.resources.service import (
    BUCKET,
    Run,
    behind_a_gateway,
    deployment,
    patches,
    posts,
    run_against,
)
from tests.simulator.inference_fixtures import Api


@pytest.fixture
def run(simulator: Simulator) -> Iterator[Run]:
    """A run against a service where `gateway("public")` is ready; the requests that made it are forgotten."""
    with behind_a_gateway(simulator) as run:
        yield run


@pytest.fixture
def chat() -> Resource:
    return Resource(DeploymentProvider())


def test_weights_that_are_not_there_stop_a_creation_with_the_command_that_pushes_them(
    run: Run, simulator: Simulator, chat: Resource
) -> None:
    with pytest.raises(CoreWeave) as caught:
        chat.up(deployment(model={"path": "models/other"}))

    assert str(caught.value) == (
        f'deployment "chat": there is no object under "models/other" in bucket "{BUCKET}", so it could never start, and '
        "nothing was created; push the weights with `cw-inference weights push FOLDER acme-weights models/other` and "
        "run again"
    )
    assert posts(simulator) == []


def test_a_bucket_that_is_not_there_stops_a_creation(run: Run, simulator: Simulator, chat: Resource) -> None:
    with pytest.raises(CoreWeave, match='there is no bucket "no-such-bucket" that this token can see'):
        chat.up(deployment(model={"bucket": "no-such-bucket"}))

    assert posts(simulator) == []


def test_object_storage_that_cannot_be_reached_does_not_stop_a_creation(
    run: Run, simulator: Simulator, chat: Resource
) -> None:
    simulator.faults.add(Fault("status", "POST", "/v1/cwobject", count=None, status=403))

    assert chat.up(deployment()) == "create"

    (note,) = run.log.notes
    assert note.startswith('deployment "chat": could not verify its weights before creation: ')


def test_a_lost_answer_makes_one_deployment_and_says_so(
    run: Run, simulator: Simulator, chat: Resource
) -> None:
    simulator.faults.add(Fault("lose-answer", "POST", "/deployments$"))

    chat.up(deployment())

    assert [record.id for record in simulator.world.records("deployments")] == [chat.id]
    assert run.log.notes == [f'deployment "chat": adopted, an earlier attempt had made it ({chat.id})']
    assert patches(simulator) == []


def test_a_refused_quota_after_a_lost_answer_is_no_proof_that_nothing_was_made(
    run: Run, simulator: Simulator, chat: Resource
) -> None:
    simulator.faults.add(Fault("lose-answer", "POST", "/deployments$"))
    simulator.faults.add(Fault("status", "POST", "/deployments$", nth=2, status=429, body="quota"))

    chat.up(deployment())

    assert [record.id for record in simulator.world.records("deployments")] == [chat.id]
    assert run.log.notes == [f'deployment "chat": adopted, an earlier attempt had made it ({chat.id})']


def test_what_this_stack_made_is_recorded_where_it_cannot_be_brought_to_the_declared_spec(
    run: Run, simulator: Simulator, chat: Resource
) -> None:
    Resource(DeploymentProvider()).up(deployment(traffic={"weight": 1}))
    simulator.faults.add(Fault("status", "PATCH", "/deployments/", count=None, status=400))

    assert chat.up(deployment(traffic={"weight": 2})) == "create"

    assert [record.id for record in simulator.world.records("deployments")] == [chat.id]
    assert chat.outputs["traffic"] == {"weight": 1}
    assert f'deployment "chat" exists ({chat.id}), but: ' in run.log.warnings[-1]


def test_what_was_named_to_be_adopted_is_not_recorded_where_it_cannot_be_brought_to_the_declared_spec(
    run: Run, simulator: Simulator, chat: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resource(DeploymentProvider()).up(deployment(traffic={"weight": 1}))
    run.time.sleep(60)
    simulator.faults.add(Fault("status", "PATCH", "/deployments/", count=None, status=400))
    monkeypatch.setenv("COREWEAVE_TAKE_OVER", deployment()["apiId"])

    with run_against(simulator), pytest.raises(CoreWeave):
        chat.up(deployment(traffic={"weight": 2}))


def test_what_is_adopted_knowingly_is_brought_to_the_declared_spec(
    run: Run, simulator: Simulator, chat: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resource(DeploymentProvider()).up(deployment(traffic={"weight": 1}))
    run.time.sleep(60)

    with run_against(simulator):
        refused = chat.check_faults(deployment(traffic={"weight": 2}))
        monkeypatch.setenv("COREWEAVE_TAKE_OVER", deployment()["apiId"])
        assert chat.up(deployment(traffic={"weight": 2})) == "create"

    assert [f"adopt it with COREWEAVE_TAKE_OVER={chat.id}" in reason for reason in refused] == [True]

    assert [record.id for record in simulator.world.records("deployments")] == [chat.id]
    assert [body["traffic"] for body in patches(simulator)] == [{"weight": 2}]


def test_a_name_in_use_elsewhere_is_refused_and_nothing_is_touched(
    run: Run, simulator: Simulator, chat: Resource
) -> None:
    theirs = Resource(DeploymentProvider())
    theirs.up(deployment("theirs", name="chat-acme-dev"))

    with run_against(simulator):
        (reason,) = chat.check_faults(deployment())
        with pytest.raises(CoreWeave, match='the name "chat-acme-dev" is in use by deployment'):
            chat.provider.create(deployment())

    assert f'deployment "chat": the name "chat-acme-dev" is in use by deployment {theirs.id}' in reason
    assert f"COREWEAVE_TAKE_OVER={theirs.id}" in reason
    assert patches(simulator) == []


def test_nothing_is_sent_when_the_live_spec_is_the_declared_one_already(
    run: Run, simulator: Simulator, chat: Resource
) -> None:
    chat.up(deployment())
    simulator.world.edit(chat.id, {"traffic": {"weight": 7}})

    assert chat.up(deployment(traffic={"weight": 7})) == "update"

    assert patches(simulator) == []
    assert chat.outputs["traffic"] == {"weight": 7.0}


def test_a_change_made_outside_is_refused_before_anything_is_overwritten(
    run: Run, simulator: Simulator, chat: Resource
) -> None:
    chat.up(deployment())
    simulator.world.edit(chat.id, {"disabled": True})

    with pytest.raises(
        CoreWeave, match=r"disabled: false -> true \(last seen -> live\); nothing was written"
    ):
        chat.up(deployment(traffic={"weight": 7}))

    assert patches(simulator) == []


def test_disabled_set_outside_is_drift_although_nobody_declared_it(
    run: Run, simulator: Simulator, chat: Resource
) -> None:
    chat.up(deployment())
    simulator.world.edit(chat.id, {"disabled": True})
    run.time.sleep(60)

    chat.refresh()

    assert chat.inputs["disabled"] is True
    assert chat.up(deployment()) == "update"
    assert patches(simulator)[0]["disabled"] is False


def test_a_field_that_is_silently_dropped_is_an_error_that_names_it(
    run: Run, simulator: Simulator, chat: Resource
) -> None:
    chat.up(deployment())
    renamed = {"CAPACITY_CLASS_RESERVED": "CAPACITY_CLASS_ON_DEMAND"}
    simulator.faults.add(Fault("rename-enums", "PATCH", "/deployments", names=renamed))
    classes = ["CAPACITY_CLASS_RESERVED"]

    with pytest.raises(CoreWeave) as caught:
        chat.up(deployment(autoscaling={"capacityClasses": classes}))

    assert str(caught.value) == (
        'deployment "chat": the service accepted the change and did not take autoscaling.capacityClasses: '
        '["CAPACITY_CLASS_RESERVED"] -> ["CAPACITY_CLASS_ON_DEMAND"] (declared -> live); it may not know the field, '
        "or another version of it may be meant"
    )


@pytest.mark.parametrize("ignored", ["traffic.weight", "traffic"])
def test_fields_left_to_others_are_no_drift_and_every_patch_carries_their_live_value(
    run: Run, simulator: Simulator, chat: Resource, ignored: str
) -> None:
    hidden = {"__ignored": [ignored]}
    chat.up(deployment(hidden=hidden))
    simulator.world.edit(chat.id, {"traffic": {"weight": 7}})
    run.time.sleep(60)

    assert chat.up(deployment(hidden=hidden)) == "same"
    chat.refresh()
    assert chat.up(deployment(hidden=hidden)) == "same"
    assert chat.up(deployment(hidden=hidden, autoscaling={"max": 9})) == "update"
    assert [body["traffic"] for body in patches(simulator)] == [{"weight": 7}]
    assert chat.up(deployment(hidden=hidden, autoscaling={"max": 9})) == "same"
    run.time.sleep(60)
    chat.refresh()
    assert chat.up(deployment(hidden=hidden, autoscaling={"max": 9})) == "same"


def test_entries_of_a_map_left_to_others_stay_quiet_after_an_update(
    run: Run, simulator: Simulator, chat: Resource
) -> None:
    hidden = {"__ignored": ["runtime.engineConfig"]}
    chat.up(deployment(hidden=hidden))
    simulator.world.edit(chat.id, {"runtime": {"engineConfig": {"max-model-len": "8192"}}})

    assert chat.up(deployment(hidden=hidden, traffic={"weight": 7})) == "update"

    assert patches(simulator)[0]["runtime"]["engineConfig"] == {"max-model-len": "8192"}
    assert chat.up(deployment(hidden=hidden, traffic={"weight": 7})) == "same"


def test_a_path_to_ignore_that_is_no_path_is_refused_before_anything_is_made(
    run: Run, chat: Resource
) -> None:
    (reason,) = chat.check_faults(deployment(hidden={"__ignored": ["traffic weight"]}))

    assert reason == (
        'deployment "chat": ignoreChanges: "traffic weight" is not a field of a deployment; write it as in traffic.weight'
    )


def test_another_name_replaces_and_the_traffic_stays_until_the_new_one_is_there(
    run: Run, simulator: Simulator, chat: Resource
) -> None:
    chat.up(deployment(name="chat-a"))

    plan = chat.planned(deployment(name="chat-b"))

    assert (plan.replaces, plan.delete_before_replace) == (["name"], False)
    assert run.log.warnings == []


@pytest.mark.parametrize("status", ["READY", "ERROR", "FAILED", "UPDATING"])
def test_a_deployment_in_any_state_is_deleted_and_waited_for(
    run: Run, simulator: Simulator, chat: Resource, status: str
) -> None:
    chat.up(deployment())
    simulator.world.set_status(chat.id, f"STATUS_{status}")

    with run_against(simulator) as later:
        chat.destroy()
        assert sum(later.time.slept) >= 0.3

    assert simulator.world.records("deployments") == []


def test_a_delete_of_what_is_missing_succeeds_when_it_is_proven_deleted(
    run: Run, simulator: Simulator, chat: Resource
) -> None:
    chat.up(deployment())
    with Api(simulator).http as http:
        http.delete(f"/v1alpha1/inference/deployments/{chat.id}")
    run.time.sleep(60)

    with run_against(simulator):
        chat.destroy()


def test_a_read_that_fails_keeps_the_state(run: Run, simulator: Simulator, chat: Resource) -> None:
    chat.up(deployment())
    simulator.faults.add(Fault("status", "GET", "/deployments", count=None, status=503))

    failure = pytest.raises(CoreWeave, match='deployment "chat": status 503: set to fail')
    with run_against(simulator, COREWEAVE_RETRY_SECONDS="0"), failure:
        chat.refresh()

    assert chat.id


def test_a_deployment_that_readiness_compares_is_remembered_as_it_was_written(
    run: Run, simulator: Simulator, chat: Resource
) -> None:
    chat.up(deployment(hidden={"__ignored": ["traffic"]}))

    assert run.memory.declared[chat.id]["runtime"] == {"engine": "vllm", "version": "0.22.0+crwv.2"}
    assert run.memory.ignored[chat.id] == ("traffic",)
    assert run.memory.managed_ids >= {chat.id}
    assert run.memory.written >= {chat.id}
