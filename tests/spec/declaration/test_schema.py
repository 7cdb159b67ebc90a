"""The JSON Schema of a declaration: current, true of every declaration here, and of use against slips."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from coreweave_inference.declaration import Declaration, schema
from coreweave_inference.declaration.yaml_nodes import Loader
from jsonschema import Draft202012Validator

CHECKOUT = Path(__file__).resolve().parents[3]
BASES = sorted([*CHECKOUT.glob("stacks/*/inference.yaml"), *CHECKOUT.glob("examples/*/inference.yaml")])
OVERLAYS = sorted(
    [*CHECKOUT.glob("stacks/*/inference.*.yaml"), *CHECKOUT.glob("examples/*/inference.*.yaml")]
)
WHOLE = Draft202012Validator(schema.schema())
OVERLAY = Draft202012Validator(schema.schema(overlay=True))


@pytest.mark.parametrize("overlay", [False, True])
def test_the_schema_is_one_and_describes_every_field(overlay: bool) -> None:
    made = schema.schema(overlay=overlay)

    Draft202012Validator.check_schema(made)
    assert [path for path, value in properties(made) if not value.get("description")] == []
    assert json.loads(schema.text(overlay=overlay)) == made


def properties(node: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every property that a schema describes; what only says which of them go together is none."""
    if isinstance(node, list):
        return [found for item in node for found in properties(item, path)]
    if not isinstance(node, dict):
        return []
    rules = ("if", "oneOf", "allOf")
    own = list(node["properties"].items()) if node.get("type") and "properties" in node else []
    inner = [properties(value, f"{path}/{name}") for name, value in node.items() if name not in rules]
    return [
        *((f"{path}/{name}", value) for name, value in own),
        *(found for items in inner for found in items),
    ]


@pytest.mark.parametrize("path", BASES, ids=lambda path: path.parent.name)
def test_every_declaration_here_is_valid(path: Path) -> None:
    assert complaints(WHOLE, path.read_text()) == []


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_overlay_here_is_valid(path: Path) -> None:
    assert complaints(OVERLAY, path.read_text()) == []


def test_everything_that_may_be_declared_is_valid_for_the_schema_and_for_the_reader(
    declare: Callable[[str], Declaration],
) -> None:
    text = """\
version: 1
buckets:
  weights: {name: acme-weights, zone: us-east-04a, tags: {a: 1}, policy: false, options: {timeout: 1h30m}}
  more: {extends: weights, name: acme-more, options: {timeout: 90, retainOnDelete: null}}
gateways:
  public: {zones: [rno2a], weightsAndBiasesAuth: {apiKey: {fromEnv: KEY}, serverUrl: https://x}, pathBasedRouting: {}}
  other: {extends: public, pathBasedRouting: null, headerBasedRouting: {headerName: x-model}}
capacityClaims:
  h200: {instanceId: gd-8xh200ib-i128, instanceCount: 1, capacityType: CAPACITY_TYPE_CUSTOMER, zones: [RNO2A]}
existing:
  gateways: {a: prod, b: {id: 5b1f5a8e-5f5f-5d55-9a3e-0f1d2c3b4a59}, c: {stack: acme/platform/prod, key: public}}
  buckets: {shared: {name: acme-shared, zone: US-EAST-04A}}
deployments:
  chat:
    gateways: [public, a]
    model: {name: acme/chat, bucket: weights, path: models/a..b}
    runtime:
      engine: vllm
      version: 0.22.0-rc.1
      engineConfig: {max-model-len: 16384, enable-auto-tool-choice: "", gpu-memory-utilization: 0.9, x: true}
      engineEnv: {HF_TOKEN: {fromConfig: hf}, PLAIN: text}
    resources: {instanceType: x, gpuCount: 16}
    autoscaling: {min: 1, max: 4}
    traffic: {weight: 1}
    disabled: null
  canary: {extends: chat, model: {path: b}, autoscaling: {max: 2}, runtime: {version: latest}, traffic: {weight: 0}}
accept: [{code: a, object: deployment chat, reason: b, until: 2027-01-31}]
smoke: {prompt: Hello, expect: null, maxLatency: 10s, deployments: [chat]}
"""

    assert complaints(WHOLE, text) == []
    assert complaints(OVERLAY, text) == []
    assert list(declare(text).deployments) == ["chat", "canary"]


