"""Deletes, and the waits that keep requests in flight served."""

from __future__ import annotations

from typing import Any

import pytest
from coreweave_inference.errors import CannotProveGone, CoreWeaveError, Failed, Unauthorized
from coreweave_inference.model import Kind
from coreweave_inference.provider.confirmation import wait_until_deleted
from coreweave_inference.provider.deletion import TURN_SECONDS, WAITING_AT_ONCE, WHOLE_STACK, delete
from coreweave_inference.provider.session import RUN_DIRECTORY
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.faults import Fault

from tests.resources.removals import OLD, api, run
from tests.resources.service import Run, run_against
from tests.simulator.inference_fixtures import DEPLOYMENT_ID, GATEWAY_ID, Api

__all__ = ["api", "run"]


def test_a_delete_waits_until_a_404_and_looks_ever_less_often(run: Run, api: Api) -> None:
    delete(run, Kind.DEPLOYMENT, DEPLOYMENT_ID, OLD)

    assert api.call("GET", f"/deployments/{DEPLOYMENT_ID}").status_code == 404
    assert run.time.slept[:11] == [0.2] * 10 + [0.2]
    assert 45 <= sum(run.time.slept) < 52
    assert run.log.rows[0] == (OLD["__urn"], 'waiting for deployment "chat" to be deleted')


@pytest.mark.parametrize("status", ["READY", "ERROR", "FAILED", "UPDATING", "CREATING"])
def test_a_status_of_the_first_look_does_not_end_the_wait(
    run: Run, api: Api, simulator: Simulator, status: str
) -> None:
    simulator.world.set_status(DEPLOYMENT_ID, f"STATUS_{status}")

    delete(run, Kind.DEPLOYMENT, DEPLOYMENT_ID, OLD)

    assert api.call("GET", f"/deployments/{DEPLOYMENT_ID}").status_code == 404


def test_in_a_destroy_a_delete_waits_unless_others_follow(run: Run, api: Api) -> None:
    run.memory.checked.clear()
    passed, slept = run.memory.deletions + 1, run.time.slept

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        run.memory.deletions = passed + WAITING_AT_ONCE

    run.time.sleep = sleep  # type: ignore[method-assign]
    delete(run, Kind.DEPLOYMENT, DEPLOYMENT_ID, OLD)

    assert slept == [TURN_SECONDS]
    assert api.status("deployments", DEPLOYMENT_ID) == "STATUS_DELETING"
    assert run.memory.deleted == {DEPLOYMENT_ID: (Kind.DEPLOYMENT, "chat")}


def test_the_last_delete_of_a_destroy_waits_for_all_of_them(run: Run, api: Api) -> None:
    run.memory.checked.clear()
    run.api.delete(Kind.DEPLOYMENT, DEPLOYMENT_ID)
    run.memory.deleted[DEPLOYMENT_ID] = (Kind.DEPLOYMENT, "chat")

    delete(run, Kind.GATEWAY, GATEWAY_ID, {**OLD, "name": "public"})

    assert api.call("GET", f"/deployments/{DEPLOYMENT_ID}").status_code == 404
    assert api.call("GET", f"/gateways/{GATEWAY_ID}").status_code == 404


