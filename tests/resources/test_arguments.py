"""Blocks of a Python program are the API's messages in snake_case."""

from __future__ import annotations

from typing import Any

import pytest
from coreweave_inference.model import Kind
from coreweave_inference.model.shape import fields_of
from coreweave_inference.program import arguments
from coreweave_inference.program.arguments import (
    Autoscaling,
    Block,
    BodyBasedRouting,
    CoreWeaveAuth,
    EndpointConfiguration,
    HeaderBasedRouting,
    Model,
    PathBasedRouting,
    Resources,
    Runtime,
    Traffic,
    WeightsAndBiasesAuth,
    one_of,
    spec_key,
    to_api,
)

FULL: list[tuple[Block, dict[str, Any]]] = [
    (CoreWeaveAuth(), {}),
    (
        WeightsAndBiasesAuth(
            api_key="k", server_url="https://w", enable_usage_reports=True, enable_rate_limiting=False
        ),
        {"apiKey": "k", "serverUrl": "https://w", "enableUsageReports": True, "enableRateLimiting": False},
    ),
    (BodyBasedRouting(), {"apiType": "API_TYPE_OPENAI"}),
    (HeaderBasedRouting(header_name="x-model"), {"headerName": "x-model"}),
    (PathBasedRouting(), {}),
    (
        EndpointConfiguration(additional_dns=["a.example"], allowed_source_ip_ranges=["10.0.0.0/8"]),
        {"additionalDns": ["a.example"], "allowedSourceIpRanges": ["10.0.0.0/8"]},
    ),
    (
        Model(name="acme/chat", path="models/chat", bucket="acme"),
        {"name": "acme/chat", "path": "models/chat", "bucket": "acme"},
    ),
    (
        Runtime(engine="vllm", version="1.0.0", engine_config={"max-model-len": 1}, engine_env={"A": "b"}),
        {"engine": "vllm", "version": "1.0.0", "engineConfig": {"max-model-len": 1}, "engineEnv": {"A": "b"}},
    ),
    (Resources(instance_type="h200", gpu_count=8), {"instanceType": "h200", "gpuCount": 8}),
    (
        Autoscaling(min=1, max=2, priority=3, concurrency=4, capacity_classes=["CAPACITY_CLASS_RESERVED"]),
        {"min": 1, "max": 2, "priority": 3, "concurrency": 4, "capacityClasses": ["CAPACITY_CLASS_RESERVED"]},
    ),
    (Traffic(weight=0), {"weight": 0}),
]
EACH = pytest.mark.parametrize(("block", "message"), FULL, ids=lambda value: type(value).__name__)


@EACH
def test_a_block_becomes_its_message_and_a_message_stays(block: Block, message: dict[str, Any]) -> None:
    assert to_api(block) == message == to_api(message)
    assert one_of(block) == one_of({spec_key(type(block)): message})


@EACH
def test_a_block_has_exactly_the_fields_of_its_message(block: Block, message: dict[str, Any]) -> None:
    messages = {
        name: field.message
        for kind in Kind
        for name, field in fields_of(kind.model).items()
        if field.message and not (kind is Kind.CAPACITY_CLAIM and name == "resources")
    }

    assert set(message) == set(fields_of(messages[spec_key(type(block))]))


def test_every_block_is_tried_here() -> None:
    blocks = {
        name
        for name, value in vars(arguments).items()
        if isinstance(value, type) and issubclass(value, Block) and value is not Block
    }

    assert {type(block).__name__ for block, _ in FULL} == blocks


def test_what_is_left_out_is_left_out_of_the_message() -> None:
    assert to_api(Model(name="acme/chat", path="p")) == {"name": "acme/chat", "path": "p"}


def test_the_field_of_a_block_is_its_name_in_camel_case() -> None:
    assert spec_key(CoreWeaveAuth) == "coreWeaveAuth"
    assert spec_key(WeightsAndBiasesAuth) == "weightsAndBiasesAuth"