def test_a_claim_may_be_written_as_the_api_has_it() -> None:
    fields = "{instanceId: x, instanceCount: 1, capacityType: CAPACITY_TYPE_SERVERLESS, zones: [RNO2A]}"
    text = f"version: 1\ncapacityClaims: {{flat: {fields}, nested: {{resources: {fields}}}}}"

    assert complaints(WHOLE, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "deployments: {chat: null, canary: {autoscaling: {max: 2, concurrency: null}}}",
        "capacityClaims: null",
        "existing: {gateways: {a: {stack: acme/platform/prod}, b: null}}",
        "deployments: {chat: {runtime: {engineConfig: {max-model-len: null}}}}",
    ],
)
def test_an_overlay_need_not_be_whole(text: str) -> None:
    assert complaints(OVERLAY, text) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", 2),
        ("version", None),
        ("gatways", {}),
        ("gateways", ["public"]),
        ("gateways.public", 3),
        ("gateways.pub lic", {"coreWeaveAuth": {}, "pathBasedRouting": {}}),
        ("gateways.public.zonez", []),
        ("gateways.public.zones", ["nowhere"]),
        ("gateways.public.zones", ["RNO2A", "RNO2A"]),
        ("gateways.public.coreWeaveAuth", None),
        ("gateways.public.weightsAndBiasesAuth", {}),
        ("gateways.public.pathBasedRouting", {}),
        ("gateways.public.name", "-x"),
        ("gateways.public.weightsAndBiasesAuth", {"apiKey": "in-clear"}),
        ("capacityClaims.h200.instanceCount", 0),
        ("capacityClaims.h200.instanceCount", "1"),
        ("capacityClaims.h200.capacityType", "SERVERLESS"),
        ("capacityClaims.h200.zones", []),
        ("capacityClaims.h200.zones", ["RNO2A", "US-EAST-04A"]),
        ("capacityClaims.h200.resources", {"instanceID": "x"}),
        ("buckets.weights.name", "No_Bucket"),
        ("buckets.weights.zone", None),
        ("buckets.weights.policy", True),
        ("buckets.weights.policy.ownerAccess", "everybody"),
        ("buckets.weights.options", {"protekt": True}),
        ("buckets.weights.options", {"timeout": "soon"}),
        ("buckets.weights.options", {"timeout": 0}),
        ("deployments.chat.gateways", []),
        ("deployments.chat.gateways", "public"),
        ("deployments.chat.gatewayIds", []),
        ("deployments.chat.model", None),
        ("deployments.chat.model.name", "abc"),
        ("deployments.chat.model.path", "../x"),
        ("deployments.chat.model.path", "s3://acme-weights/models/x"),
        ("deployments.chat.runtime.version", "22"),
        ("deployments.chat.runtime.engineConfig", {"max len": 1}),
        ("deployments.chat.runtime.engineConfig", {"flag": None}),
        ("deployments.chat.runtime.engineConfig", {"a": "$(HOME)"}),
        ("deployments.chat.runtime.engineEnv", {"1A": "x"}),
        ("deployments.chat.runtime.engineEnv", {"A": {"fromEnv": "X", "fromConfig": "x"}}),
        ("deployments.chat.resources.gpuCount", 3),
        ("deployments.chat.autoscaling.min", 0),
        ("deployments.chat.autoscaling.min", 1.5),
        ("deployments.chat.autoscaling.priority", 1001),
        ("deployments.chat.autoscaling.capacityClasses", ["RESERVED"]),
        ("deployments.chat.traffic.weight", 1001),
        ("deployments.chat.disabled", "true"),
        ("deployments.chat-canary.traffic.wieght", 1),
        ("existing", {"gateway": {}}),
        ("existing", {"gateways": {"a": {}}}),
        ("existing", {"gateways": {"a": {"name": "x", "id": "5b1f5a8e-5f5f-5d55-9a3e-0f1d2c3b4a59"}}}),
        ("existing", {"gateways": {"a": {"id": "x"}}}),
        ("existing", {"buckets": {"a": {"stack": "prod"}}}),
        ("accept", {"code": "a"}),
        ("smoke", []),
        ("smoke", {"promt": "x"}),
        ("smoke", {"count": 0}),
        ("smoke", {"maxLatency": "soon"}),
        ("accept", [{"code": "a", "object": "b"}]),
        ("accept", [{"code": "a", "object": "b", "reason": "c", "until": "tomorrow"}]),
    ],
)
def test_a_slip_is_caught_by_the_schema_and_by_the_reader(
    path: str, value: object, full: str, faults: Callable[[str], list[str]]
) -> None:
    data = yaml.safe_load(full)
    *keys, last = path.split(".")
    place = data
    for key in keys:
        place = place[key]
    place[last] = value
    text = yaml.safe_dump(data, sort_keys=False)

    assert complaints(WHOLE, text) != []
    assert faults(text) != []


def complaints(validator: Draft202012Validator, text: str) -> list[str]:
    """What a validator says of a file, read as the reader reads it."""
    data = yaml.load(text, Loader)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(data or {})]
