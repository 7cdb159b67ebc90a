"""What the tests of this folder declare, and how they change it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

ZONE = "US-EAST-04A"
BUCKET = {
    "name": "acme-weights",
    "zone": ZONE,
    "adopt": True,
    "policy": {"prefixes": ["models"], "ownerAccess": "organization"},
}
GATEWAY = {"zones": [ZONE], "coreWeaveAuth": {}, "bodyBasedRouting": {"apiType": "API_TYPE_OPENAI"}}
CLAIM = {
    "instanceId": "gd-8xh200ib-i128",
    "instanceCount": 2,
    "capacityType": "CAPACITY_TYPE_SERVERLESS",
    "zones": [ZONE],
}
DEPLOYMENT = {
    "gateways": ["public"],
    "model": {"name": "acme/chat", "path": "models/chat"},
    "runtime": {
        "engine": "vllm",
        "engineConfig": {
            "max-model-len": 16384,
            "enable-auto-tool-choice": "",
            "tool-call-parser": "llama3_json",
        },
    },
    "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 1},
    "autoscaling": {"min": 1, "max": 4, "concurrency": 32},
}


def stack(**sections: Any) -> dict[str, Any]:
    """A bucket, a gateway and one deployment; `sections` are merged into that, see `edited`."""
    document = {
        "version": 1,
        "buckets": {"weights": BUCKET},
        "gateways": {"public": GATEWAY},
        "deployments": {"chat": DEPLOYMENT},
    }
    return edited(document, sections)


def canary(**sections: Any) -> dict[str, Any]:
    """The same with reserved capacity, and a second deployment that takes a tenth of the traffic."""
    document = stack(
        capacityClaims={"h200": CLAIM},
        deployments={
            "chat": {"traffic": {"weight": 900}},
            "chat-canary": {
                "extends": "chat",
                "model": {"path": "models/chat-v2"},
                "traffic": {"weight": 100},
            },
        },
    )
    return edited(document, sections)


def edited(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with `changes` merged in deeply; None takes out what is there."""
    found = copy.deepcopy(dict(document))
    for key, value in changes.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(found.get(key), Mapping):
            found[key] = edited(found[key], value)
        else:
            found[key] = copy.deepcopy(value)
    return found
