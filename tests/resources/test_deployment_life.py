"""A deployment's life against the simulated service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from coreweave_inference.host.dynamic import CoreWeave
from coreweave_inference.resources.deployment import DeploymentProvider
from coreweave_inference.simulator import Simulator
from pulumi.output import Unknown

from tests.resources.engine_steps import Resource
from tests.resources.service import (
    BUCKET,
    ORGANIZATION,
    Run,
    behind_a_gateway,
    deployment,
    gateway,
    patches,
    posts,
    run_against,
    urn,
)


@pytest.fixture
def run(simulator: Simulator) -> Iterator[Run]:
    """A run against a service where `gateway("public")` is ready; the requests that made it are forgotten."""
    with behind_a_gateway(simulator) as run:
        yield run


@pytest.fixture
def chat() -> Resource:
    return Resource(DeploymentProvider())


def test_a_creation_sends_every_field_and_does_not_wait(
    run: Run, simulator: Simulator, chat: Resource
) -> None:
    assert chat.up(deployment()) == "create"

    assert posts(simulator) == [
        {
            "id": chat.id,
            "name": "chat-acme-dev",
            "gatewayIds": [gateway()["apiId"]],
            "runtime": {"engine": "vllm", "version": "0.22.0+crwv.2", "engineConfig": {}, "engineEnv": {}},
            "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 8},
            "model": {"name": "acme/chat", "bucket": BUCKET, "path": "models/chat"},
            "autoscaling": {"min": 1, "max": 3, "priority": 0, "capacityClasses": [], "concurrency": 0},
            "traffic": {"weight": 100},
            "disabled": False,
        }
    ]
    assert run.time.slept == []
    assert chat.outputs == {
        "name": "chat-acme-dev",
        "gatewayIds": [gateway()["apiId"]],
        "runtime": {"engine": "vllm", "version": "0.22.0+crwv.2"},
        "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 8.0},
        "model": {"name": "acme/chat", "bucket": BUCKET, "path": "models/chat"},
        "autoscaling": {"min": 1.0, "max": 3.0},
        "traffic": {"weight": 100.0},
        "__identity": '{"name":null}',
        "__derivedName": "chat-acme-dev",
        "__resolvedVersion": "0.22.0+crwv.2",
        "__urn": urn("Deployment", "chat"),
        "apiId": chat.id,
        "apiEndpoint": simulator.url,
        "organizationId": ORGANIZATION,
        "createdAt": chat.outputs["createdAt"],
        "revision": chat.outputs["revision"],
        "format": 1.0,
    }


@pytest.mark.parametrize("zero_values", [False, True])
def test_the_same_program_twice_sends_nothing_also_after_a_refresh(
    run: Run, simulator: Simulator, chat: Resource, zero_values: bool
) -> None:
    simulator.behaviour = simulator.behaviour.changed({"emit_zero_values": zero_values})
    chat.up(deployment())
    revision = chat.outputs["revision"]

    run.time.sleep(60)
    assert chat.up(deployment()) == "same"
    assert chat.refresh()
    assert chat.up(deployment()) == "same"
    assert chat.outputs["revision"] == revision
    assert patches(simulator) == []


@pytest.mark.parametrize(
    ("changes", "path", "value"),
    [
        ({"autoscaling": {"min": 2, "max": 5}}, ("autoscaling", "max"), 5),
        ({"traffic": {"weight": 7}}, ("traffic", "weight"), 7),
        ({"model": {"path": "models/chat/"}}, ("model", "path"), "models/chat/"),
        ({"runtime": {"engineEnv": {"VLLM_USE_V1": "1"}}}, ("runtime", "engineEnv"), {"VLLM_USE_V1": "1"}),
        ({"resources": {"instanceType": "gb200-4x", "gpuCount": 4}}, ("resources", "gpuCount"), 4),
        ({"disabled": True}, ("disabled",), True),
    ],
)
def test_a_change_is_made_in_place_by_one_complete_patch(
    run: Run, simulator: Simulator, chat: Resource, changes: dict[str, Any], path: tuple[str, ...], value: Any
) -> None:
    chat.up(deployment())
    before = posts(simulator)[0]
    revision = chat.outputs["revision"]

    assert chat.up(deployment(**changes)) == "update"

    (body,) = patches(simulator)
    assert set(body) == set(before) - {"id"}
    for step in path:
        body = body[step]
    assert body == value
    assert chat.outputs["revision"] != revision
    assert chat.up(deployment(**changes)) == "same"


def test_fields_that_are_cleared_are_sent_as_their_defaults_and_stay_cleared(
    run: Run, simulator: Simulator, chat: Resource
) -> None:
    full: dict[str, Any] = {
        "runtime": {"engineConfig": {"max-model-len": "16384"}},
        "autoscaling": {
            "priority": 5,
            "concurrency": 32,
            "capacityClasses": ["CAPACITY_CLASS_RESERVED"],
        },
    }
    chat.up(deployment(**full))

    assert chat.up(deployment()) == "update"

    (body,) = patches(simulator)
    assert body["runtime"]["engineConfig"] == {}
    assert body["autoscaling"] == {"min": 1, "max": 3, "priority": 0, "capacityClasses": [], "concurrency": 0}
    run.time.sleep(60)
    chat.refresh()
    assert chat.up(deployment()) == "same"


def test_the_version_is_kept_until_the_engine_changes(run: Run, simulator: Simulator, chat: Resource) -> None:
    engines = {"vllm": {"versions": ["0.21.1+crwv.1"]}, "dynamo-vllm": {"versions": ["1.1.0+crwv.1"]}}
    everything = simulator.behaviour.as_json()["catalogue"]
    simulator.behaviour = simulator.behaviour.changed({"catalogue": {**everything, "engines": engines}})
    chat.up(deployment())
    simulator.behaviour = simulator.behaviour.changed({"catalogue": everything})

    with run_against(simulator):
        assert chat.up(deployment(traffic={"weight": 1})) == "update"
        assert chat.up(deployment(traffic={"weight": 1}, runtime={"engine": "dynamo-vllm"})) == "update"

    assert [body["runtime"]["version"] for body in patches(simulator)] == ["0.21.1+crwv.1", "1.1.0+crwv.1"]


def test_latest_follows_the_newest_version(run: Run, simulator: Simulator, chat: Resource) -> None:
    everything = simulator.behaviour.as_json()["catalogue"]
    old = {**everything, "engines": {"vllm": {"versions": ["0.21.1+crwv.1"]}}}
    simulator.behaviour = simulator.behaviour.changed({"catalogue": old})
    chat.up(deployment(runtime={"version": "latest"}))
    simulator.behaviour = simulator.behaviour.changed({"catalogue": everything})

    with run_against(simulator):
        assert chat.up(deployment(runtime={"version": "latest"})) == "update"

    assert posts(simulator)[0]["runtime"]["version"] == "0.21.1+crwv.1"
    assert patches(simulator)[0]["runtime"]["version"] == "0.22.0+crwv.2"


def test_a_new_member_takes_its_groups_version(run: Run, simulator: Simulator, chat: Resource) -> None:
    chat.up(deployment(runtime={"version": "0.20.0"}))

    with run_against(simulator):
        Resource(DeploymentProvider()).up(deployment("canary", traffic={"weight": 1}))

    assert posts(simulator)[1]["runtime"]["version"] == "0.20.0"


def test_a_catalogue_that_cannot_be_read_blocks_no_preview_but_a_creation_needs_a_version(
    run: Run, simulator: Simulator, chat: Resource
) -> None:
    simulator.behaviour = simulator.behaviour.changed({"parameters_fail": True})

    inputs = chat.checked(deployment())
    with pytest.raises(CoreWeave) as caught:
        chat.up(deployment())
    chat.up(deployment(runtime={"version": "0.20.0"}))

    assert "version" not in inputs["runtime"]
    assert str(caught.value) == (
        'deployment "chat": the service does not say which versions of vllm there are, so runtime.version must be '
        "declared"
    )
    assert len(posts(simulator)) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"autoscaling": {"min": 4, "max": 2}},
            (
                'deployment "chat": autoscaling.min: autoscaling.min (4) exceeds max (2); lower min or raise max; equal '
                "values switch autoscaling off"
            ),
        ),
        (
            {"traffic": {"weight": 1001}},
            (
                'deployment "chat": traffic.weight: 1001 is above 1000; use a number from 0 to 1000; only the ratio '
                "between members counts"
            ),
        ),
        (
            {"runtime": {"version": "v1.2.3"}},
            (
                'deployment "chat": runtime.version: "v1.2.3" is not a semantic version; write it as in 1.2.3, write '
                "latest, or leave it out"
            ),
        ),
    ],
)
def test_what_the_schema_refuses_is_refused_with_its_path(
    run: Run, chat: Resource, changes: dict[str, Any], reason: str
) -> None:
    assert chat.check_faults(deployment(**changes)) == [reason]


def test_all_faults_of_a_deployment_come_in_one_report(run: Run, chat: Resource) -> None:
    wrong = deployment(traffic={"weight": 1001}, resources={"gpuCount": 3}, model={"path": "../x"})

    assert len(chat.check_faults(wrong)) == 3


@pytest.mark.parametrize("blocks", [("traffic",), ("gatewayIds",), ("runtime", "model", "autoscaling")])
def test_unknown_blocks_skip_their_checks_in_a_preview(
    run: Run, chat: Resource, blocks: tuple[str, ...]
) -> None:
    news = {**deployment(), **{block: Unknown() for block in blocks}}

    inputs = chat.checked(news)
    chat.up(deployment())
    plan = chat.planned(news)

    assert all(isinstance(inputs[block], Unknown) for block in blocks)
    assert (plan.changes, plan.replaces) == (None, None)


def test_known_faults_beside_unknowns_are_still_found(run: Run, chat: Resource) -> None:
    news = {**deployment(traffic={"weight": 1001}), "gatewayIds": [Unknown()]}

    assert [reason.split("; ")[0] for reason in chat.check_faults(news)] == [
        'deployment "chat": traffic.weight: 1001 is above 1000'
    ]
