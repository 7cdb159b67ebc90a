"""A new stack, an unchanged one, and one with one changed line."""

from __future__ import annotations

import json

from coreweave_inference.model import Kind

from tests.engine.declarations import canary
from tests.engine.runs import kinds_of
from tests.engine.workbench import Workbench

ONE_LIST_EACH = {f"LIST {kind.path}": 1 for kind in Kind}
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine writes for a value that is not known yet."""

CHAT = {
    "name": "chat-serving-dev",
    "runtime": {
        "engine": "vllm",
        "version": "0.22.0+crwv.2",
        "engineConfig": {
            "max-model-len": "16384",
            "enable-auto-tool-choice": "",
            "tool-call-parser": "llama3_json",
        },
    },
    "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 1},
    "model": {"name": "acme/chat", "bucket": "acme-weights", "path": "models/chat"},
    "autoscaling": {"min": 1, "max": 4, "concurrency": 32},
    "traffic": {"weight": 900},
}
WRITTEN_OUT = {
    "runtime": {"engineEnv": {}},
    "autoscaling": {"priority": 0, "capacityClasses": []},
    "disabled": False,
}


def test_a_new_stack_goes_up_as_its_first_preview_showed_and_the_next_run_sends_no_write(
    workbench: Workbench,
) -> None:
    workbench.declare(canary())

    previewed = workbench.preview()
    went_up = workbench.up()
    again = workbench.up()

    shown = {name: previewed.declared(name) for name in previewed.changes}
    gateway_id, chat_id = shown["public"]["apiId"], shown["chat"]["apiId"]
    assert previewed.ok
    assert not previewed.writes
    assert shown["chat"] == {**CHAT, "apiId": chat_id, "gatewayIds": [gateway_id]}
    assert UNKNOWN not in json.dumps({name: inputs for name, inputs in shown.items() if name != "ready"})
    assert went_up.changes == previewed.changes
    assert went_up.writes == {
        "POST gateways": 1,
        "PUT acme-weights?policy": 1,
        "POST capacityclaims": 1,
        "POST deployments": 2,
    }
    assert {name: state["id"] for name, state in workbench.state().items() if name in ("public", "chat")} == {
        "public": gateway_id,
        "chat": chat_id,
    }
    endpoint = f"{workbench.service.url}/gateways/{gateway_id}"
    assert workbench.outputs() == {
        "buckets": {"weights": {"name": "acme-weights", "zone": "US-EAST-04A"}},
        "gateways": {"public": {"apiId": gateway_id, "endpoints": [endpoint]}},
        "models": {"acme/chat": {"baseUrls": [f"{endpoint}/v1"]}},
        "deployments": {"chat": {"apiId": chat_id}, "chat-canary": {"apiId": shown["chat-canary"]["apiId"]}},
        "capacityClaims": {"h200": {"apiId": shown["h200"]["apiId"]}},
    }
    assert (again.ok, again.changes, again.writes) == (True, {}, {})
    asked = {
        kind: count for kind, count in kinds_of(previewed.requests).items() if "acme-weights" not in kind
    }
    assert asked == {**ONE_LIST_EACH, "parameters deployments": 1, "key": 1}
    assert kinds_of(again.requests) == ONE_LIST_EACH
    assert kinds_of(went_up.requests)["key"] == 1


def test_a_change_of_one_weight_is_one_patch_with_the_complete_spec_and_touches_no_other_deployment(
    workbench: Workbench,
) -> None:
    workbench.bring_up(canary())
    before = workbench.service.live("deployments")

    workbench.declare(canary(deployments={"chat": {"traffic": {"weight": 500}}}))
    changed = workbench.up()

    (body,) = changed.bodies("PATCH", "deployments")
    assert changed.changes == {
        "chat": "update traffic.weight",
        "ready": 'update objects["deployment chat"].revision',
    }
    assert changed.writes == {"PATCH deployments": 1}
    asked = kinds_of(changed.requests)
    assert 2 <= asked.pop("LIST deployments") <= 20, "one at first, and one for each look at what was written"
    assert asked == {
        "LIST gateways": 1,
        "LIST capacityclaims": 1,
        "GET deployments": 1,
        "PATCH deployments": 1,
        "key": 1,
        "GET acme-weights?policy": 1,
    }
    assert body == {
        **CHAT,
        "gatewayIds": before["chat-serving-dev"]["spec"]["gatewayIds"],
        "runtime": {**CHAT["runtime"], **WRITTEN_OUT["runtime"]},
        "autoscaling": {**CHAT["autoscaling"], **WRITTEN_OUT["autoscaling"]},
        "traffic": {"weight": 500},
        "disabled": False,
    }
    after = workbench.service.live("deployments")
    assert after["chat-canary-serving-dev"] == before["chat-canary-serving-dev"]
    assert after["chat-serving-dev"]["spec"] == {
        **before["chat-serving-dev"]["spec"],
        "traffic": {"weight": 500},
    }
