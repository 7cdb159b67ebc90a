"""Reads that lag behind or spell ids otherwise, and answers with another object.

What is missing for a moment is neither forgotten nor made twice.
"""

from __future__ import annotations

from tests.engine.declarations import CLAIM, GATEWAY, edited, stack
from tests.engine.workbench import Workbench

GATEWAYS = {"version": 1, "gateways": {"public": GATEWAY, "second": GATEWAY}}
CLAIM_ONLY = {"version": 1, "capacityClaims": {"h200": CLAIM}}
LISTED = "gateways$"


def test_a_creation_whose_answer_is_lost_while_lists_lag_leaves_no_orphan(workbench: Workbench) -> None:
    service = workbench.service
    workbench.bring_up(CLAIM_ONLY)
    workbench.declare({**CLAIM_ONLY, "gateways": {"public": GATEWAY}})
    service.misbehave("lose-answer", "POST", LISTED)
    service.misbehave("hide", "GET", LISTED, count=None, seconds=0.5)

    first = workbench.up()
    ids = [record.id for record in service.simulator.world.records("gateways")]
    recorded = workbench.state().get("public", {}).get("id")
    service.simulator.faults.clear()
    workbench.declare(CLAIM_ONLY)
    without = workbench.up()

    assert first.ok, first.errors
    assert ids == [recorded]
    assert without.ok, without.errors
    assert service.live("gateways") == {}


def test_what_lists_and_gets_hide_for_a_moment_of_a_refresh_stays_in_the_state(workbench: Workbench) -> None:
    service = workbench.service
    workbench.bring_up(GATEWAYS)
    before = workbench.state()
    service.misbehave("hide", "GET", "/gateways", count=None, seconds=0.4)

    refreshed, quiet = workbench.refresh(), workbench.up("--refresh")

    assert refreshed.ok, refreshed.errors
    assert refreshed.drift == {}
    assert {name: found["id"] for name, found in workbench.state().items()} == {
        name: found["id"] for name, found in before.items()
    }
    assert (quiet.ok, quiet.changes, quiet.writes) == (True, {}, {})


def test_a_creation_that_is_answered_with_another_object_never_records_that_one(workbench: Workbench) -> None:
    service, world = workbench.service, workbench.service.simulator.world
    strangers = {**GATEWAY, "id": "5f1c0f6a-0000-4000-8000-000000000000", "name": "strangers"}
    world.create("gateways", "ab1cd2", strangers)
    workbench.declare(edited(GATEWAYS, {"gateways": {"second": None}}))
    service.misbehave("wrong-object", "POST", LISTED, count=None)

    first = workbench.up()
    ids = {record.id for record in world.records("gateways")} - {strangers["id"]}
    recorded = workbench.state()["public"]["id"]
    down = workbench.destroy()

    assert first.ok, first.errors
    assert {recorded} == ids
    assert down.ok, down.errors
    assert service.account()["gateways"] == ["strangers"]


def test_what_is_being_deleted_and_hidden_for_a_moment_is_not_called_deleted(workbench: Workbench) -> None:
    service = workbench.service
    workbench.bring_up(edited(GATEWAYS, {"gateways": {"second": None}}))
    service.turn(gateway_delete_seconds=2.0)
    with workbench.going_down() as running:
        running.sent("DELETE", "/gateways/")
        service.misbehave("hide", "GET", "/gateways", count=None, seconds=0.4)
        down = running.finish()

    assert down.ok, down.errors
    assert workbench.state() == {}
    assert "gateways" not in service.account()


def test_ids_in_upper_case_are_the_same_ids(workbench: Workbench) -> None:
    service = workbench.service
    workbench.bring_up(stack())
    ids = [
        found["spec"]["id"] for kind in ("gateways", "deployments") for found in service.live(kind).values()
    ]
    upper = {id_: id_.upper() for id_ in ids}
    service.misbehave("rename-enums", "GET", "/inference/", count=None, names=upper)

    quiet = workbench.up("--refresh")
    down = workbench.destroy()

    assert (quiet.ok, quiet.changes, quiet.drift, quiet.writes) == (True, {}, {}, {})
    assert down.ok, down.errors
    assert service.account() == {"buckets": ["acme-weights"]}
