"""Live objects of each kind as the service answers them, for tests that judge them."""

from __future__ import annotations

from typing import Any

from coreweave_inference.api.client import ApiObject, Condition
from coreweave_inference.model import Kind
from coreweave_inference.waiting import Revision, Target

ID = "11111111-1111-4111-8111-111111111111"
BEFORE = "2027-01-15T08:00:00.5Z"
AFTER = "2027-01-15T08:00:09.25Z"
WRITTEN_AT = 1_800_000_000.0
SETTLE = 15.0

SPECS: dict[Kind, dict[str, Any]] = {
    Kind.GATEWAY: {
        "name": "public",
        "zones": ["US-EAST-04A"],
        "coreWeaveAuth": {},
        "bodyBasedRouting": {"apiType": "API_TYPE_OPENAI"},
    },
    Kind.CAPACITY_CLAIM: {
        "name": "h200",
        "resources": {
            "instanceId": "gd-8xh200ib-i128",
            "instanceCount": 2,
            "capacityType": "CAPACITY_TYPE_SERVERLESS",
            "zones": ["US-EAST-04A"],
        },
    },
    Kind.DEPLOYMENT: {
        "name": "chat",
        "gatewayIds": ["22222222-2222-4222-8222-222222222222"],
        "runtime": {"engine": "vllm", "version": "0.22.0+crwv.2"},
        "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 8},
        "model": {"name": "acme/chat", "bucket": "acme-weights", "path": "models/chat"},
        "autoscaling": {"min": 1, "max": 3},
        "traffic": {"weight": 100},
    },
}


def spec(kind: Kind, **blocks: Any) -> dict[str, Any]:
    """A spec of that kind; a block that is a mapping is merged into the usual one, anything else replaces it."""
    changed = dict(SPECS[kind])
    for name, value in blocks.items():
        usual = changed.get(name)
        changed[name] = {**usual, **value} if isinstance(usual, dict) and isinstance(value, dict) else value
    return changed


def claim_of(count: int) -> dict[str, Any]:
    return spec(Kind.CAPACITY_CLAIM, resources={"instanceCount": count})


def live(kind: Kind, status: str, *conditions: Condition, **fields: Any) -> ApiObject:
    """The object of `target`; `updated_at` has moved unless it is given."""
    given = {"spec": SPECS[kind], "updated_at": AFTER, "id": ID, "name": SPECS[kind]["name"], **fields}
    return ApiObject(kind=kind, status=status, conditions=conditions, **given)


def target(kind: Kind, **fields: Any) -> Target:
    """Waited for since `WRITTEN_AT`, with the usual spec declared; tests of one clock take it for the monotonic one too."""
    given: dict[str, Any] = {
        "id": ID,
        "name": "mine",
        "revision": Revision("f00", WRITTEN_AT, BEFORE),
        "timeout_seconds": 60.0,
        "declared": SPECS[kind],
        "written_at": WRITTEN_AT,
        **fields,
    }
    return Target(kind, **given)
