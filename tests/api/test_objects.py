"""Every form in which the service may answer an object."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from coreweave_inference.api.objects import (
    ApiObject,
    Condition,
    UnreadableAnswer,
    normal_status,
    object_in,
    objects_in,
    parsed_time,
)
from coreweave_inference.model.kinds import Kind

ID = "11111111-1111-4111-8111-111111111111"


def test_a_wrapped_claim_is_read_whole():
    answer = {
        "capacityClaim": {
            "spec": {"id": ID, "name": "h200", "organizationId": "ab1cd2", "resources": {"instanceCount": 3}},
            "status": {
                "createdAt": "2026-11-21T20:47:14.995953457Z",
                "updatedAt": "2026-11-21T20:48:00Z",
                "status": "STATUS_READY",
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "STATUS_TRUE",
                        "lastUpdateTime": "2026-11-21T20:48:00Z",
                        "reason": "Done",
                        "message": "all there",
                        "zone": "US-EAST-04A",
                    }
                ],
                "allocatedInstances": 1,
                "pendingInstances": "2",
            },
        }
    }

    assert object_in(Kind.CAPACITY_CLAIM, answer) == ApiObject(
        kind=Kind.CAPACITY_CLAIM,
        id=ID,
        name="h200",
        spec={"id": ID, "name": "h200", "organizationId": "ab1cd2", "resources": {"instanceCount": 3}},
        status="READY",
        conditions=(Condition("Ready", True, "Done", "all there", "US-EAST-04A", "2026-11-21T20:48:00Z"),),
        created_at="2026-11-21T20:47:14.995953457Z",
        updated_at="2026-11-21T20:48:00Z",
        allocated_instances=1,
        pending_instances=2,
        organization_id="ab1cd2",
    )


def test_an_unwrapped_object_with_nothing_but_a_spec_is_read():
    assert object_in(Kind.GATEWAY, {"spec": {"id": ID, "name": "public"}}) == ApiObject(
        kind=Kind.GATEWAY, id=ID, name="public", spec={"id": ID, "name": "public"}
    )


def test_nulls_are_dropped_at_every_depth_while_zero_values_and_unknown_fields_stay():
    spec = {
        "id": ID,
        "name": None,
        "disabled": False,
        "traffic": {"weight": 0, "mirror": None},
        "coreWeaveAuth": {},
        "novelty": [{"a": None, "b": ""}, None],
    }

    read = object_in(Kind.DEPLOYMENT, {"deployment": {"spec": spec, "status": None}})

    assert read.spec == {
        "id": ID,
        "disabled": False,
        "traffic": {"weight": 0},
        "coreWeaveAuth": {},
        "novelty": [{"b": ""}],
    }


def test_null_and_strange_status_members_read_as_nothing():
    status = {
        "status": None,
        "conditions": None,
        "endpoints": None,
        "createdAt": None,
        "allocatedInstances": None,
        "pendingInstances": "many",
    }

    read = object_in(Kind.GATEWAY, {"gateway": {"spec": {"id": ID}, "status": status}})

    assert read == ApiObject(kind=Kind.GATEWAY, id=ID, name="", spec={"id": ID})
    assert (read.created, read.updated) == (None, None)


def test_endpoints_are_kept_in_order():
    status = {"endpoints": ["https://b", "https://a"]}

    assert object_in(Kind.GATEWAY, {"gateway": {"spec": {"id": ID}, "status": status}}).endpoints == (
        "https://b",
        "https://a",
    )


@pytest.mark.parametrize(
    "answer", [{}, [], None, "x", {"gateway": {}}, {"gateway": {"spec": None}}, {"spec": []}]
)
def test_an_answer_without_a_spec_is_unreadable(answer):
    with pytest.raises(UnreadableAnswer, match="holds no gateway"):
        object_in(Kind.GATEWAY, answer)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (Kind.GATEWAY, {}),
        (Kind.GATEWAY, {"items": None}),
        (Kind.DEPLOYMENT, {"items": []}),
        (Kind.DEPLOYMENT, {"items": {}}),
        (Kind.CAPACITY_CLAIM, {"capacityClaims": []}),
    ],
)
def test_every_form_of_an_empty_list_is_empty(kind, answer):
    assert objects_in(kind, answer) == []


@pytest.mark.parametrize(
    ("kind", "key"),
    [(Kind.GATEWAY, "items"), (Kind.CAPACITY_CLAIM, "capacityClaims"), (Kind.CAPACITY_CLAIM, "items")],
)
def test_a_list_is_found_under_its_key(kind, key):
    answer = {key: [{"spec": {"id": ID}}, {kind.wrapper: {"spec": {"id": "2"}}}]}

    assert [found.id for found in objects_in(kind, answer)] == [ID, "2"]


@pytest.mark.parametrize("answer", [[], None, {"items": "x"}, {"items": [{}]}])
def test_an_answer_that_is_no_list_is_unreadable_rather_than_empty(answer):
    with pytest.raises(UnreadableAnswer):
        objects_in(Kind.GATEWAY, answer)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("STATUS_READY", "READY"),
        ("READY", "READY"),
        ("ready", "READY"),
        ("STATUS_UNSPECIFIED", "UNSPECIFIED"),
        ("", "UNSPECIFIED"),
        (None, "UNSPECIFIED"),
        ("STATUS_HIBERNATING", "STATUS_HIBERNATING"),
        (6, "6"),
    ],
)
def test_a_status_is_read_with_and_without_its_prefix_and_kept_when_unknown(sent, read):
    assert normal_status(sent) == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("STATUS_TRUE", True),
        ("True", True),
        (True, True),
        ("TRUE", True),
        ("STATUS_FALSE", False),
        (False, False),
        ("STATUS_UNSPECIFIED", None),
        (None, None),
    ],
)
def test_a_condition_is_true_false_or_unknown(sent, read):
    answer = {"spec": {"id": ID}, "status": {"conditions": [{"type": "Ready", "status": sent}]}}

    assert object_in(Kind.GATEWAY, answer).conditions == (Condition("Ready", read),)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21T20:47:14Z", (20, 47, 14, 0)),
        ("2026-11-21T20:47:14.9Z", (20, 47, 14, 900_000)),
        ("2026-11-21T20:47:14.995953457Z", (20, 47, 14, 995_953)),
        ("2026-11-21t22:47:14.5+02:00", (20, 47, 14, 500_000)),
        ("2026-11-21T18:17:14-02:30", (20, 47, 14, 0)),
    ],
)
def test_times_of_up_to_nine_decimals_are_read_to_the_microsecond(text, moment):
    assert parsed_time(text) == datetime(2026, 11, 21, *moment, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11-21", "2026-13-41T00:00:00Z", "2026-11-21T20:47:14"]
)
def test_what_is_no_time_is_none(text):
    assert parsed_time(text) is None


def test_an_id_is_in_lower_case_as_ids_compare() -> None:
    upper = "6E0B6A3C-54DC-5B2C-9F7F-3E1C0A9D5B11"

    assert object_in(Kind.GATEWAY, {"spec": {"id": upper, "name": "public"}}).id == upper.lower()
