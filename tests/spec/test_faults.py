"""Every limit of the schema and the documentation, with the sentence a user reads."""

from __future__ import annotations

from typing import Any

import pytest
from coreweave_inference.errors import Fault
from coreweave_inference.model import Autoscaling, GatewaySpec, WeightsAndBiasesAuth
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import UNKNOWN, faults, with_path
from coreweave_inference.model.shape import is_path
from pydantic import ValidationError

GATEWAY_ID = "11111111-1111-4111-8111-111111111111"

GATEWAY = {"coreWeaveAuth": {}, "bodyBasedRouting": {"apiType": "API_TYPE_OPENAI"}}
CLAIM = {
    "resources": {
        "instanceId": "gd-8xh200ib-i128",
        "instanceCount": 1,
        "capacityType": "CAPACITY_TYPE_CUSTOMER",
        "zones": ["us-east-04a"],
    }
}
DEPLOYMENT = {
    "gatewayIds": [GATEWAY_ID],
    "runtime": {"engine": "vllm"},
    "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 1},
    "model": {"name": "acme/chat", "bucket": "acme-weights", "path": "models/chat"},
    "autoscaling": {"min": 1, "max": 4},
}
OBJECTS: dict[Kind, dict[str, Any]] = {
    Kind.GATEWAY: GATEWAY,
    Kind.CAPACITY_CLAIM: CLAIM,
    Kind.DEPLOYMENT: DEPLOYMENT,
}


def sentences(kind: Kind, spec: dict[str, Any]) -> list[str]:
    return [str(fault) for fault in faults(kind, spec)]


@pytest.mark.parametrize("kind", Kind)
def test_a_minimal_object_is_right(kind: Kind) -> None:
    assert faults(kind, OBJECTS[kind]) == []


RIGHT = [
    (Kind.GATEWAY, "name", "Gw-1"),
    (Kind.GATEWAY, "zones", ["us-east-04a", "RNO2A"]),
    (Kind.GATEWAY, "endpointConfiguration.additionalDns", ["models.example.com", "b.example.com."]),
    (Kind.GATEWAY, "endpointConfiguration.allowedSourceIpRanges", ["203.0.113.0/24", "2001:db8::/32"]),
    (Kind.GATEWAY, "endpointConfiguration", None),
    (Kind.CAPACITY_CLAIM, "name", "a" * 100),
    (Kind.CAPACITY_CLAIM, "resources.capacityType", "CAPACITY_TYPE_SERVERLESS"),
    (Kind.CAPACITY_CLAIM, "resources.capacityType", "CAPACITY_TYPE_MANAGED"),
    (Kind.CAPACITY_CLAIM, "resources.instanceCount", 4.0),
    (Kind.DEPLOYMENT, "runtime.engine", "an-engine-of-tomorrow"),
    (Kind.DEPLOYMENT, "runtime.version", "0.22.0+crwv.2"),
    (Kind.DEPLOYMENT, "runtime.version", "latest"),
    (
        Kind.DEPLOYMENT,
        "runtime.engineConfig",
        {"max-model-len": 16384, "flag": True, "on": "", "x": "a" * 1024},
    ),
    (Kind.DEPLOYMENT, "runtime.engineEnv", {f"_V{number}": number for number in range(100)}),
    (Kind.DEPLOYMENT, "resources.gpuCount", 16.0),
    (Kind.DEPLOYMENT, "model.name", "a:/_.-Z"),
    (Kind.DEPLOYMENT, "model.path", "models/..hidden/x"),
    (Kind.DEPLOYMENT, "autoscaling.min", 4),
    (Kind.DEPLOYMENT, "autoscaling.priority", 1000),
    (Kind.DEPLOYMENT, "autoscaling.concurrency", 1),
    (Kind.DEPLOYMENT, "autoscaling.capacityClasses", ["CAPACITY_CLASS_ON_DEMAND", "CAPACITY_CLASS_RESERVED"]),
    (Kind.DEPLOYMENT, "traffic.weight", 1000),
    (Kind.DEPLOYMENT, "traffic", {}),
    (Kind.DEPLOYMENT, "disabled", True),
]


