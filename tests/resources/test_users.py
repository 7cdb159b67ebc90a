"""What is used by deployments waits until those are deleted, and refuses where they stay."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from coreweave_inference.api.client import ApiObject
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.model import Kind
from coreweave_inference.provider.memory import STACK_IDS
from coreweave_inference.provider.users import references, wait_for_users
from coreweave_inference.simulator import Simulator

from tests.resources.removals import api, run
from tests.resources.service import Run, run_against
from tests.simulator.inference_fixtures import DEPLOYMENT_ID, GATEWAY_ID, Api

__all__ = ["api", "run"]


def behind(gateway_id: str) -> Callable[[ApiObject], bool]:
    return lambda live: gateway_id in references(live, "gatewayIds")


def test_users_that_are_going_are_waited_for(run: Run, api: Api) -> None:
    api.delete("deployments", DEPLOYMENT_ID)

    wait_for_users(run, 'gateway "public"', "urn:gw", behind(GATEWAY_ID), refuse_live=True)

    assert 30 <= sum(run.time.slept) < 34
    assert run.log.rows[0] == ("urn:gw", 'waiting for deployment "chat" to be deleted')


def test_a_user_that_no_list_shows_while_it_is_deleted_is_waited_for_too(
    run: Run, api: Api, simulator: Simulator
) -> None:
    simulator.behaviour = simulator.behaviour.changed({"lists_hide_deleting": True})
    api.delete("deployments", DEPLOYMENT_ID)
    run.memory.deleted[DEPLOYMENT_ID] = (Kind.DEPLOYMENT, "chat")

    wait_for_users(run, 'gateway "public"', "urn:gw", behind(GATEWAY_ID), refuse_live=True)

    assert 30 <= sum(run.time.slept) < 34


@pytest.mark.parametrize("declared", [False, True])
def test_a_user_of_the_stack_that_is_not_declared_has_the_settle_time_to_begin_its_deletion(
    run: Run, api: Api, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, declared: bool
) -> None:
    monkeypatch.setenv(STACK_IDS, f"another,{DEPLOYMENT_ID}")
    run.memory.managed_ids |= {DEPLOYMENT_ID} if declared else set()
    step = run.time.sleep

    def sleep(seconds: float) -> None:
        step(seconds)
        record = simulator.world.find("deployments", DEPLOYMENT_ID)
        if sum(run.time.slept) >= 3 and record is not None and record.deleted_at is None:
            simulator.world.delete(record)

    run.time.sleep = sleep  # type: ignore[method-assign]
    if declared:
        with pytest.raises(CoreWeaveError, match="which this run does not delete"):
            wait_for_users(run, 'gateway "public"', "urn:gw", behind(GATEWAY_ID), refuse_live=True)
        assert run.time.slept == []
    else:
        wait_for_users(run, 'gateway "public"', "urn:gw", behind(GATEWAY_ID), refuse_live=True)
        assert simulator.world.find("deployments", DEPLOYMENT_ID) is None


def test_a_user_that_does_not_go_is_named_with_who_waits_for_it(simulator: Simulator, api: Api) -> None:
    api.delete("deployments", DEPLOYMENT_ID)

    hasty = run_against(simulator, COREWEAVE_GONE_DEADLINE_SECONDS="1")
    with hasty as run, pytest.raises(CoreWeaveError) as caught:
        wait_for_users(run, 'gateway "public"', "", behind(GATEWAY_ID), refuse_live=True)

    assert str(caught.value) == (
        'deployment "chat" is deleted but not confirmed, and gateway "public" waits for that after 1 s; run again to wait on'
    )


def test_a_user_that_stays_is_named_or_left_alone(run: Run, api: Api) -> None:
    with pytest.raises(CoreWeaveError) as caught:
        wait_for_users(run, 'gateway "public"', "", behind(GATEWAY_ID), refuse_live=True)
    wait_for_users(run, 'gateway "public"', "", lambda live: False, refuse_live=True)

    assert str(caught.value) == (
        'gateway "public" is still used by deployment chat, which this run does not delete; delete that first, or '
        "move it away"
    )
    assert run.time.slept == []


def test_a_value_of_a_live_spec_is_found_by_its_path(api: Api, run: Run) -> None:
    (live,) = run.api.list(Kind.DEPLOYMENT)

    assert references(live, "model", "bucket") == "acme-weights"
    assert references(live, "model", "bucket", "deeper") is None
    assert references(live, "absent", "path") is None
