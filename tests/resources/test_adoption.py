"""A create meets its own id or its name: what it finds decides what it does."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from coreweave_inference.api import ApiObject
from coreweave_inference.resources.adoption import Decision, Refuse, Salt, TakeOver, WaitUntilGone, decide
from coreweave_inference.spec import Kind
from coreweave_inference.spec.identity import salted

NOW = 1_800_000_000.0
OWN = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"


def found(id_: str, name: str = "chat-dev", age_seconds: float = 0.0, **fields: Any) -> ApiObject:
    created = datetime.fromtimestamp(NOW - age_seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return ApiObject(
        Kind.DEPLOYMENT, id_, name, {"name": name}, **{"created_at": created, "status": "READY", **fields}
    )


def decided(*live: ApiObject, may_take_over: frozenset[str] = frozenset()) -> Decision:
    return decide(Kind.DEPLOYMENT, OWN, {"name": "chat-dev"}, live, NOW, may_take_over)


@pytest.mark.parametrize("status", ["CREATING", "READY", "FAILED", "ERROR", "UPDATING"])
@pytest.mark.parametrize("age_seconds", [0, 3599, 3600])
def test_an_object_of_our_id_that_is_an_hour_old_at_most_is_taken_over(
    status: str, age_seconds: float
) -> None:
    ours = found(OWN, age_seconds=age_seconds, status=status)

    assert decided(ours) == TakeOver(ours)


def test_one_that_our_clock_has_not_reached_yet_is_taken_over_too() -> None:
    ours = found(OWN, age_seconds=-120)

    assert decided(ours) == TakeOver(ours)


def test_one_that_an_earlier_run_had_to_salt_is_ours_too() -> None:
    ours = found(salted(OWN))

    assert decided(ours) == TakeOver(ours)


def test_our_id_wins_over_a_namesake_and_the_name_does_not_matter() -> None:
    ours = found(OWN, name="renamed")

    assert decided(found(OTHER), ours) == TakeOver(ours)


@pytest.mark.parametrize("fields", [{"age_seconds": 3601}, {"created_at": ""}])
def test_an_older_one_is_refused_with_the_causes_and_the_way_through(fields: dict[str, Any]) -> None:
    decision = decided(found(OWN, **fields))

    assert isinstance(decision, Refuse)
    for words in ("state was lost", "another state file", "alias", f"COREWEAVE_TAKE_OVER={OWN}"):
        assert words in decision.why


def test_an_older_one_that_the_user_allows_is_taken_over() -> None:
    ours = found(OWN, age_seconds=1e6)

    assert decided(ours, may_take_over=frozenset({OWN})) == TakeOver(ours)


@pytest.mark.parametrize("id_", [OWN, salted(OWN), OTHER])
@pytest.mark.parametrize("may_take_over", [frozenset(), frozenset({OWN})])
def test_a_predecessor_that_is_going_is_waited_for(id_: str, may_take_over: frozenset[str]) -> None:
    going = found(id_, age_seconds=1e6, status="DELETING")

    assert decided(going, may_take_over=may_take_over) == WaitUntilGone(going)


def test_a_name_in_use_under_another_id_is_refused_whatever_its_age() -> None:
    assert decided(found(OTHER)) == Refuse(
        f'the name "chat-dev" is in use by deployment {OTHER}, which is not known to be this stack\'s; give this one '
        "another name, delete that one, or import it into the stack; if a replacement here was cut short and left it, "
        f"`cw-inference up` or COREWEAVE_TAKE_OVER={OTHER} takes it back"
    )


def test_a_namesake_under_another_id_that_may_be_taken_over_is() -> None:
    namesake = found(OTHER, age_seconds=1e6)

    assert decided(namesake, may_take_over=frozenset({OTHER})) == TakeOver(namesake)


@pytest.mark.parametrize(
    ("instance", "zones", "possible"),
    [
        ("gd-8xh200ib-i128", ["US-EAST-04A"], True),
        ("GD-8xH200ib-i128", ["us-east-04a"], True),
        ("gd-8xh100ib-i128", ["US-EAST-04A"], False),
        ("gd-8xh200ib-i128", ["US-WEST-04A"], False),
    ],
)
def test_a_namesake_that_cannot_become_what_is_declared_is_refused_though_it_may_be_taken_over(
    instance: str, zones: list[str], possible: bool
) -> None:
    def claim(instance: str, zones: list[str]) -> dict[str, Any]:
        resources = {"instanceId": instance, "capacityType": "CAPACITY_TYPE_SERVERLESS", "zones": zones}
        return {"name": "burst", "resources": {**resources, "instanceCount": 1}}

    live = ApiObject(Kind.CAPACITY_CLAIM, OTHER, "burst", claim(instance, zones), status="READY")
    declared = claim("gd-8xh200ib-i128", ["US-EAST-04A"])

    decision = decide(Kind.CAPACITY_CLAIM, OWN, declared, [live], NOW, frozenset({OTHER}))

    assert decision == TakeOver(live) if possible else isinstance(decision, Refuse)
    if isinstance(decision, Refuse):
        assert "resources.instanceId" in decision.why


def test_an_id_that_is_refused_and_nowhere_to_be_found_is_salted() -> None:
    assert decided(found(OTHER, name="else")) == Salt()