@pytest.mark.parametrize(("kind", "path", "value"), RIGHT)
def test_what_the_service_takes_is_right(kind: Kind, path: str, value: object) -> None:
    assert sentences(kind, with_path(OBJECTS[kind], path, value)) == []


LIMITS = [
    (Kind.GATEWAY, "name", "gw_1", '"gw_1" is not a valid hostname label'),
    (Kind.GATEWAY, "name", "a" * 64, "is not a valid hostname label"),
    (Kind.GATEWAY, "zones", ["us-east"], '"US-EAST" is not the name of an Availability Zone'),
    (Kind.GATEWAY, "zones", ["RNO2A", "rno2a"], 'lists "RNO2A" twice'),
    (Kind.GATEWAY, "zones", "RNO2A", '"RNO2A" is not a list'),
    (Kind.GATEWAY, "bodyBasedRouting.apiType", "OPENAI", "did you mean API_TYPE_OPENAI?"),
    (Kind.GATEWAY, "endpointConfiguration.additionalDns", ["a_b.c"], "is not a hostname"),
    (Kind.GATEWAY, "endpointConfiguration.additionalDns", ["10.1.2.3"], "is not a hostname"),
    (Kind.GATEWAY, "endpointConfiguration.additionalDns", ["a." * 127 + "com"], "is not a hostname"),
    (Kind.GATEWAY, "endpointConfiguration.additionalDns", ["a.b", "a.b"], 'lists "a.b" twice'),
    (Kind.GATEWAY, "endpointConfiguration.allowedSourceIpRanges", ["10.0.0.1"], "is not a CIDR range"),
    (Kind.GATEWAY, "endpointConfiguration.allowedSourceIpRanges", ["10.0.0.0/33"], "is not a CIDR range"),
    (
        Kind.GATEWAY,
        "endpointConfiguration.allowedSourceIpRanges",
        [f"10.0.{number}.0/24" for number in range(51)],
        "has 51 entries, more than 50; join neighbouring ranges",
    ),
    (Kind.CAPACITY_CLAIM, "name", "H200", "is not a valid claim name"),
    (Kind.CAPACITY_CLAIM, "name", "a" * 101, "has 101 characters, more than 100; shorten it"),
    (Kind.CAPACITY_CLAIM, "resources.instanceId", "", "is empty"),
    (Kind.CAPACITY_CLAIM, "resources.instanceCount", 0, "0 is below 1: an empty claim reserves nothing"),
    (Kind.CAPACITY_CLAIM, "resources.instanceCount", 2**32, "4294967296 is above 4294967295"),
    (
        Kind.CAPACITY_CLAIM,
        "resources.instanceCount",
        "3",
        '"3" is not a whole number; write the number without quotes',
    ),
    (Kind.CAPACITY_CLAIM, "resources.instanceCount", True, "true is not a whole number"),
    (Kind.CAPACITY_CLAIM, "resources.instanceCount", 1.5, "1.5 is not a whole number"),
    (Kind.CAPACITY_CLAIM, "resources.capacityType", "SERVERLESS", "did you mean CAPACITY_TYPE_SERVERLESS?"),
    (Kind.CAPACITY_CLAIM, "resources.capacityType", 3, "3 is not one of CAPACITY_TYPE_SERVERLESS"),
    (Kind.CAPACITY_CLAIM, "resources.zones", [], "is empty; name exactly one zone"),
    (Kind.CAPACITY_CLAIM, "resources.zones", ["RNO2A", "US-EAST-04A"], "has 2 entries, more than 1"),
    (Kind.CAPACITY_CLAIM, "resources", 7, "7 is not a mapping"),
    (Kind.DEPLOYMENT, "gatewayIds", [], "is empty; name at least one gateway"),
    (Kind.DEPLOYMENT, "gatewayIds", [GATEWAY_ID, GATEWAY_ID], "twice"),
    (Kind.DEPLOYMENT, "gatewayIds", ["public"], '"public" is not a UUID'),
    (Kind.DEPLOYMENT, "runtime.engine", "", "is empty; name an engine, such as vllm"),
    (Kind.DEPLOYMENT, "runtime.engine", 3, "3 is not text"),
    (Kind.DEPLOYMENT, "runtime.version", "v1.2.3", "write it as in 1.2.3, write latest, or leave it out"),
    (Kind.DEPLOYMENT, "runtime.version", "1.2", '"1.2" is not a semantic version'),
    (Kind.DEPLOYMENT, "runtime.version", "1.2.3\n", "is not a semantic version"),
    (Kind.DEPLOYMENT, "runtime.engineConfig", {"a b": ""}, '"a b" is not a configuration key'),
    (Kind.DEPLOYMENT, "runtime.engineConfig", {"a" * 254: ""}, "has 254 characters, more than 253"),
    (Kind.DEPLOYMENT, "runtime.engineConfig", {"a": "$(B)"}, "contains `$(`, which the service refuses"),
    (Kind.DEPLOYMENT, "runtime.engineConfig", {"a": "b" * 1025}, "has 1025 characters, more than 1024"),
    (Kind.DEPLOYMENT, "runtime.engineConfig", {"a": None}, 'has no value; write "" to switch a flag on'),
    (Kind.DEPLOYMENT, "runtime.engineConfig", ["a"], "is not a mapping"),
    (Kind.DEPLOYMENT, "runtime.engineEnv", {"1A": ""}, '"1A" is not the name of an environment variable'),
    (Kind.DEPLOYMENT, "runtime.engineEnv", {"": ""}, "is not the name of an environment variable"),
    (Kind.DEPLOYMENT, "runtime.engineEnv", {f"V{number}": "" for number in range(101)}, "has 101 entries"),
    (Kind.DEPLOYMENT, "resources.gpuCount", 3, "3 is not one of 1, 2, 4, 8, 16"),
    (Kind.DEPLOYMENT, "resources.instanceType", "", "is empty"),
    (Kind.DEPLOYMENT, "model.name", "abc", '"abc" is shorter than 4 characters'),
    (Kind.DEPLOYMENT, "model.name", "a" * 64, "has 64 characters, more than 63"),
    (Kind.DEPLOYMENT, "model.name", "acme chat", "is not a model name"),
    (Kind.DEPLOYMENT, "model.bucket", "a_b", "is not a valid hostname label"),
    (Kind.DEPLOYMENT, "model.path", "", "is empty; name the model's folder"),
    (Kind.DEPLOYMENT, "model.path", "a/../b", 'contains a ".." segment'),
    (Kind.DEPLOYMENT, "model.path", "..", 'contains a ".." segment'),
    (Kind.DEPLOYMENT, "autoscaling.min", 0, "0 is below 1: the service does not scale to zero"),
    (Kind.DEPLOYMENT, "autoscaling.min", 5, "autoscaling.min (5) exceeds max (4)"),
    (Kind.DEPLOYMENT, "autoscaling.max", 0, "0 is below 1"),
    (
        Kind.DEPLOYMENT,
        "autoscaling.max",
        2**32,
        "4294967296 is above 4294967295, the largest number that the service holds there",
    ),
    (Kind.DEPLOYMENT, "autoscaling.priority", 1001, "1001 is above 1000"),
    (Kind.DEPLOYMENT, "autoscaling.priority", -1, "-1 is below 0"),
    (Kind.DEPLOYMENT, "autoscaling.concurrency", 0, "0 is below 1; use 1 or more, or leave it out"),
    (Kind.DEPLOYMENT, "autoscaling.capacityClasses", ["RESERVED"], "did you mean CAPACITY_CLASS_RESERVED?"),
    (Kind.DEPLOYMENT, "autoscaling.capacityClasses", ["CAPACITY_CLASS_RESERVED"] * 2, "twice"),
    (Kind.DEPLOYMENT, "traffic.weight", 1001, "1001 is above 1000"),
    (Kind.DEPLOYMENT, "traffic.weight", -1, "-1 is below 0"),
    (Kind.DEPLOYMENT, "disabled", "yes", '"yes" is neither true nor false'),
    (Kind.DEPLOYMENT, "disabled", 1, "1 is neither true nor false"),
]


