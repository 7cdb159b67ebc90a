"""A full declaration, and fixtures that read it, change it and collect its faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from coreweave_inference.declaration import Declaration, read
from coreweave_inference.errors import InvalidDeclaration

FULL = """\
version: 1
buckets:
  weights: {name: acme-weights, zone: us-east-04a, policy: {prefixes: [models], ownerAccess: organization}}
gateways:
  public: {zones: [US-EAST-04A], coreWeaveAuth: {}, bodyBasedRouting: {apiType: API_TYPE_OPENAI}}
capacityClaims:
  h200: {instanceId: gd-8xh200ib-i128, instanceCount: 1, capacityType: CAPACITY_TYPE_SERVERLESS, zones: [US-EAST-04A]}
deployments:
  chat:
    gateways: [public]
    model: {name: acme/chat, path: models/llama-3.1-8b}
    runtime:
      engine: vllm
      engineConfig: {max-model-len: 16384, enable-auto-tool-choice: "", tool-call-parser: llama3_json}
    resources: {instanceType: gd-8xh200ib-i128, gpuCount: 1}
    autoscaling: {min: 1, max: 4, concurrency: 32, capacityClasses: [CAPACITY_CLASS_RESERVED]}
    traffic: {weight: 900}
  chat-canary: {extends: chat, model: {path: models/llama-3.1-8b-v2}, traffic: {weight: 100}}
"""


@pytest.fixture
def declare(tmp_path: Path) -> Callable[[str], Declaration]:
    def read_text(text: str) -> Declaration:
        path = tmp_path / "inference.yaml"
        path.write_text(text, encoding="utf-8")
        return read(path)

    return read_text


@pytest.fixture
def faults(declare: Callable[[str], Declaration]) -> Callable[[str], list[str]]:
    """The faults of a text, each as `line: path: what; do`."""

    def sentences(text: str) -> list[str]:
        with pytest.raises(InvalidDeclaration) as caught:
            declare(text)
        return [str(fault).split("inference.yaml:")[1] for fault in caught.value.faults]

    return sentences


@pytest.fixture
def full() -> str:
    """A declaration with something in each section."""
    return FULL


@pytest.fixture
def changed() -> Callable[..., str]:
    """The full declaration with other sections; `None` removes one."""
    return _changed


@pytest.fixture
def with_deployment() -> Callable[..., str]:
    """The full declaration with one deployment, `chat`, that has other fields; `None` removes one."""
    return _with_deployment


def _changed(**sections: Any) -> str:
    data = {**yaml.safe_load(FULL), **sections}
    return yaml.safe_dump(
        {name: section for name, section in data.items() if section is not None}, sort_keys=False
    )


def _with_deployment(**fields: Any) -> str:
    chat = {**yaml.safe_load(FULL)["deployments"]["chat"], **fields}
    return _changed(deployments={"chat": {name: value for name, value in chat.items() if value is not None}})
