"""What is measured: a stack directory of so many deployments, and the floor beside it; and the commands of a life.

The floor has the properties of the same resources, as a preview of the stack shows them.
"""

from __future__ import annotations

import copy
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from coreweave_inference.simulator import Behaviour, Simulator

from tests.engine.declarations import BUCKET, DEPLOYMENT, GATEWAY, edited
from tests.running.command_line import Stack
from tests.simulator.inference_fixtures import s3_client

READY_AT_ONCE = Behaviour(
    gateway_create_seconds=0.0,
    claim_create_seconds=0.0,
    deployment_create_seconds=0.0,
    gateway_update_seconds=0.0,
    claim_update_seconds=0.0,
    deployment_update_seconds=0.0,
    gateway_delete_seconds=0.0,
    claim_delete_seconds=0.0,
    deployment_delete_seconds=0.0,
    stale_status_seconds=0.0,
)
SETTLED_AT_ONCE = {"COREWEAVE_SETTLE_SECONDS": "0"}
"""How long something has to last before it counts: a wait that is chosen, and no work."""
SETTINGS = """\
name: serving
runtime: {{name: python, options: {{toolchain: pip, virtualenv: {python}}}}}
options: {{refresh: always}}
"""
FLOOR = {
    "__main__.py": """\
import json
from trivial import Trivial

for name, properties in json.load(open("properties.json")).items():
    Trivial(name, properties)
""",
    "trivial.py": """\
from uuid import uuid4
from pulumi.dynamic import CreateResult, Resource, ResourceProvider, UpdateResult


class TrivialProvider(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, inputs):
        return CreateResult(str(uuid4()), inputs)

    def update(self, id_, olds, news):
        return UpdateResult(news)


class Trivial(Resource):
    def __init__(self, name, properties):
        super().__init__(TrivialProvider(), name, properties)
""",
}
BUCKET_NAME = BUCKET["name"]
DYNAMIC = "pulumi-python:dynamic"

ACTS = ("first preview", "up", "no-op preview", "change of all", "refresh", "destroy")
FLOOR_RUNNER, PULUMI, COMMAND = "floor", "pulumi", "cw-inference"
RUNNERS = (FLOOR_RUNNER, PULUMI, COMMAND)
OF_PULUMI: Mapping[str, Sequence[str]] = {
    "first preview": ("preview",),
    "up": ("up", "--yes", "--skip-preview"),
    "no-op preview": ("preview",),
    "change of all": ("up", "--yes", "--skip-preview"),
    "refresh": ("refresh", "--yes", "--skip-preview"),
    "destroy": ("destroy", "--yes", "--skip-preview"),
}
OF_COMMAND: Mapping[str, Sequence[str]] = {
    "first preview": ("preview",),
    "up": ("up", "--yes"),
    "no-op preview": ("preview",),
    "change of all": ("up", "--yes"),
    "refresh": ("refresh",),
    "destroy": ("destroy", "--yes"),
}


def command_of(runner: str, act: str, *more: str) -> list[str]:
    """The command line of an act."""
    if runner == COMMAND:
        return [sys.executable, "-m", "coreweave_inference.cli", *OF_COMMAND[act], "--stack", "dev", *more]
    return ["pulumi", *OF_PULUMI[act], "--stack", "dev", "--non-interactive", *more]


def document(count: int, most: int = 4, name: str = "chat") -> dict[str, Any]:
    """A bucket that exists, a gateway and so many deployments, each of a model name of its own."""
    deployments = {
        f"{name}-{place}": edited(
            DEPLOYMENT, {"model": {"name": f"acme/{name}-{place}"}, "autoscaling": {"max": most}}
        )
        for place in range(count)
    }
    return {
        "version": 1,
        "buckets": {"weights": BUCKET},
        "gateways": {"public": GATEWAY},
        "deployments": deployments,
    }


def stock(simulator: Simulator, *paths: str) -> None:
    """The bucket, made by hand, with weights under each path."""
    s3 = s3_client(simulator)
    s3.create_bucket(Bucket=BUCKET_NAME, CreateBucketConfiguration={"LocationConstraint": "US-EAST-04A"})
    for path in paths:
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            s3.put_object(Bucket=BUCKET_NAME, Key=f"{path}/{name}", Body=b"{}")
    s3.close()


@contextmanager
def service(behaviour: Behaviour = READY_AT_ONCE) -> Iterator[Simulator]:
    """A simulator with weights."""
    with Simulator(behaviour) as simulator:
        stock(simulator, DEPLOYMENT["model"]["path"])
        yield simulator


def stack_in(place: Path, simulator: Simulator, name: str = "serving", **variables: str) -> Stack:
    """A stack directory, its stack made, for both ways of running it."""
    place.mkdir(parents=True)
    stack = Stack(place, simulator, **{**SETTLED_AT_ONCE, **variables})
    settings = SETTINGS.format(python=sys.prefix).replace("name: serving", f"name: {name}", 1)
    (stack.path / "Pulumi.yaml").write_text(settings)
    stack.pulumi("stack", "init", "dev", "--non-interactive")
    return stack


def declare(stack: Stack, declared: Mapping[str, Any]) -> None:
    """Write the declaration."""
    (stack.path / "inference.yaml").write_text(yaml.safe_dump(dict(declared), sort_keys=False))


def floor_in(place: Path, simulator: Simulator, properties: Mapping[str, Any]) -> Stack:
    """The floor's directory, its stack made."""
    stack = stack_in(place, simulator)
    for name, text in FLOOR.items():
        (stack.path / name).write_text(text)
    write_properties(stack, properties)
    return stack


def write_properties(stack: Stack, properties: Mapping[str, Any]) -> None:
    """What the floor's resources have."""
    (stack.path / "properties.json").write_text(json.dumps(properties))


def properties_of(stack: Stack) -> dict[str, Any]:
    """What the resources of a stack would have, by a name for each, from a preview before its first run."""
    preview = json.loads(stack.pulumi("preview", "--json", "--stack", "dev", "--non-interactive"))
    found = {}
    for step in preview["steps"]:
        state = step.get("newState") or {}
        if state.get("type", "").startswith(DYNAMIC):
            kind, name = state["type"].rpartition(":")[2], state["urn"].rpartition("::")[2]
            inputs = {key: value for key, value in state["inputs"].items() if key != "__provider"}
            found[f"{kind}-{name}"] = inputs
    return found


def changed(properties: Mapping[str, Any], most: int) -> dict[str, Any]:
    """The same with another limit on the replicas of each deployment."""
    found = copy.deepcopy(dict(properties))
    for inputs in found.values():
        if "autoscaling" in inputs:
            inputs["autoscaling"]["max"] = most
    return found


def forget(place: Path) -> None:
    """Remove a stack directory with its state."""
    shutil.rmtree(place, ignore_errors=True)