@pytest.mark.parametrize(("kind", "path", "value", "words"), LIMITS)
def test_a_broken_limit_is_one_fault_that_says_what_is_wrong(
    kind: Kind, path: str, value: object, words: str
) -> None:
    found = faults(kind, with_path(OBJECTS[kind], path, value))

    assert len({fault.path for fault in found}) == 1
    assert found[0].path.startswith(path)
    assert words in str(found[0])
    assert found[0].do


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (Kind.CAPACITY_CLAIM, "resources.instanceId"),
        (Kind.CAPACITY_CLAIM, "resources.instanceCount"),
        (Kind.CAPACITY_CLAIM, "resources.capacityType"),
        (Kind.CAPACITY_CLAIM, "resources.zones"),
        (Kind.DEPLOYMENT, "gatewayIds"),
        (Kind.DEPLOYMENT, "runtime"),
        (Kind.DEPLOYMENT, "runtime.engine"),
        (Kind.DEPLOYMENT, "resources.gpuCount"),
        (Kind.DEPLOYMENT, "model.bucket"),
        (Kind.DEPLOYMENT, "autoscaling.max"),
    ],
)
def test_a_required_field_left_out_is_a_fault(kind: Kind, path: str) -> None:
    found = faults(kind, with_path(OBJECTS[kind], path, None))

    assert [(fault.path, fault.what) for fault in found] == [(path, "is required and not given")]


