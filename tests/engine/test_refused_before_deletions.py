"""What must not be deleted is refused before anything is: protected objects, and what other stacks' deployments need."""

from __future__ import annotations

from typing import Any

import coreweave_inference as cw
import pulumi
import pytest

from tests.engine.declarations import CLAIM, DEPLOYMENT, ZONE, canary, stack
from tests.engine.workbench import ORGANIZATION, Service, Workbench

OTHERS = "0d6f2f6e-6f0b-4a37-9a3c-4a1f6f1f9c11"


def platform(**sections: Any) -> dict[str, Any]:
    """What deployments of other stacks run on."""
    return stack(deployments=None, capacityClaims={"h200": CLAIM}, **sections)


def run_a_deployment_of_others(service: Service) -> None:
    """A deployment that another stack made: through our gateway, on our claim, with our weights."""
    gateway = service.live("gateways")["public-serving-dev"]["spec"]["id"]
    spec = {
        "id": OTHERS,
        "organizationId": ORGANIZATION,
        "name": "chat-models",
        "gatewayIds": [gateway],
        "runtime": {"engine": "vllm"},
        "model": {"name": "acme/chat", "bucket": "acme-weights", "path": "models/chat"},
        "resources": DEPLOYMENT["resources"],
        "autoscaling": {"min": 1, "max": 2, "capacityClasses": ["CAPACITY_CLASS_RESERVED"]},
    }
    service.simulator.world.create("deployments", ORGANIZATION, spec)


def test_a_protected_gateway_refuses_a_destroy_and_its_removal_before_anything_is_deleted(
    workbench: Workbench,
) -> None:
    service = workbench.service
    workbench.bring_up(canary(gateways={"public": {"options": {"protect": True}}}))
    before = service.account()

    destroyed = workbench.destroy("--continue-on-error")
    workbench.declare(canary(gateways=None, deployments=None))
    removed = workbench.up("--continue-on-error")
    previewed = workbench.preview()

    for run in (destroyed, removed, previewed):
        assert not run.ok
        assert 'gateway "public": is protected' in run.output
        assert (run.writes, service.account()) == ({}, before)

    workbench.declare(canary())
    freed = workbench.up()
    down = workbench.destroy()

    assert (freed.ok, freed.writes) == (True, {})
    assert down.ok, down.errors
    assert service.account() == {"buckets": ["acme-weights"]}


def test_a_removal_refuses_before_any_write_though_readiness_has_another_name_or_is_deleted_by_now(
    workbench: Workbench,
) -> None:
    service = workbench.service
    workbench.program = lambda: _gateway_and_claim(protected=True)
    assert workbench.up().ok
    before = service.account()

    workbench.program = lambda: _claim(2, readiness="ready-by-another-name")
    renamed = workbench.up("--continue-on-error")
    workbench.program = lambda: _claim(2, readiness="")
    taken_out = workbench.up("--continue-on-error")
    previewed = workbench.preview()

    for run in (renamed, taken_out, previewed):
        assert not run.ok
        assert 'nothing was deleted; gateway "public": is protected' in run.output
        assert (run.writes, service.account()) == ({}, before)

    workbench.program = lambda: _gateway_and_claim(protected=False)
    freed = workbench.up()
    workbench.program = lambda: _claim(2, readiness="")
    removed = workbench.up()

    assert (freed.ok, freed.writes) == (True, {})
    assert removed.ok, removed.errors
    assert removed.writes == {"PATCH capacityclaims": 1, "DELETE gateways": 1}


def _gateway_and_claim(*, protected: bool) -> None:
    options = pulumi.ResourceOptions(protect=protected)
    cw.Gateway("public", zones=[ZONE], auth=cw.CoreWeaveAuth(), routing=cw.BodyBasedRouting(), opts=options)
    _claim(1, readiness="ready")


def _claim(count: int, *, readiness: str) -> None:
    cw.CapacityClaim(
        "h200",
        instance_id=CLAIM["instanceId"],
        instance_count=count,
        capacity_type="CAPACITY_TYPE_SERVERLESS",
        zones=[ZONE],
    )
    if readiness:
        cw.Readiness(readiness)


@pytest.mark.thorough
def test_what_a_protected_object_does_not_concern_can_still_be_removed(workbench: Workbench) -> None:
    workbench.bring_up(canary(gateways={"public": {"options": {"protect": True}}}))

    workbench.declare(
        canary(
            gateways={"public": {"options": {"protect": True}}},
            deployments={"chat-canary": None, "chat": {"traffic": {"weight": 1000}}},
        )
    )
    removed = workbench.up()
    workbench.environment["COREWEAVE_KEEP_PROTECTED"] = "1"
    spared = workbench.destroy("--exclude-protected")

    assert removed.ok, removed.errors
    assert spared.ok, spared.errors
    assert workbench.service.account() == {"gateways": ["public-serving-dev"], "buckets": ["acme-weights"]}


@pytest.mark.thorough
def test_a_deployment_that_only_a_failed_run_made_does_not_refuse_a_destroy_that_refreshes(
    workbench: Workbench,
) -> None:
    service = workbench.service
    workbench.bring_up(stack())
    service.turn(deployment_create_seconds=30.0)
    workbench.environment["COREWEAVE_DEADLINE_SECONDS"] = "1"
    workbench.declare(canary(capacityClaims=None))
    failed = workbench.up()
    down = workbench.destroy("--refresh")

    assert not failed.ok
    assert "chat-canary" in failed.output
    assert down.ok, down.errors
    assert service.account() == {"buckets": ["acme-weights"]}


def test_a_platform_that_others_run_on_is_neither_destroyed_nor_emptied_unless_declared_so(
    workbench: Workbench,
) -> None:
    service = workbench.service
    workbench.bring_up(platform())
    run_a_deployment_of_others(service)
    before, sids = service.account(), service.sids()

    destroyed = workbench.destroy("--continue-on-error")
    workbench.declare(stack(deployments=None, gateways=None))
    removed = workbench.up()

    for run in (destroyed, removed):
        assert not run.ok
        assert (run.writes, service.account(), service.sids()) == ({}, before, sids)
        assert 'gateway "public": is used by deployment chat-models' in run.output
        assert "chat-models (RESERVED only: it has nowhere to go)" in run.output
        assert "COREWEAVE_DESTROY_USED=1" in run.output
    assert "lets the inference service read the weights of deployment chat-models" in destroyed.output

    workbench.declare(stack(deployments=None))
    workbench.environment["COREWEAVE_DESTROY_USED"] = "1"
    forced = workbench.up()

    assert forced.ok, forced.errors
    assert "chat-models (RESERVED only: it has nowhere to go)" in forced.output
    assert service.live("capacityclaims") == {}
    assert service.live("deployments")["chat-models"]["spec"]["id"] == OTHERS
