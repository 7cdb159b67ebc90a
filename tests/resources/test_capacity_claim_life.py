"""A capacity claim's life against the simulated service."""

from __future__ import annotations

from typing import Any

import pytest
from coreweave_inference.host.dynamic import CoreWeave
from coreweave_inference.resources.capacity_claim import CapacityClaimProvider
from coreweave_inference.simulator import Simulator

from tests.resources.engine_steps import Resource
from tests.resources.service import Run, claim, patches, run_against
from tests.simulator.inference_fixtures import Api
from tests.simulator.inference_fixtures import deployment as deployment_body
from tests.simulator.inference_fixtures import gateway as gateway_body


@pytest.fixture
def h200() -> Resource:
    return Resource(CapacityClaimProvider())


def resources(count: int, capacity_type: str = "CAPACITY_TYPE_SERVERLESS") -> dict[str, Any]:
    return {
        "instanceId": "gd-8xh200ib-i128",
        "instanceCount": count,
        "capacityType": capacity_type,
        "zones": ["US-EAST-04A"],
    }


def test_a_creation_records_the_claim_as_declared_and_does_not_wait(run: Run, h200: Resource) -> None:
    h200.up(claim())

    assert h200.outputs["resources"] == resources(2)
    assert h200.outputs["name"].startswith("h200-acme-dev-")
    assert run.time.slept == []
    assert h200.up(claim()) == "same"


def test_a_count_that_grows_is_one_patch_of_resources_without_a_name(
    run: Run, simulator: Simulator, h200: Resource
) -> None:
    h200.up(claim())

    assert h200.up(claim(instanceCount=3)) == "update"

    assert patches(simulator) == [{"resources": resources(3)}]


def test_a_reduction_is_sent_although_the_service_keeps_the_count_for_a_while(
    run: Run, simulator: Simulator, h200: Resource
) -> None:
    h200.up(claim(instanceCount=3))
    run.time.sleep(10)

    assert h200.up(claim(instanceCount=1)) == "update"

    assert patches(simulator) == [{"resources": resources(1)}]
    assert h200.up(claim(instanceCount=1)) == "same"


class TestWhileTheSpecKeepsItsOldCount:
    """A service that shows the former count until the instances are released."""

    @pytest.fixture
    def reduced(self, run: Run, simulator: Simulator, h200: Resource) -> Resource:
        h200.up(claim(instanceCount=3))
        run.time.sleep(10)
        h200.up(claim(instanceCount=1))
        simulator.world.edit(h200.id, {"resources": {"instanceCount": 3}})
        # As it would have been recorded had the answer shown the former count.
        h200.outputs["reducedFrom"] = 3.0
        simulator.journal.clear()
        run.time.sleep(60)
        return h200

    def test_it_is_no_drift_and_a_refresh_says_what_is_still_billed(
        self, run: Run, reduced: Resource
    ) -> None:
        reduced.refresh()

        assert run.log.notes == ['capacity claim "h200": reduction to 1 pending, 3 still billed']
        assert reduced.outputs["resources"]["instanceCount"] == 1
        assert reduced.outputs["reducedFrom"] == 3
        assert reduced.up(claim(instanceCount=1)) == "same"

    def test_a_count_that_somebody_raised_is_no_reduction(
        self, run: Run, simulator: Simulator, reduced: Resource
    ) -> None:
        simulator.world.edit(reduced.id, {"resources": {"instanceCount": 5}})
        run.time.sleep(60)

        reduced.refresh()

        assert not any("reduction" in note for note in run.log.notes)

    def test_taking_it_back_is_sent(self, simulator: Simulator, reduced: Resource) -> None:
        assert reduced.up(claim(instanceCount=3)) == "update"

        assert patches(simulator) == [{"resources": resources(3)}]
        assert "reducedFrom" not in reduced.outputs

    def test_a_smaller_reduction_is_sent(self, simulator: Simulator, reduced: Resource) -> None:
        assert reduced.up(claim(instanceCount=2)) == "update"

        assert patches(simulator) == [{"resources": resources(2)}]

    def test_once_it_is_reached_it_is_forgotten(
        self, run: Run, simulator: Simulator, reduced: Resource
    ) -> None:
        simulator.world.edit(reduced.id, {"resources": {"instanceCount": 1}})
        run.time.sleep(60)

        reduced.refresh()

        assert "reducedFrom" not in reduced.outputs
        assert reduced.up(claim(instanceCount=1)) == "same"


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"instanceId": "gd-8xh100ib-i128"}, "resources"),
        ({"zones": ["US-WEST-04A"]}, "resources"),
        ({"capacityType": "CAPACITY_TYPE_CUSTOMER"}, "resources"),
    ],
)
def test_what_cannot_change_replaces_the_claim_and_the_new_one_comes_first(
    run: Run, h200: Resource, changes: dict[str, Any], key: str
) -> None:
    h200.up(claim())

    plan = h200.planned(claim(**changes))

    assert key in (plan.replaces or [])
    assert plan.delete_before_replace is False
    assert run.log.warnings == []