def test_a_gateway_needs_exactly_one_auth_and_one_routing() -> None:
    both = {**GATEWAY, "weightsAndBiasesAuth": {}, "pathBasedRouting": {}}

    assert [fault.what for fault in faults(Kind.GATEWAY, {})] == [
        "none of coreWeaveAuth, weightsAndBiasesAuth is given",
        "none of bodyBasedRouting, headerBasedRouting, pathBasedRouting is given",
    ]
    assert [fault.what for fault in faults(Kind.GATEWAY, both)] == [
        "coreWeaveAuth and weightsAndBiasesAuth are mutually exclusive",
        "bodyBasedRouting and pathBasedRouting are mutually exclusive",
    ]


def test_a_weights_and_biases_server_may_stand_alone_and_a_key_may_not() -> None:
    def gateway(auth: dict[str, Any]) -> dict[str, Any]:
        return {"weightsAndBiasesAuth": auth, "headerBasedRouting": {"headerName": "x-model"}}

    server = "https://wandb.example.com"

    assert faults(Kind.GATEWAY, gateway({"serverUrl": server})) == []
    assert faults(Kind.GATEWAY, gateway({"serverUrl": server, "apiKey": "hunter2"})) == []
    assert faults(Kind.GATEWAY, gateway({"apiKey": "hunter2"})) == [
        Fault(
            "apiKey is given without serverUrl",
            "weightsAndBiasesAuth.apiKey",
            "give serverUrl too, or leave both out",
        )
    ]


@pytest.mark.parametrize(
    "address", ["wandb.example.com", "ftp://x.example", "https://[", "https://a b", "https://"]
)
def test_a_server_address_is_a_web_address(address: str) -> None:
    gateway = {"weightsAndBiasesAuth": {"serverUrl": address}, "pathBasedRouting": {}}

    assert [fault.path for fault in faults(Kind.GATEWAY, gateway)] == ["weightsAndBiasesAuth.serverUrl"]