def test_in_a_destroy_of_a_whole_stack_the_settle_time_is_waited_for_once_and_by_the_account(
    run: Run, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.memory.checked.clear()
    monkeypatch.setenv(WHOLE_STACK, "1")

    delete(run, Kind.DEPLOYMENT, DEPLOYMENT_ID, OLD)
    seen = api.call("GET", f"/deployments/{DEPLOYMENT_ID}").status_code
    delete(run, Kind.GATEWAY, GATEWAY_ID, {**OLD, "name": "public"})
    confirmed, seconds = set(run.memory.confirmed_deleted), sum(run.time.slept)
    wait_until_deleted(run, dict(run.memory.deleted))

    assert (seen, confirmed) == (404, set())
    assert seconds < 2 * (30 + 5)
    assert run.memory.confirmed_deleted == {DEPLOYMENT_ID, GATEWAY_ID}
    assert 15 <= sum(run.time.slept) - seconds < 20


def revived(run: Run, simulator: Simulator, times: int) -> None:
    """The service gives the deletion of the deployment up so often, some looks after it was asked for."""
    step, left = run.time.sleep, [times]

    def sleep(seconds: float) -> None:
        step(seconds)
        record = simulator.world.find("deployments", DEPLOYMENT_ID)
        if len(run.time.slept) % 3 == 0 and left[0] and record and record.deleted_at is not None:
            simulator.world.revive(DEPLOYMENT_ID)
            left[0] -= 1

    run.time.sleep = sleep  # type: ignore[method-assign]


@pytest.mark.parametrize("hidden", [False, True])
def test_what_comes_back_while_its_deletion_is_waited_for_is_deleted_once_more(
    run: Run, api: Api, simulator: Simulator, hidden: bool
) -> None:
    simulator.behaviour = simulator.behaviour.changed({"lists_hide_deleting": hidden})
    revived(run, simulator, 1)

    delete(run, Kind.DEPLOYMENT, DEPLOYMENT_ID, OLD)

    assert api.call("GET", f"/deployments/{DEPLOYMENT_ID}").status_code == 404
    assert len(simulator.journal.entries("DELETE")) == 2


@pytest.mark.parametrize("hidden", [False, True])
def test_what_comes_back_a_second_time_is_an_error(
    run: Run, api: Api, simulator: Simulator, hidden: bool
) -> None:
    simulator.behaviour = simulator.behaviour.changed({"lists_hide_deleting": hidden})
    revived(run, simulator, 2)

    with pytest.raises(CoreWeaveError, match=f"still there.*{DEPLOYMENT_ID}, READY"):
        delete(run, Kind.DEPLOYMENT, DEPLOYMENT_ID, OLD)


def test_what_no_list_shows_and_a_get_does_is_not_deleted(run: Run, api: Api, simulator: Simulator) -> None:
    simulator.behaviour = simulator.behaviour.changed({"lists_hide_deleting": True})

    delete(run, Kind.DEPLOYMENT, DEPLOYMENT_ID, OLD)

    assert sum(run.time.slept) >= 30


@pytest.mark.parametrize("seconds", [5, 12])
def test_what_lists_and_gets_hide_for_a_moment_is_not_deleted(
    run: Run, api: Api, simulator: Simulator, seconds: int
) -> None:
    simulator.faults.add(Fault("hide", "GET", "/deployments", nth=3, count=None, seconds=seconds))

    delete(run, Kind.DEPLOYMENT, DEPLOYMENT_ID, OLD)

    assert simulator.world.find("deployments", DEPLOYMENT_ID) is None


def test_a_deletion_that_finds_nothing_for_a_moment_is_asked_for_again(
    run: Run, api: Api, simulator: Simulator
) -> None:
    simulator.faults.add(Fault("status", "DELETE", "/deployments", status=404))

    delete(run, Kind.DEPLOYMENT, DEPLOYMENT_ID, OLD)

    assert simulator.world.find("deployments", DEPLOYMENT_ID) is None


def test_a_deletion_that_finds_nothing_although_the_object_is_shown_is_asked_for_ever_less_often_until_the_deadline(
    run: Run, api: Api, simulator: Simulator
) -> None:
    simulator.faults.add(Fault("status", "DELETE", "/deployments", count=None, status=404))

    with pytest.raises(Failed, match=r'deployment "chat" is still there, although .* run again'):
        delete(run, Kind.DEPLOYMENT, DEPLOYMENT_ID, OLD)

    assert len(simulator.journal.entries("DELETE")) < 400
    assert run.memory.deleted == {}


def test_a_deletion_that_finds_nothing_of_what_is_being_deleted_was_accepted(
    run: Run, api: Api, simulator: Simulator
) -> None:
    api.delete("deployments", DEPLOYMENT_ID)
    simulator.faults.add(Fault("status", "DELETE", "/deployments", count=None, status=404))

    delete(run, Kind.DEPLOYMENT, DEPLOYMENT_ID, OLD)

    assert simulator.world.find("deployments", DEPLOYMENT_ID) is None
    assert run.memory.deleted == {DEPLOYMENT_ID: (Kind.DEPLOYMENT, "chat")}


def test_a_gateway_in_use_by_what_no_list_shows_is_asked_for_again(
    run: Run, api: Api, simulator: Simulator
) -> None:
    simulator.behaviour = simulator.behaviour.changed({"lists_hide_deleting": True})
    api.delete("deployments", DEPLOYMENT_ID)

    delete(run, Kind.GATEWAY, GATEWAY_ID, {**OLD, "name": "public"})

    assert api.call("GET", f"/gateways/{GATEWAY_ID}").status_code == 404
    assert sum(run.time.slept) >= 60


def test_what_is_missing_and_proven_deleted_is_deleted(run: Run, api: Api) -> None:
    delete(run, Kind.DEPLOYMENT, "99999999-9999-4999-8999-999999999999", OLD)

    assert run.memory.deleted == {}


def test_what_is_missing_without_proof_is_an_error(run: Run, api: Api) -> None:
    with pytest.raises(CannotProveGone, match='deployment "chat" of organization another is not found'):
        delete(
            run, Kind.DEPLOYMENT, "99999999-9999-4999-8999-999999999999", {**OLD, "organizationId": "another"}
        )


def test_a_refused_delete_names_the_object_and_quotes_the_service(run: Run, api: Api) -> None:
    with pytest.raises(CoreWeaveError) as caught:
        delete(run, Kind.GATEWAY, GATEWAY_ID, {"name": "public"})

    assert str(caught.value).startswith('gateway "public": ')
    assert "is in use by deployments" in str(caught.value)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", "GET", "/deployments$", count=3, status=503),
        Fault("reset", "GET", "/deployments$", count=3),
        Fault("status", "GET", "/deployments$", count=3, status=429),
    ],
    ids=["503", "reset", "429"],
)
def test_a_blip_does_not_end_the_wait(simulator: Simulator, api: Api, fault: Fault) -> None:
    simulator.faults.add(fault)

    with run_against(simulator, COREWEAVE_RETRY_SECONDS="0") as run:
        delete(run, Kind.DEPLOYMENT, DEPLOYMENT_ID, OLD)

    assert api.call("GET", f"/deployments/{DEPLOYMENT_ID}").status_code == 404


