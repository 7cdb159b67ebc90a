"""Rollouts that fail, and what fixes them."""

from __future__ import annotations

from typing import Any

from tests.engine.declarations import CLAIM, stack
from tests.engine.workbench import Service, Workbench


def test_a_failed_change_is_fixed_by_the_weights_by_another_path_and_by_taking_it_back(
    workbench: Workbench,
) -> None:
    service = workbench.service
    workbench.bring_up(stack())
    before = _identity(service)

    workbench.declare(_with_path("models/late"))
    failed = workbench.up()
    service.put_weights("models/late")
    by_weights = workbench.up()
    workbench.declare(_with_path("models/nowhere"))
    failed_again = workbench.up()
    service.turn(stale_status_seconds=0.5)
    workbench.declare(_with_path("models/chat-v2"))
    by_path = workbench.up()
    workbench.declare(_with_path("models/nowhere"))
    failed_once_more = workbench.up()
    workbench.declare(_with_path("models/chat-v2"))
    taken_back = workbench.up()
    quiet = workbench.up()

    for run, path in ((failed, "late"), (failed_again, "nowhere"), (failed_once_more, "nowhere")):
        assert not run.ok
        assert (
            f'ModelNotFound: model not found: bucket "acme-weights" holds no objects under path "models/{path}"'
            in (run.output)
        )
    for run in (by_weights, by_path, taken_back):
        assert run.ok, run.errors
        assert run.writes == {"PATCH deployments": 1}
    assert by_weights.changes == {"ready": 'update objects["deployment chat"].revision'}
    assert (quiet.changes, quiet.writes) == ({}, {})
    assert _identity(service) == before
    assert service.live("deployments")["chat-serving-dev"]["status"]["status"] == "STATUS_READY"


def test_a_deployment_without_weights_is_not_made_and_the_message_says_how_to_push_them(
    workbench: Workbench,
) -> None:
    workbench.declare(_with_path("models/late"))

    refused = workbench.up()
    account = workbench.service.account()
    workbench.service.put_weights("models/late")
    fixed = workbench.up()

    assert not refused.ok
    assert "cw-inference weights push FOLDER acme-weights models/late" in refused.output
    assert "deployments" not in account
    assert fixed.ok, fixed.errors
    assert fixed.writes == {"POST deployments": 1}


def test_a_deployment_without_a_policy_fails_the_run_stays_in_the_state_and_is_fixed_by_the_policy(
    workbench: Workbench,
) -> None:
    service = workbench.service
    service.turn(missing_policy="failed")
    workbench.declare(stack(buckets={"weights": {"policy": None}}))

    failed = workbench.up()
    made = _identity(service)
    in_state = workbench.state()["chat"]["id"]
    workbench.declare(stack())
    fixed = workbench.up()

    assert not failed.ok
    assert "WeightsNotReadable" in failed.output
    assert in_state == made["chat-serving-dev"][0]
    assert fixed.ok, fixed.errors
    assert fixed.writes == {"PUT acme-weights?policy": 1, "PATCH deployments": 1}
    assert _identity(service) == made


def test_a_ready_deployment_that_could_only_answer_520_fails_the_run_too(workbench: Workbench) -> None:
    workbench.declare(stack(buckets={"weights": {"policy": None}}))

    failed = workbench.up()
    workbench.declare(stack())
    fixed = workbench.up()

    assert not failed.ok
    assert "is READY, but the inference service may not read" in failed.output
    assert fixed.ok, fixed.errors
    assert fixed.writes == {"PUT acme-weights?policy": 1}


def test_an_update_that_goes_on_after_a_failure_deletes_nothing(workbench: Workbench) -> None:
    """The engine leaves `Readiness` out then: what must not be deleted is not checked, and nothing is waited for."""
    workbench.declare(_claims(old=1))
    workbench.up()
    workbench.service.misbehave("status", "POST", "capacityclaims", status=400, count=None)

    workbench.declare(_claims(new=1))
    went_on = workbench.up("--continue-on-error")
    workbench.declare(_claims(old=2, new=1))
    changed = workbench.up("--continue-on-error")
    workbench.service.simulator.faults.clear()
    workbench.declare(_claims(new=1))
    fixed = workbench.up()

    assert not went_on.ok
    assert went_on.writes == {"POST capacityclaims": 1}
    assert 'capacity claim "old": not deleted, because something of this run failed before' in went_on.output
    assert not changed.ok
    assert "unexpected" not in changed.output
    assert fixed.ok, fixed.errors
    assert fixed.writes == {"POST capacityclaims": 1, "DELETE capacityclaims": 1}


def _claims(**counts: int) -> dict[str, Any]:
    return {
        "version": 1,
        "capacityClaims": {key: {**CLAIM, "instanceCount": n} for key, n in counts.items()},
    }


def _with_path(path: str) -> dict[str, Any]:
    return stack(deployments={"chat": {"model": {"path": path}}})


def _identity(service: Service) -> dict[str, tuple[str, str]]:
    """Id and creation of each live deployment: neither changes while nothing is replaced."""
    live = service.live("deployments")
    return {name: (item["spec"]["id"], item["status"]["createdAt"]) for name, item in live.items()}