@pytest.mark.parametrize("name", ["", "x" * 101])
def test_a_routing_header_has_1_to_100_characters(name: str) -> None:
    gateway = {"coreWeaveAuth": {}, "headerBasedRouting": {"headerName": name}}

    assert [fault.path for fault in faults(Kind.GATEWAY, gateway)] == ["headerBasedRouting.headerName"]


def test_an_unknown_key_names_the_nearest_right_one() -> None:
    spec = {**DEPLOYMENT, "trafic": {}, "runtime": {"engine": "vllm", "engine_config": {}}, "zzz": 1}

    assert sorted(sentences(Kind.DEPLOYMENT, spec)) == [
        'runtime.engine_config: unknown key "engine_config"; did you mean "engineConfig"?',
        'trafic: unknown key "trafic"; did you mean "traffic"?',
        'zzz: unknown key "zzz"; known here: autoscaling, disabled, gatewayIds, model, name, resources, runtime, traffic',
    ]


def test_all_faults_come_together() -> None:
    spec = {
        **DEPLOYMENT,
        "autoscaling": {"min": 3, "max": 2, "priority": "high"},
        "traffic": {"weight": 1001},
        "x": 1,
    }

    assert {fault.path for fault in faults(Kind.DEPLOYMENT, spec)} == {
        "x",
        "autoscaling.priority",
        "traffic.weight",
        "autoscaling.min",
    }


def test_a_secret_value_is_never_shown() -> None:
    spec = with_path(
        DEPLOYMENT, "runtime.engineEnv", {"TOKEN": ["hunter2"], "B": "hunter2" * 200, "C": "hunter2$("}
    )
    gateway = {"weightsAndBiasesAuth": {"apiKey": ["hunter2"]}, "pathBasedRouting": {}}

    found = sentences(Kind.DEPLOYMENT, spec) + sentences(Kind.GATEWAY, gateway)

    assert len(found) == 4
    assert not any("hunter" in sentence for sentence in found)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    "path", ["name", "zones", "gatewayIds", "runtime", "resources", "autoscaling.min", "model.path"]
)
def test_what_is_not_known_yet_is_not_judged(kind: Kind, path: str) -> None:
    if is_path(kind.model, path):
        assert faults(kind, with_path(OBJECTS[kind], path, UNKNOWN)) == []


def test_a_rule_between_two_fields_waits_for_both() -> None:
    spec = {**DEPLOYMENT, "autoscaling": {"min": 9, "max": UNKNOWN, "priority": 2000}}

    assert [fault.path for fault in faults(Kind.DEPLOYMENT, spec)] == ["autoscaling.priority"]


def test_an_unknown_auth_leaves_the_choice_of_routing_judged() -> None:
    found = faults(Kind.GATEWAY, {"weightsAndBiasesAuth": UNKNOWN, "zones": [UNKNOWN]})

    assert [fault.path for fault in found] == ["bodyBasedRouting"]


def test_an_unknown_entry_of_a_map_leaves_the_others_judged() -> None:
    spec = with_path(DEPLOYMENT, "runtime.engineConfig", {"a": UNKNOWN, "b": "$(C)"})

    assert [fault.path for fault in faults(Kind.DEPLOYMENT, spec)] == ['runtime.engineConfig["b"]']


def test_a_model_made_in_python_keeps_the_same_rules() -> None:
    with pytest.raises(ValidationError, match=r"autoscaling.min \(4\) exceeds max \(2\)"):
        Autoscaling(min=4, max=2)
    with pytest.raises(ValidationError, match="without serverUrl"):
        WeightsAndBiasesAuth(api_key="hunter2")
    with pytest.raises(ValidationError, match="none of coreWeaveAuth"):
        GatewaySpec()