def test_a_token_that_is_refused_ends_the_wait(simulator: Simulator, api: Api) -> None:
    simulator.faults.add(Fault("status", "GET", "/deployments$", status=401))

    with run_against(simulator) as run, pytest.raises(Unauthorized):
        wait_until_deleted(run, {DEPLOYMENT_ID: (Kind.DEPLOYMENT, "chat")})


def test_what_does_not_go_is_named_at_the_deadline(simulator: Simulator, api: Api) -> None:
    for kind in ("gateways", "deployments"):
        for record in simulator.world.records(kind):  # type: ignore[arg-type]
            simulator.world.delete(record)
    with run_against(simulator, COREWEAVE_GONE_DEADLINE_SECONDS="20") as run:
        with pytest.raises(CoreWeaveError) as caught:
            wait_until_deleted(
                run, {GATEWAY_ID: (Kind.GATEWAY, "public"), DEPLOYMENT_ID: (Kind.DEPLOYMENT, "chat")}
            )
        assert sum(run.time.slept) == pytest.approx(20.0, abs=0.01)

    assert str(caught.value) == (
        'deployment "chat", gateway "public" are deleted but not confirmed after 20 s; run again to wait on'
    )


def test_a_service_that_never_answers_is_reported_at_the_deadline(simulator: Simulator, api: Api) -> None:
    simulator.faults.add(Fault("status", "GET", "/deployments$", count=None))
    environ = {"COREWEAVE_GONE_DEADLINE_SECONDS": "1", "COREWEAVE_RETRY_SECONDS": "0"}

    with run_against(simulator, **environ) as run, pytest.raises(CoreWeaveError) as caught:
        wait_until_deleted(run, {DEPLOYMENT_ID: (Kind.DEPLOYMENT, "chat")})

    assert str(caught.value) == "nothing could be seen yet after 1 s; run again to wait on"


def test_a_run_that_is_stopped_says_what_it_waited_for(
    run: Run, api: Api, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUN_DIRECTORY, str(tmp_path))
    (tmp_path / "stop").touch()

    with pytest.raises(CoreWeaveError) as caught:
        delete(run, Kind.DEPLOYMENT, DEPLOYMENT_ID, OLD)

    assert (
        str(caught.value)
        == 'stopped waiting: deployment "chat" is deleted but not confirmed; run again to go on'
    )
    assert run.time.slept == []


def test_nothing_to_wait_for_asks_nobody(run: Run, simulator: Simulator) -> None:
    wait_until_deleted(run, {})

    assert simulator.journal.entries() == []
