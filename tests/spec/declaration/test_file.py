"""What a declaration file says as a whole, and how all of its faults are reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from coreweave_inference.declaration import (
    BucketDeclaration,
    Declaration,
    ObjectDeclaration,
    Origin,
    PolicyDeclaration,
)
from coreweave_inference.model.kinds import Kind

Declare = Callable[[str], Declaration]
Faults = Callable[[str], list[str]]
Change = Callable[..., str]


def test_every_section_becomes_its_objects(declare: Declare, tmp_path: Path, full: str) -> None:
    file = str(tmp_path / "inference.yaml")
    chat: dict[str, Any] = {
        "model": {"name": "acme/chat", "bucket": "acme-weights", "path": "models/llama-3.1-8b"},
        "runtime": {
            "engine": "vllm",
            "engineConfig": {
                "max-model-len": "16384",
                "enable-auto-tool-choice": "",
                "tool-call-parser": "llama3_json",
            },
        },
        "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 1},
        "autoscaling": {
            "min": 1,
            "max": 4,
            "concurrency": 32,
            "capacityClasses": ["CAPACITY_CLASS_RESERVED"],
        },
        "traffic": {"weight": 900},
    }
    canary = {
        **chat,
        "model": {**chat["model"], "path": "models/llama-3.1-8b-v2"},
        "traffic": {"weight": 100},
    }

    assert declare(full) == Declaration(
        buckets={
            "weights": BucketDeclaration(
                key="weights",
                name="acme-weights",
                zone="US-EAST-04A",
                origin=Origin(file, 3),
                policy=PolicyDeclaration(("models",), "organization"),
            )
        },
        gateways={
            "public": ObjectDeclaration(
                "public",
                Kind.GATEWAY,
                {"zones": ["US-EAST-04A"], "coreWeaveAuth": {}, "bodyBasedRouting": {}},
                Origin(file, 5),
            )
        },
        capacity_claims={
            "h200": ObjectDeclaration(
                "h200",
                Kind.CAPACITY_CLAIM,
                {
                    "resources": {
                        "instanceId": "gd-8xh200ib-i128",
                        "instanceCount": 1,
                        "capacityType": "CAPACITY_TYPE_SERVERLESS",
                        "zones": ["US-EAST-04A"],
                    }
                },
                Origin(file, 7),
            )
        },
        deployments={
            "chat": ObjectDeclaration("chat", Kind.DEPLOYMENT, chat, Origin(file, 9), ("public",), "weights"),
            "chat-canary": ObjectDeclaration(
                "chat-canary", Kind.DEPLOYMENT, canary, Origin(file, 18), ("public",), "weights"
            ),
        },
    )


def test_the_objects_come_gateways_first_and_deployments_last(declare: Declare, full: str) -> None:
    assert [declared.key for declared in declare(full).objects()] == ["public", "h200", "chat", "chat-canary"]


def test_a_file_with_a_version_alone_declares_nothing(declare: Declare) -> None:
    assert declare("version: 1\nbuckets:\ngateways: {}\n") == Declaration({}, {}, {}, {})


@pytest.mark.parametrize("text", ["", "---\n", "# nothing\n", "gateways: {}"])
def test_a_file_without_a_version_is_refused(faults: Faults, text: str) -> None:
    assert faults(text)[0].endswith("version: is required and not given; start the file with version: 1")


@pytest.mark.parametrize(("version", "shown"), [("2", "2"), ('"1"', '"1"'), ("true", "true"), ("[1]", "[1]")])
def test_another_version_is_refused(faults: Faults, version: str, shown: str) -> None:
    expected = f"1: version: {shown} is not a version of this format; write version: 1"

    assert faults(f"version: {version}") == [expected]


def test_a_file_that_is_a_list_is_refused(faults: Faults) -> None:
    assert faults("[1]")[0] == "1: the file is not a mapping; start it with version: 1 and the sections"


def test_all_faults_come_in_one_report_with_line_path_and_what_to_do(faults: Faults, full: str) -> None:
    text = full.replace("min: 1, max: 4", "min: 4, max: 2").replace("gpuCount: 1", "gpuCount: 3")
    text = text.replace("weight: 900", "wieght: 900").replace("zone: us", "zne: us")

    assert faults(text) == [
        '3: buckets.weights.zne: unknown key "zne"; did you mean "zone"?',
        "3: buckets.weights.zone: is required and not given; name the bucket's zone, such as US-EAST-04A",
        "15: deployments.chat.resources.gpuCount: 3 is not one of 1, 2, 4, 8, 16; choose one of these",
        (
            "16: deployments.chat.autoscaling.min: autoscaling.min (4) exceeds max (2); "
            "lower min or raise max; equal values switch autoscaling off"
        ),
        '17: deployments.chat.traffic.wieght: unknown key "wieght"; did you mean "weight"?',
        (
            '17: deployments.chat.traffic: shares its model name and a gateway with "chat-canary" and does not say its '
            "weight; add traffic: {weight: 100}, or the share you want"
        ),
    ]


def test_a_fault_that_is_inherited_is_reported_once(faults: Faults, full: str) -> None:
    text = full.replace("gateways: [public]", "gateways: [publik]").replace(
        "max-model-len: 16384", '"max len": 1'
    )

    assert faults(text) == [
        '10: deployments.chat.gateways[0]: the gateway "publik" is not declared; did you mean "public"?',
        (
            '14: deployments.chat.runtime.engineConfig["max len"]: "max len" is not a configuration key; '
            "use letters, digits, underscores, dots and hyphens, as in max-model-len"
        ),
    ]


@pytest.mark.parametrize("text", ["1e10", "0012345", "0042", "1.10", "1e400", "0x10", "0.90", "16384"])
def test_a_number_where_text_is_meant_keeps_its_text(declare: Declare, full: str, text: str) -> None:
    declared = declare(
        full.replace("max-model-len: 16384", f"revision: {text}").replace(
            "zone: us-east-04a,", f"zone: us-east-04a, tags: {{build: {text}}},"
        )
    )

    assert declared.deployments["chat"].spec["runtime"]["engineConfig"]["revision"] == text
    assert declared.buckets["weights"].tags == {"build": text}


@pytest.mark.parametrize("text", ["04", "0x4", "4.0", "4e0"])
def test_a_number_where_a_number_is_meant_is_one_however_it_is_written(
    declare: Declare, full: str, text: str
) -> None:
    spec = declare(full.replace("max: 4,", f"max: {text},")).deployments["chat"].spec

    assert repr(spec["autoscaling"]["max"]) == "4"


@pytest.mark.parametrize(
    ("section", "entry", "expected"),
    [
        ("gateways", {"public": 3}, "gateways.public: is not a mapping of fields"),
        ("gateways", ["public"], "gateways: is not a mapping of names to entries"),
        ("capacityClaims", {"h 200": {}}, '"h 200" cannot name a resource'),
        (
            "capacityClaims",
            {"h": {"resources": {"instanceID": "x"}}},
            'unknown key "instanceID"; did you mean "instanceId"?',
        ),
        (
            "capacityClaims",
            {"h": {"resources": {"instanceCount": 1}, "instanceCount": 1}},
            '"instanceCount" is given in the claim and under resources; keep one of them',
        ),
        (
            "capacityClaims",
            {"h": {"resources": []}},
            "capacityClaims.h.resources: is not a mapping of fields",
        ),
        (
            "capacityClaims",
            {"h": {"resources": {"instanceCount": 0}}},
            "capacityClaims.h.instanceCount: 0 is below 1",
        ),
        ("capacityClaims", {"h": {"instanceCount": 0}}, "capacityClaims.h.instanceCount: 0 is below 1"),
        ("accepted", {}, 'accepted: unknown key "accepted"; did you mean "accept"?'),
        ("gateway", {}, 'gateway: unknown key "gateway"; did you mean "gateways"?'),
    ],
)
def test_what_does_not_belong_there_is_a_fault(
    faults: Faults, section: str, entry: object, expected: str, changed: Change
) -> None:
    assert any(expected in fault for fault in faults(changed(**{section: entry, "deployments": None})))


def test_two_objects_of_a_kind_cannot_have_one_name(faults: Faults, changed: Change) -> None:
    gateway = {"coreWeaveAuth": {}, "pathBasedRouting": {}, "name": "gw"}

    found = faults(changed(gateways={"a": gateway, "b": gateway}, deployments=None))

    assert [fault.split(": ", 1)[1] for fault in found] == [
        'gateways.b.name: the gateway "a" has the name "gw" too; give each its own name'
    ]
