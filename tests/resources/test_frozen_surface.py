"""What is part of users' state and cannot change: a red test here means that existing stacks would break."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import coreweave_inference
import pytest
from coreweave_inference.provider import bucket_ownership
from coreweave_inference.provider.values import FORMAT, HIDDEN, STACK
from coreweave_inference.resources.account import AccountProvider
from coreweave_inference.resources.capacity_claim import CapacityClaimProvider
from coreweave_inference.resources.deployment import DeploymentProvider
from coreweave_inference.resources.gateway import GatewayProvider
from coreweave_inference.resources.inference_bucket_policy import InferenceBucketPolicyProvider
from coreweave_inference.resources.readiness import ReadinessProvider
from coreweave_inference.resources.weights_bucket import WeightsBucketProvider
from coreweave_inference.simulator import Simulator

from tests.resources.engine_steps import Resource
from tests.resources.service import ORGANIZATION, Run, claim, deployment, gateway, run_against, urn

SOURCES = str(Path(coreweave_inference.__file__).parents[1])
PROGRAM = str(Path(__file__).parent / "loaded_program.py")
TYPES = "pulumi-python:dynamic/coreweave/inference:"
DECLARATION = """
version: 1
buckets:
  weights: {name: acme-weights, zone: US-EAST-04A, policy: {prefixes: [models], ownerAccess: none}}
gateways:
  public: {zones: [US-EAST-04A], coreWeaveAuth: {}, bodyBasedRouting: {apiType: API_TYPE_OPENAI}}
capacityClaims:
  h200: {instanceId: gd-8xh200ib-i128, instanceCount: 1, capacityType: CAPACITY_TYPE_SERVERLESS, zones: [US-EAST-04A]}
deployments:
  chat:
    gateways: [public]
    model: {name: acme/chat, path: models/chat}
    runtime: {engine: vllm, version: 0.22.0}
    resources: {instanceType: gd-8xh200ib-i128, gpuCount: 8}
    autoscaling: {min: 1, max: 4}
