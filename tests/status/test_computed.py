"""A live object goes in, its state and the reason come out."""

from __future__ import annotations

import pytest
from coreweave_inference.api.client import ApiObject, Condition
from coreweave_inference.model import Kind
from coreweave_inference.status.computed import State, compute

NOW = 1_800_000_000.0
A_MINUTE_AGO = "2027-01-15T07:59:00Z"
A_SECOND_AGO = "2027-01-15T07:59:59Z"
IDLE = Condition(
    "Ready", False, "ModelNotFound", "no object under models/chat", last_update_time=A_MINUTE_AGO
)


def live(kind: Kind, status: str, *conditions: Condition, **more: object) -> ApiObject:
    spec = {"name": "one", **more.pop("spec", {})}  # type: ignore[dict-item]
    return ApiObject(kind, "id", "one", spec, status, conditions, **more)  # type: ignore[arg-type]


def claim(count: int, **more: object) -> ApiObject:
    return live(
        Kind.CAPACITY_CLAIM,
        more.pop("status", "READY"),
        *more.pop("conditions", ()),
        spec={"resources": {"instanceCount": count}},
        **more,
    )  # type: ignore[arg-type, misc]


DISABLED = {"spec": {"disabled": True}}
APPLIED = Condition("ResourcesApplied", True, "Applied")


@pytest.mark.parametrize(
    ("seen", "state", "reason"),
    [
        (live(Kind.DEPLOYMENT, "READY"), State.CURRENT, ""),
        (
            live(Kind.DEPLOYMENT, "CREATING", IDLE),
            State.IN_PROGRESS,
            "Ready=False ModelNotFound: no object under models/chat",
        ),
        (live(Kind.DEPLOYMENT, "UPDATING"), State.IN_PROGRESS, "UPDATING"),
        (live(Kind.DEPLOYMENT, "UNSPECIFIED"), State.IN_PROGRESS, "UNSPECIFIED"),
        (
            live(Kind.DEPLOYMENT, "FAILED", IDLE),
            State.FAILED,
            "FAILED: Ready=False ModelNotFound: no object under models/chat",
        ),
        (live(Kind.DEPLOYMENT, "DELETING"), State.TERMINATING, "is being deleted"),
        (live(Kind.DEPLOYMENT, "UPDATING", APPLIED, **DISABLED), State.CURRENT, "disabled"),
        (live(Kind.GATEWAY, "READY"), State.IN_PROGRESS, "READY without an endpoint"),
        (live(Kind.GATEWAY, "READY", endpoints=("https://one",)), State.CURRENT, ""),
        (claim(3, allocated_instances=1, pending_instances=2), State.CURRENT, "1 allocated, 2 pending"),
        (claim(1, allocated_instances=3), State.CURRENT, "reduction to 1 pending, 3 still billed"),
        (
            claim(
                1,
                status="FAILED",
                conditions=(Condition("Ready", False, "WaitingForQuota", "no quota is left"),),
            ),
            State.IN_PROGRESS,
            "Ready=False WaitingForQuota: no quota is left",
        ),
    ],
)
def test_the_state_follows_from_status_and_conditions(seen: ApiObject, state: State, reason: str) -> None:
    found = compute(seen.kind, seen, NOW, 15.0)

    assert (found.state, found.reason) == (state, reason)


@pytest.mark.parametrize(
    ("updated", "state"),
    [(A_SECOND_AGO, State.IN_PROGRESS), (A_MINUTE_AGO, State.FAILED), ("", State.FAILED)],
)
def test_an_error_is_failed_once_it_is_older_than_the_settle_time(updated: str, state: State) -> None:
    error = Condition("Ready", False, "CrashLoop", "exit code 1", last_update_time=updated)

    found = compute(Kind.DEPLOYMENT, live(Kind.DEPLOYMENT, "ERROR", error), NOW, 15.0)

    assert found.state is state
    assert "CrashLoop: exit code 1" in found.reason


def test_what_no_list_shows_is_not_found() -> None:
    assert compute(Kind.DEPLOYMENT, None, NOW, 15.0).state is State.NOT_FOUND
