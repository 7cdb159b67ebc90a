"""A create meets its own id or its name: what it finds decides what it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from coreweave_inference.api.client import ApiObject
from coreweave_inference.model import Kind
from coreweave_inference.model.identity import salted
from coreweave_inference.provider.adoption import (
    Adopt,
    Decision,
    Proof,
    Refuse,
    Salt,
    WaitUntilDeleted,
    decide,
)

NOW = 1_800_000_000.0
OWN = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
SPEC = {"name": "chat-dev", "model": {"name": "acme/chat"}}


def found(id_: str, name: str = "chat-dev", age_seconds: float = 0.0, **fields: Any) -> ApiObject:
    created = datetime.fromtimestamp(NOW - age_seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return ApiObject(
        Kind.DEPLOYMENT,
        id_,
        name,
        {**SPEC, "name": name},
        **{"created_at": created, "status": "READY", **fields},
    )


def decided(*live: ApiObject, declared: Mapping[str, Any] = SPEC, **proof: Any) -> Decision:
    return decide(Kind.DEPLOYMENT, OWN, declared, live, Proof(**proof))


@pytest.mark.parametrize("id_", [OWN, OWN.upper(), salted(OWN)])
def test_our_id_alone_proves_nothing_whatever_the_age(id_: str) -> None:
    for age_seconds in (-120, 0, 3600, 1e6):
        decision = decided(found(id_, age_seconds=age_seconds), now=NOW)

        assert isinstance(decision, Refuse)
        for words in ("another state", "renamed stack", f"COREWEAVE_TAKE_OVER={id_}"):
            assert words in decision.why


@pytest.mark.parametrize("id_", [OWN, salted(OWN)])
@pytest.mark.parametrize("age_seconds", [0, 1e6])
def test_what_the_state_or_the_user_names_is_adopted_whatever_its_age(id_: str, age_seconds: float) -> None:
    ours = found(id_, name="renamed", age_seconds=age_seconds)

    assert decided(found(OTHER), ours, ids={id_}) == Adopt(ours)


def test_what_this_run_sent_itself_is_adopted() -> None:
    ours = found(OWN)

    assert decided(ours, sent=True) == Adopt(ours)


@pytest.mark.parametrize("status", ["CREATING", "READY", "FAILED", "ERROR", "UPDATING"])
@pytest.mark.parametrize("age_seconds", [-120, 0, 3600])
def test_after_an_earlier_run_one_of_the_last_hour_that_is_as_declared_is_adopted(
    status: str, age_seconds: float
) -> None:
    ours = found(OWN, age_seconds=age_seconds, status=status)

    assert decided(ours, earlier_run=True, now=NOW) == Adopt(ours)


@pytest.mark.parametrize(
    ("fields", "proof"),
    [
        ({"age_seconds": 3601}, {"now": NOW}),
        ({"created_at": ""}, {"now": NOW}),
        ({"name": "renamed"}, {"now": NOW}),
        ({"spec": {**SPEC, "traffic": {"weight": 7}}}, {"now": NOW}),
        ({}, {"now": None}),
        ({}, {"now": NOW, "earlier_run": False}),
    ],
    ids=["older", "of no age", "renamed", "of another spec", "by no clock", "in a first run"],
)
def test_otherwise_the_last_resort_does_not_hold(fields: dict[str, Any], proof: dict[str, Any]) -> None:
    live = replace(found(OWN, age_seconds=fields.pop("age_seconds", 0)), **fields)
    live = replace(live, spec={**live.spec, "name": live.name})

    assert isinstance(decided(live, **{"earlier_run": True, **proof}), Refuse)


def test_fields_that_are_left_to_others_may_differ() -> None:
    live = replace(found(OWN), spec={**SPEC, "traffic": {"weight": 7}})
    declared = {**SPEC, "__ignored": ["traffic.weight"]}

    assert decided(live, declared=declared, earlier_run=True, now=NOW) == Adopt(live)


@pytest.mark.parametrize("id_", [OWN, salted(OWN), OTHER])
@pytest.mark.parametrize("ids", [frozenset(), frozenset({OWN})])
def test_a_predecessor_that_is_going_is_waited_for(id_: str, ids: frozenset[str]) -> None:
    going = found(id_, age_seconds=1e6, status="DELETING")

    assert decided(going, ids=ids) == WaitUntilDeleted(going)


def test_a_name_in_use_under_another_id_is_refused_whatever_its_age() -> None:
    decision = decided(found(OTHER))

    assert isinstance(decision, Refuse)
    assert f'the name "chat-dev" is in use by deployment {OTHER}' in decision.why
    assert f"COREWEAVE_TAKE_OVER={OTHER}" in decision.why


def test_a_namesake_under_another_id_that_may_be_adopted_is() -> None:
    namesake = found(OTHER, age_seconds=1e6)

    assert decided(namesake, ids={OTHER}) == Adopt(namesake)


@pytest.mark.parametrize(
    ("instance", "zones", "possible"),
    [
        ("gd-8xh200ib-i128", ["US-EAST-04A"], True),
        ("GD-8xH200ib-i128", ["us-east-04a"], True),
        ("gd-8xh100ib-i128", ["US-EAST-04A"], False),
        ("gd-8xh200ib-i128", ["US-WEST-04A"], False),
    ],
)
def test_a_namesake_that_cannot_become_what_is_declared_is_refused_though_it_may_be_adopted(
    instance: str, zones: list[str], possible: bool
) -> None:
    def claim(instance: str, zones: list[str]) -> dict[str, Any]:
        resources = {"instanceId": instance, "capacityType": "CAPACITY_TYPE_SERVERLESS", "zones": zones}
        return {"name": "burst", "resources": {**resources, "instanceCount": 1}}

    live = ApiObject(Kind.CAPACITY_CLAIM, OTHER, "burst", claim(instance, zones), status="READY")
    declared = claim("gd-8xh200ib-i128", ["US-EAST-04A"])

    decision = decide(Kind.CAPACITY_CLAIM, OWN, declared, [live], Proof({OTHER}))

    assert decision == Adopt(live) if possible else isinstance(decision, Refuse)
    if isinstance(decision, Refuse):
        assert "resources.instanceId" in decision.why


def test_an_id_that_is_refused_and_nowhere_to_be_found_is_salted() -> None:
    assert decided(found(OTHER, name="else")) == Salt()
