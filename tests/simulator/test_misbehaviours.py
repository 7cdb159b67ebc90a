"""Heartbeats, lists that leave out what is being deleted, and deletions that are abandoned."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from coreweave_inference.simulator import Behaviour, Simulator
from coreweave_inference.simulator.clock import Clock

from tests.simulator.inference_fixtures import GATEWAY_ID, Api, gateway


@pytest.fixture
def api() -> Iterator[Api]:
    with Simulator(
        Behaviour(gateway_delete_seconds=30.0), clock=Clock(speed=0, start=1_800_000_000.0)
    ) as simulator:
        found = Api(simulator)
        with found.http:
            found.create("gateways", gateway())
            simulator.clock.advance(10)
            yield found


def test_a_heartbeat_moves_updated_at_and_no_condition(api: Api) -> None:
    def status() -> dict[str, object]:
        found: dict[str, object] = api.call("GET", f"/gateways/{GATEWAY_ID}").json()["gateway"]["status"]
        return found

    before = status()
    api.simulator.behaviour = api.simulator.behaviour.changed({"heartbeat_seconds": 2.0})
    after = status()

    assert after["updatedAt"] != before["updatedAt"]
    assert after["conditions"] == before["conditions"]
    assert after["status"] == before["status"]


def test_a_list_may_leave_out_what_is_being_deleted_and_a_get_shows_it(api: Api) -> None:
    api.simulator.behaviour = api.simulator.behaviour.changed({"lists_hide_deleting": True})
    api.delete("gateways", GATEWAY_ID)

    assert api.call("GET", "/gateways").json() == {}
    assert api.status("gateways", GATEWAY_ID) == "STATUS_DELETING"


def test_what_is_revived_is_there_as_it_was(api: Api) -> None:
    api.delete("gateways", GATEWAY_ID)
    api.simulator.world.revive(GATEWAY_ID)
    api.simulator.clock.advance(60)

    assert api.status("gateways", GATEWAY_ID) == "STATUS_READY"