"""


class Loaded:
    """What a declaration becomes."""

    def __init__(self, folder: Path) -> None:
        (folder / "inference.yaml").write_text(DECLARATION)
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": SOURCES}
        ran = subprocess.run(
            [sys.executable, PROGRAM], cwd=folder, env=environ, capture_output=True, text=True, timeout=60
        )
        assert ran.returncode == 0, ran.stderr
        found = json.loads(ran.stdout)
        self.registered, self.exported = found["registered"], found["exported"]

    def inputs(self, name: str) -> dict[str, Any]:
        (found,) = [one["inputs"] for one in self.registered if one["name"] == name]
        return dict(found)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return Loaded(tmp_path_factory.mktemp("stack"))


def test_type_tokens_and_resource_names_of_a_loaded_declaration(loaded: Loaded) -> None:
    assert {(one["type"], one["name"]) for one in loaded.registered if one["type"].startswith(TYPES)} == {
        (f"{TYPES}Account", "account"),
        (f"{TYPES}WeightsBucket", "weights"),
        (f"{TYPES}InferenceBucketPolicy", "weights-policy"),
        (f"{TYPES}Gateway", "public"),
        (f"{TYPES}CapacityClaim", "h200"),
        (f"{TYPES}Deployment", "chat"),
        (f"{TYPES}Readiness", "ready"),
    }


def test_outputs_of_a_loaded_declaration(loaded: Loaded) -> None:
    exported = loaded.exported

    assert set(exported) == {"gateways", "models", "deployments", "capacityClaims", "buckets"}
    assert {key: set(value) for key, value in exported["gateways"].items()} == {
        "public": {"apiId", "endpoints"}
    }
    assert exported["models"] == {"acme/chat": {"baseUrls": ["https://gw.example/v1"]}}
    assert {key: set(value) for key, value in exported["deployments"].items()} == {"chat": {"apiId"}}
    assert {key: set(value) for key, value in exported["capacityClaims"].items()} == {"h200": {"apiId"}}


def test_ids_and_names_are_derived_from_stack_resource_and_what_replaces(loaded: Loaded) -> None:
    found = {
        name: (loaded.inputs(name)["apiId"], loaded.inputs(name)["name"])
        for name in ("public", "h200", "chat")
    }

    assert found == {
        "public": ("1f25c7f9-c8f1-5160-aa63-731244d78b05", "public-acme-dev"),
        "h200": ("f255b51c-f2d6-57fc-addb-a7ea23618b36", "h200-acme-dev-e06092"),
        "chat": ("6537057a-e9bf-57c9-8620-6cfaee8f4b4a", "chat-acme-dev"),
    }


def test_hidden_inputs_the_format_and_the_tag_of_a_kept_bucket() -> None:
    assert FORMAT == 1
    assert HIDDEN == ("__identity", "__derivedName", "__resolvedVersion", "__ignored", "__urn")
    assert STACK == "__stack"
    assert bucket_ownership.STACK_TAG == "coreweave-inference-stack"
    assert bucket_ownership.DECLARED_TAG == "coreweave-inference-tags"
    assert bucket_ownership.stack_tag("identity") == "452ad122-cae1-580c-9c52-a46cffece71b"


EVERY_OBJECT = {
    "apiId",
    "apiEndpoint",
    "organizationId",
    "createdAt",
    "revision",
    "format",
    "name",
    "__identity",
    "__derivedName",
    "__urn",
}


def test_the_state_of_each_resource_has_these_keys(simulator: Simulator) -> None:
    bucket_inputs = {
        "name": "frozen-weights",
        "zone": "US-EAST-04A",
        "forceDestroy": True,
        "adopt": False,
        "tags": {"team": "ml"},
        "__stack": "identity",
        "__urn": urn("WeightsBucket", "weights"),
    }
    policy_inputs = {
        "bucket": "frozen-weights",
        "prefixes": ["models"],
        "ownerAccess": "organization",
        "organizationId": ORGANIZATION,
        "__stack": "identity",
        "__urn": urn("InferenceBucketPolicy", "weights-policy"),
    }
    with run_against(simulator) as run:
        found = _states(run, bucket_inputs, policy_inputs)
        run.storage().delete_bucket("frozen-weights")

    assert found == {
        "Account": {"apiEndpoint", "organizationId", "format", "packageVersion", "__urn"},
        "WeightsBucket": {*bucket_inputs, "apiEndpoint", "organizationId", "format"},
        "InferenceBucketPolicy": {
            *policy_inputs,
            "apiEndpoint",
            "ownerOrganizationId",
            "ownerSid",
            "ownerStatement",
            "format",
            "sid",
            "statement",
        },
        "Gateway": EVERY_OBJECT | {"zones", "coreWeaveAuth", "bodyBasedRouting", "endpoints"},
        "CapacityClaim": EVERY_OBJECT | {"resources"},
        "Deployment": EVERY_OBJECT
        | {"gatewayIds", "runtime", "resources", "model", "autoscaling", "traffic", "__resolvedVersion"},
        "Readiness": {"objects", "__owned", "organizationId", "format", "__urn"},
    }


def _states(run: Run, bucket: dict[str, Any], policy: dict[str, Any]) -> dict[str, set[str]]:
    resources = {
        "Account": (AccountProvider(), {"__urn": urn("Account", "account")}),
        "WeightsBucket": (WeightsBucketProvider(), bucket),
        "InferenceBucketPolicy": (InferenceBucketPolicyProvider(), policy),
        "Gateway": (GatewayProvider(), gateway()),
        "CapacityClaim": (CapacityClaimProvider(), claim()),
        "Deployment": (DeploymentProvider(), deployment()),
        "Readiness": (
            ReadinessProvider(),
            {"objects": {}, "__owned": [], "__urn": urn("Readiness", "ready")},
        ),
    }
    states = {}
    for name, (provider, inputs) in resources.items():
        one = Resource(provider)
        one.up(inputs)
        states[name] = set(one.outputs)
    return states