def test_with_an_explicit_name_the_old_claim_goes_first_and_the_preview_says_so(
    run: Run, h200: Resource
) -> None:
    h200.up(claim(name="mine"))

    plan = h200.planned(claim(name="mine", zones=["US-WEST-04A"]))

    assert plan.delete_before_replace is True
    assert run.log.warnings == [
        (
            'capacity claim "h200" is replaced under the same name: the old one is released before the new one is asked '
            "for; without an explicit name the new one would come first"
        )
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"capacityType": "CAPACITY_TYPE_MANAGED"},
        {"instanceId": "GD-8xH200ib-i128"},
        {"zones": ["us-east-04a"]},
    ],
)
def test_two_ways_of_writing_one_value_are_no_change(
    run: Run, simulator: Simulator, h200: Resource, other: dict[str, Any]
) -> None:
    h200.up(claim())

    assert h200.up(claim(**other)) == "same"
    run.time.sleep(60)
    h200.refresh()
    assert h200.up(claim(**other)) == "same"
    assert patches(simulator) == []


@pytest.mark.parametrize(
    ("known", "declared"), [("MANAGED", "CAPACITY_TYPE_SERVERLESS"), ("SERVERLESS", "CAPACITY_TYPE_MANAGED")]
)
def test_a_type_that_the_service_knows_by_its_other_name_is_sent_by_that(
    run: Run, simulator: Simulator, h200: Resource, known: str, declared: str
) -> None:
    simulator.behaviour = simulator.behaviour.changed({"managed_name": known})

    h200.up(claim(capacityType=declared))
    run.time.sleep(10)
    h200.up(claim(capacityType=declared, instanceCount=3))

    other = f"CAPACITY_TYPE_{known}"
    note = f"the service refuses {declared}, so its other name {other} was sent"
    assert patches(simulator)[-1] == {"resources": resources(3, other)}
    assert h200.outputs["resources"]["capacityType"] == declared
    assert run.log.notes == [note, note]


def test_any_other_error_is_reported_as_it_is(run: Run, simulator: Simulator, h200: Resource) -> None:
    simulator.behaviour = simulator.behaviour.changed({"customer_claims_refused": True})

    with pytest.raises(CoreWeave, match=r'capacity claim "h200": .*capacity_type'):
        h200.up(claim(capacityType="CAPACITY_TYPE_CUSTOMER"))

    assert len(simulator.journal.entries("POST")) == 1


def test_a_refused_quota_is_sent_once_with_the_services_words_and_what_to_do(
    run: Run, simulator: Simulator, h200: Resource
) -> None:
    quota = {"US-EAST-04A": {"gd-8xh200ib-i128": 1}}
    simulator.behaviour = simulator.behaviour.changed({"quota": quota})

    with pytest.raises(CoreWeave) as caught:
        h200.up(claim())

    assert str(caught.value).startswith('capacity claim "h200": ')
    assert "2 instances asked for, 0 of 1 in use in zone US-EAST-04A" in str(caught.value)
    assert str(caught.value).endswith(
        "; free some of the quota or have it raised, then run again; repeating alone does not help"
    )
    assert len(simulator.journal.entries("POST")) == 1


def test_a_claim_goes_after_the_deployments_that_run_on_it(
    run: Run, simulator: Simulator, h200: Resource
) -> None:
    h200.up(claim())
    simulator.behaviour = simulator.behaviour.changed({"deployment_delete_seconds": 30})
    api = Api(simulator)
    with api.http:
        api.create("gateways", gateway_body())
        body = deployment_body(resources={"instanceType": "gd-8xh200ib-i128", "gpuCount": 8})
        api.create("deployments", body)
        api.delete("deployments", body["id"])

    with run_against(simulator) as later:
        h200.destroy()
        assert sum(later.time.slept) >= 30

    assert simulator.world.records("capacityclaims") == []


@pytest.mark.parametrize(
    "body",
    [
        deployment_body(resources={"instanceType": "gb200-4x", "gpuCount": 4}),
        deployment_body(
            resources={"instanceType": "gd-8xh200ib-i128", "gpuCount": 8},
            autoscaling={"min": 1, "max": 1, "capacityClasses": ["CAPACITY_CLASS_ON_DEMAND"]},
        ),
    ],
    ids=["another instance type", "on demand only"],
)
def test_a_claim_does_not_wait_for_deployments_that_run_elsewhere(
    run: Run, simulator: Simulator, h200: Resource, body: dict[str, Any]
) -> None:
    h200.up(claim())
    simulator.behaviour = simulator.behaviour.changed({"deployment_delete_seconds": 300})
    api = Api(simulator)
    with api.http:
        api.create("gateways", gateway_body())
        api.create("deployments", body)
        api.delete("deployments", body["id"])

    with run_against(simulator) as later:
        h200.destroy()
        assert sum(later.time.slept) < later.settings.settle_seconds + 5


def test_a_claim_in_use_by_a_deployment_that_stays_is_deleted_all_the_same(
    run: Run, simulator: Simulator, h200: Resource
) -> None:
    h200.up(claim())
    api = Api(simulator)
    with api.http:
        api.create("gateways", gateway_body())
        api.create(
            "deployments", deployment_body(resources={"instanceType": "gd-8xh200ib-i128", "gpuCount": 8})
        )

    with run_against(simulator):
        h200.destroy()

    assert simulator.world.records("capacityclaims") == []
