"""Previews as the engine prints them, made of a few words; and their rendering."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from coreweave_inference.review import Findings, Preview, Review, read_preview, review

PROJECT = "serving"
TYPES = {
    "gateway": "pulumi-python:dynamic/coreweave/inference:Gateway",
    "claim": "pulumi-python:dynamic/coreweave/inference:CapacityClaim",
    "deployment": "pulumi-python:dynamic/coreweave/inference:Deployment",
    "bucket": "pulumi-python:dynamic/coreweave/inference:WeightsBucket",
    "policy": "pulumi-python:dynamic/coreweave/inference:InferenceBucketPolicy",
    "readiness": "pulumi-python:dynamic/coreweave/inference:Readiness",
}
ZONE = "US-EAST-04A"
H200 = "gd-8xh200ib-i128"


def gateway(id_: str = "id-public", zones: tuple[str, ...] = (ZONE,), **more: Any) -> dict[str, Any]:
    """A gateway's inputs."""
    return {
        "apiId": id_,
        "name": "public-dev",
        "zones": list(zones),
        "coreWeaveAuth": {},
        "bodyBasedRouting": {},
        **more,
    }


def claim(count: int = 1, kind: str = "SERVERLESS", instance: str = H200, zone: str = ZONE) -> dict[str, Any]:
    """A claim's inputs."""
    resources = {
        "instanceId": instance,
        "instanceCount": count,
        "capacityType": f"CAPACITY_TYPE_{kind}",
        "zones": [zone],
    }
    return {"apiId": "id-claim", "name": "claim-dev", "resources": resources}


def deployment(
    *,
    model: Any = "acme/chat",
    weight: Any = 100,
    gateways: tuple[str, ...] = ("id-public",),
    least: int = 1,
    most: int = 4,
    gpus: int = 1,
    instance: str = H200,
    classes: tuple[str, ...] = (),
    **more: Any,
) -> dict[str, Any]:
    """A deployment's inputs."""
    autoscaling: dict[str, Any] = {"min": least, "max": most}
    if classes:
        autoscaling["capacityClasses"] = [f"CAPACITY_CLASS_{name}" for name in classes]
    return {
        "apiId": "id-deployment",
        "name": "chat-dev",
        "gatewayIds": list(gateways),
        "model": {"name": model, "bucket": "acme-weights", "path": "models/chat"},
        "runtime": {"engine": "vllm", "version": "0.22.0"},
        "resources": {"instanceType": instance, "gpuCount": gpus},
        "autoscaling": autoscaling,
        "traffic": {"weight": weight},
        **more,
    }


def step(
    operation: str,
    kind: str,
    name: str,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
    stack: str = "dev",
    **state: Any,
) -> dict[str, Any]:
    """One step; `state` holds what else the old state says (`outputs`, `retainOnDelete`)."""
    found: dict[str, Any] = {
        "op": operation,
        "urn": f"urn:pulumi:{stack}::{PROJECT}::{TYPES.get(kind, kind)}::{name}",
        "detailedDiff": None,
    }
    if old is not None:
        found["oldState"] = {"type": TYPES.get(kind, kind), "inputs": dict(old), **state}
    if new is not None:
        found["newState"] = {"type": TYPES.get(kind, kind), "inputs": dict(new)}
    return found


def same(kind: str, name: str, inputs: Mapping[str, Any], stack: str = "dev") -> dict[str, Any]:
    """A step for what stays."""
    return step("same", kind, name, inputs, inputs, stack)


def text_of(*steps: Mapping[str, Any], errors: tuple[str, ...] = ()) -> str:
    """The JSON that the engine would print."""
    diagnostics = [{"severity": "error", "message": f"error: {message}\n"} for message in errors]
    return json.dumps({"steps": list(steps), "diagnostics": diagnostics})


def preview_of(*steps: Mapping[str, Any], errors: tuple[str, ...] = ()) -> Preview:
    """The same, read."""
    return read_preview(text_of(*steps, errors=errors), "preview.json")


def review_of(*steps: Mapping[str, Any], findings: Findings = Findings()) -> Review:  # noqa: B008 -- frozen
    """The review of one stack."""
    return review([preview_of(*steps)], findings)


def sentences_of(found: Review) -> dict[str, list[str]]:
    """By resource: what is said of it, the worst first, dangerous things with a mark."""
    return {
        change.label: [
            f"{'! ' if consequence.danger.value == 'dangerous' else ''}{consequence.sentence}"
            for consequence in change.consequences
        ]
        for change in found.changes
    }
