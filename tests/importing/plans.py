"""Accounts as values, and what an import makes of them. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from coreweave_inference.declaration import Declaration, read_for_stack
from coreweave_inference.importing.matching import Stack
from coreweave_inference.importing.plan import ImportPlan, plan_import
from coreweave_inference.importing.snapshot import LiveBucket, LiveObject, Snapshot, in_order
from coreweave_inference.model.kinds import Kind
from coreweave_inference.policy.statements import inference_statement

ZONE = "US-EAST-04A"
STACK = Stack("serving", "dev", '["identity","serving","dev"]')
GATEWAY = {"zones": [ZONE], "coreWeaveAuth": {}, "bodyBasedRouting": {"apiType": "API_TYPE_OPENAI"}}
CLAIM = {
    "instanceId": "gd-8xh200ib-i128",
    "instanceCount": 2,
    "capacityType": "CAPACITY_TYPE_MANAGED",
    "zones": [ZONE],
}


def id_of(name: str) -> str:
    return f"00000000-0000-4000-8000-{name.encode().hex()[:12].ljust(12, '0')}"


def gateway(name: str = "public", status: str = "READY", **more: Any) -> LiveObject:
    return LiveObject(
        Kind.GATEWAY, id_of(name), name, {"id": id_of(name), "name": name, **GATEWAY, **more}, status
    )


def claim(name: str = "h200", **more: Any) -> LiveObject:
    return LiveObject(Kind.CAPACITY_CLAIM, id_of(name), name, {"name": name, "resources": {**CLAIM, **more}})


def deployment(
    name: str = "chat", *gateways: str, status: str = "READY", why: str = "", **blocks: Any
) -> LiveObject:
    spec: dict[str, Any] = {
        "name": name,
        "gatewayIds": [id_of(found) for found in gateways or ("public",)],
        "runtime": {"engine": "vllm", "version": "0.22.0+crwv.2"},
        "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 1},
        "model": {"name": f"acme/{name}", "bucket": "acme-weights", "path": "models/chat"},
        "autoscaling": {"min": 1, "max": 4, "concurrency": 32},
        "traffic": {"weight": 100},
    }
    merged = {
        block: {**value, **blocks.pop(block, {})} if isinstance(value, dict) else value
        for block, value in spec.items()
    }
    return LiveObject(Kind.DEPLOYMENT, id_of(name), name, {**merged, **blocks}, status, why)


def bucket(name: str = "acme-weights", prefixes: tuple[str, ...] = ("models",), **more: Any) -> LiveBucket:
    policy = {"Version": "2012-10-17", "Statement": [inference_statement(name, prefixes)]}
    return LiveBucket(name, **{"zone": ZONE, "policy": policy, **more})


def account(*objects: LiveObject, buckets: tuple[LiveBucket, ...] = ()) -> Snapshot:
    return Snapshot(in_order(objects), {found.name: found for found in buckets or (bucket(),)})


def read(text: str) -> Declaration:
    return read_for_stack(Path("inference.yaml"), "none", text=text)


def plan(
    snapshot: Snapshot, before: str = "", only: str = "", stack: Stack = STACK, **environ: str
) -> ImportPlan:
    return plan_import(snapshot, before, read, stack, only, environ)


def written(found: ImportPlan) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(found.text)
    return document
