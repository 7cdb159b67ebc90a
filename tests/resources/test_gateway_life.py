"""A gateway's life against the simulated service: created, changed, drifted, replaced, deleted."""

from __future__ import annotations

import pytest
from coreweave_inference.host.dynamic import CoreWeave
from coreweave_inference.resources.gateway import GatewayProvider
from coreweave_inference.simulator import Simulator

from tests.resources.engine_steps import Resource
from tests.resources.service import ORGANIZATION, ZONE, Run, gateway, patches, run_against, urn

BOTH_NAMES = {"additionalDns": ["a.example.com", "b.example.com"]}
ONE_NAME = {"additionalDns": ["a.example.com"]}


@pytest.fixture
def public() -> Resource:
    return Resource(GatewayProvider())


def test_a_creation_waits_for_its_endpoint_and_records_what_is_needed(
    run: Run, simulator: Simulator, public: Resource
) -> None:
    news = gateway()

    assert public.up(news) == "create"

    assert public.id == news["apiId"]
    assert public.outputs == {
        "name": "public-acme-dev",
        "zones": [ZONE],
        "coreWeaveAuth": {},
        "bodyBasedRouting": {},
        "__identity": '{"name":null}',
        "__derivedName": "public-acme-dev",
        "__urn": urn("Gateway", "public"),
        "apiId": public.id,
        "apiEndpoint": simulator.url,
        "organizationId": ORGANIZATION,
        "createdAt": public.outputs["createdAt"],
        "revision": public.outputs["revision"],
        "format": 1.0,
        "endpoints": [f"{simulator.url}/gateways/{public.id}"],
    }
    assert 0.5 <= sum(run.time.slept) < 1


def test_the_same_program_twice_changes_nothing_and_sends_nothing(
    run: Run, simulator: Simulator, public: Resource
) -> None:
    public.up(gateway())
    simulator.journal.clear()

    assert public.up(gateway()) == "same"
    assert public.up(gateway(zones=[ZONE.lower()])) == "same"
    assert public.up(gateway(bodyBasedRouting={})) == "same"
    assert simulator.journal.entries("PATCH") == []


def test_a_change_is_one_complete_patch(run: Run, simulator: Simulator, public: Resource) -> None:
    public.up(gateway())

    assert public.up(gateway(bodyBasedRouting=None, headerBasedRouting={"headerName": "x-model"})) == "update"

    assert patches(simulator) == [
        {
            "name": "public-acme-dev",
            "zones": [ZONE],
            "coreWeaveAuth": {},
            "endpointConfiguration": {"additionalDns": []},
            "headerBasedRouting": {"headerName": "x-model"},
        }
    ]
    assert public.up(gateway(bodyBasedRouting=None, headerBasedRouting={"headerName": "x-model"})) == "same"


def test_a_creation_that_gets_no_endpoint_in_time_keeps_its_id_and_warns(
    simulator: Simulator, public: Resource
) -> None:
    simulator.behaviour = simulator.behaviour.changed({"gateway_create_seconds": 3600})

    with run_against(simulator, COREWEAVE_GATEWAY_DEADLINE_SECONDS="60") as run:
        public.up(gateway())

        assert run.log.warnings == [
            (
                'gateway "public" was accepted, but: not READY after 60 s: Ready=False Reconciling: Gateway is being '
                f"reconciled ({ZONE})"
            )
        ]
    assert public.id == gateway()["apiId"]
    assert public.outputs["endpoints"] == []


def test_a_name_that_is_taken_out_is_reported_once_and_not_tried_again(
    run: Run, simulator: Simulator, public: Resource
) -> None:
    public.up(gateway(endpointConfiguration=BOTH_NAMES))

    assert public.up(gateway(endpointConfiguration=ONE_NAME)) == "update"

    assert len(patches(simulator)) == 1
    assert run.log.warnings == [
        (
            'gateway "public": the removed DNS names b.example.com remain, since the service only adds; replace the '
            "gateway to drop them"
        )
    ]
    assert public.outputs["keptDns"] == ["b.example.com"]
    assert public.outputs["endpointConfiguration"] == ONE_NAME
    assert public.up(gateway(endpointConfiguration=ONE_NAME)) == "same"
    assert public.refresh()
    assert public.up(gateway(endpointConfiguration=ONE_NAME)) == "same"
    assert public.up(gateway(endpointConfiguration=BOTH_NAMES)) == "update"
    assert "keptDns" not in public.outputs


def test_a_zone_taken_away_outside_shows_after_a_refresh_and_is_put_back(
    run: Run, simulator: Simulator, public: Resource
) -> None:
    public.up(gateway())
    simulator.world.edit(public.id, {"zones": ["RNO2A"]})

    run.time.sleep(60)
    assert public.refresh()

    assert public.inputs["zones"] == public.outputs["zones"] == ["RNO2A"]
    assert public.planned(gateway()).changes is None
    assert public.up(gateway()) == "update"
    assert patches(simulator)[-1]["zones"] == [ZONE]


def test_without_a_refresh_what_others_changed_is_not_overwritten(
    run: Run, simulator: Simulator, public: Resource
) -> None:
    public.up(gateway(zones=None))
    simulator.world.edit(public.id, {"endpointConfiguration": {"additionalDns": ["theirs.example.com"]}})

    with pytest.raises(CoreWeave) as caught:
        public.up(gateway(zones=None, endpointConfiguration={"additionalDns": ["ours.example.com"]}))

    assert str(caught.value) == (
        'gateway "public" was changed outside since the last refresh: endpointConfiguration.additionalDns: [] -> '
        '["theirs.example.com"] (last seen -> live); nothing was written, because it would undo that; run again with '
        "--refresh to see it in the preview first"
    )
    assert patches(simulator) == []


def test_another_name_gives_the_old_one_up_only_after_the_new_one_is_there(
    simulator: Simulator, public: Resource
) -> None:
    with run_against(simulator):
        public.up(gateway(name="edge"))
    first = public.id

    with run_against(simulator):
        plan = public.planned(gateway(name="edge-2"))
        assert public.up(gateway(name="edge-2")) == "replace"

    assert (plan.replaces, plan.delete_before_replace) == (["name"], False)
    assert public.id != first
    writes = [entry.method for entry in simulator.journal.entries(path="/gateways") if entry.method != "GET"]
    assert writes == ["POST", "POST", "DELETE"]
    assert [record.spec["name"] for record in simulator.world.records("gateways")] == ["edge-2"]


def test_declaring_the_name_that_it_has_already_replaces_nothing(run: Run, public: Resource) -> None:
    public.up(gateway())
    first = public.id

    assert public.up(gateway(name="public-acme-dev")) == "same"

    assert public.id == first == public.inputs["apiId"]


def test_a_rename_made_outside_is_drift_and_no_replacement(
    run: Run, simulator: Simulator, public: Resource
) -> None:
    public.up(gateway())
    simulator.world.edit(public.id, {"name": "renamed"})
    run.time.sleep(60)
    public.refresh()

    assert public.outputs["name"] == "renamed"
    plan = public.planned(gateway())
    assert (plan.changes, plan.replaces) == (None, None)
    assert public.up(gateway()) == "update"
    assert patches(simulator)[-1]["name"] == "public-acme-dev"
