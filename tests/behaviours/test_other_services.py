"""One life on services that speak differently: each is a service that the real one may turn out to be."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.declarations import canary
from tests.engine.workbench import Workbench

pytestmark = pytest.mark.thorough

SERVICES = {
    "emits zero values, refuses unknown fields, says nothing of a change that is none": {
        "emit_zero_values": True,
        "strict_fields": True,
        "identical_patch_is_silent": True,
        "disabled_reaches_ready": True,
    },
    "omits zero values, refuses unknown fields, shows the other name of managed capacity": {
        "strict_fields": True,
        "managed_name_shown": "SERVERLESS",
        "gzip": False,
    },
}


@pytest.mark.parametrize("knobs", SERVICES.values(), ids=list(SERVICES))
def test_a_life_is_the_same_whether_zero_values_are_emitted_and_whether_unknown_fields_are_refused(
    workbench: Workbench, knobs: dict[str, Any]
) -> None:
    workbench.service.turn(**knobs)
    changed = canary(deployments={"chat": {"traffic": {"weight": 0}, "autoscaling": {"concurrency": None}}})
    workbench.declare(canary())
    up = workbench.up()
    workbench.declare(changed)
    change = workbench.up("--refresh")
    workbench.declare({**changed, "deployments": {**changed["deployments"], "chat": _disabled(changed)}})
    disabled = workbench.up()
    quiet = workbench.up("--refresh")
    down = workbench.destroy("--refresh")

    assert [run.errors for run in (up, change, disabled, quiet, down)] == [()] * 5
    assert up.writes == {
        "POST gateways": 1,
        "POST capacityclaims": 1,
        "POST deployments": 2,
        "PUT acme-weights?policy": 1,
    }
    assert change.changes == {
        "chat": "update autoscaling.concurrency traffic",
        "chat-canary": "update autoscaling.concurrency",
        "ready": 'update objects["deployment chat"].revision objects["deployment chat-canary"].revision',
    }
    assert change.writes == {"PATCH deployments": 2}
    assert disabled.writes == {"PATCH deployments": 2}
    assert (quiet.drift, quiet.changes, quiet.writes) == ({}, {}, {})
    assert workbench.service.account() == {"buckets": ["acme-weights"]}


def _disabled(document: dict[str, Any]) -> dict[str, Any]:
    return {**document["deployments"]["chat"], "disabled": True}
