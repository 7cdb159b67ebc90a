"""Ids and names are part of users' state: the values pinned here can never change."""

from __future__ import annotations

import re

import pytest
from coreweave_inference.model.identity import (
    Place,
    canonical,
    default_name,
    labels,
    object_id,
    place_in,
    replace_identity,
    salted,
    stack_identity,
)
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.unknown import UNKNOWN
from hypothesis import given
from hypothesis import strategies as st

CLAIM = {
    "resources": {
        "instanceId": "gd-8xh200ib-i128",
        "instanceCount": 2,
        "capacityType": "CAPACITY_TYPE_SERVERLESS",
        "zones": ["US-EAST-04A"],
    }
}


IDS = [
    "eb83a744-2181-5fc4-9c31-b1c4cdff078e",
    "cf331eac-1890-5475-9ffc-a29e24283938",
    "e12022c3-c9d7-5d04-b4b5-c106756786de",
    "8091d862-fa5c-5315-a7b1-d807aa85f831",
]
NAMES = [
    "public-serving-prod",
    "chat-serving-prod-eu-5abc7b",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-62c71a",
    "h200-serving-prod-e06092",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-11625f-e06092",
    "serving-417147",
]

PROJECT = "serving"


def test_the_ids_of_today_are_the_ids_of_every_later_release() -> None:
    stack = stack_identity(None, "acme", "serving", "prod")
    claim = replace_identity(Kind.CAPACITY_CLAIM, CLAIM)

    ids = [
        object_id(stack, Kind.GATEWAY, "public", replace_identity(Kind.GATEWAY, {})),
        object_id(stack, Kind.CAPACITY_CLAIM, "h200", claim),
        object_id("0b51", Kind.DEPLOYMENT, "chat", replace_identity(Kind.DEPLOYMENT, {"name": "chat-1"})),
        salted("11111111-1111-4111-8111-111111111111"),
    ]

    assert ids == IDS


def test_the_names_of_today_are_the_names_of_every_later_release() -> None:
    claim = replace_identity(Kind.CAPACITY_CLAIM, CLAIM)

    names = [
        default_name(Kind.GATEWAY, Place("public"), PROJECT, "prod", "{}"),
        default_name(Kind.DEPLOYMENT, Place("Chat"), PROJECT, "prod.eu", "{}"),
        default_name(Kind.DEPLOYMENT, Place("a" * 60), PROJECT, "prod", "{}"),
        default_name(Kind.CAPACITY_CLAIM, Place("h200"), PROJECT, "prod", claim),
        default_name(Kind.CAPACITY_CLAIM, Place("a" * 98), PROJECT, "prod", claim),
        default_name(Kind.GATEWAY, Place("__"), PROJECT, "-", "{}"),
    ]

    assert names == NAMES


def test_the_stack_identity_is_made_of_the_configured_one_or_the_organization_and_of_both_names() -> None:
    assert stack_identity("0b51", "acme", "serving", "prod") == '["0b51","serving","prod"]'
    assert stack_identity(None, "acme", "serving", "prod") == '["acme","serving","prod"]'
    assert stack_identity("", "acme", "serving", "prod") == '["acme","serving","prod"]'


def test_the_identity_of_a_gateway_or_deployment_is_its_declared_name() -> None:
    assert replace_identity(Kind.GATEWAY, {"zones": ["RNO2A"]}) == '{"name":null}'
    assert replace_identity(Kind.DEPLOYMENT, {"name": "chat"}) == '{"name":"chat"}'


def test_two_ways_of_writing_a_claim_are_one_identity() -> None:
    other = {
        "resources": {
            "instanceId": "GD-8xH200ib-i128",
            "instanceCount": 9.0,
            "capacityType": "CAPACITY_TYPE_MANAGED",
            "zones": ["us-east-04a"],
        }
    }

    assert replace_identity(Kind.CAPACITY_CLAIM, other) == replace_identity(Kind.CAPACITY_CLAIM, CLAIM)


@pytest.mark.parametrize(
    "change",
    [
        {"instanceId": "gd-8xh100ib-i128"},
        {"capacityType": "CAPACITY_TYPE_CUSTOMER"},
        {"zones": ["RNO2A"]},
    ],
)
def test_each_field_that_replaces_a_claim_changes_its_id_and_its_name(change: dict[str, object]) -> None:
    before = replace_identity(Kind.CAPACITY_CLAIM, CLAIM)
    after = replace_identity(Kind.CAPACITY_CLAIM, {"resources": {**CLAIM["resources"], **change}})

    assert object_id("s", Kind.CAPACITY_CLAIM, "h200", before) != object_id(
        "s", Kind.CAPACITY_CLAIM, "h200", after
    )
    assert default_name(Kind.CAPACITY_CLAIM, Place("h200"), PROJECT, "dev", before) != default_name(
        Kind.CAPACITY_CLAIM, Place("h200"), PROJECT, "dev", after
    )


def test_an_identity_that_is_not_known_yet_is_refused() -> None:
    with pytest.raises(ValueError, match="not known yet"):
        replace_identity(Kind.GATEWAY, {"name": UNKNOWN})


def test_canonical_text_does_not_depend_on_order_spaces_or_the_kind_of_number() -> None:
    assert canonical({"b": [1.0, 0.5], "a": ("ä", None)}) == '{"a":["\\u00e4",null],"b":[1,0.5]}'


def test_a_number_that_json_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("nan"))


@given(st.sampled_from(Kind), st.text(max_size=120), st.text(max_size=40))
def test_every_default_name_is_one_the_service_takes(kind: Kind, resource: str, stack: str) -> None:
    longest = 100 if kind is Kind.CAPACITY_CLAIM else 63

    name = default_name(kind, Place(resource), PROJECT, stack, "{}")

    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)
    assert len(name) <= longest


def test_names_that_differ_only_in_case_or_separators_stay_two() -> None:
    names = {
        default_name(Kind.GATEWAY, Place(resource), PROJECT, "dev", "{}")
        for resource in ("chat-a", "Chat-a", "chat_a", "chat.a")
    }

    assert len(names) == 4


def test_a_urn_and_a_key_name_the_same_place() -> None:
    inside = Place("chat", "acme:a:Outer$acme:a:Chat")
    urn = f"urn:pulumi:dev::serving::{inside.parents}$pulumi-python:dynamic/coreweave/inference:Deployment::chat"

    assert (place_in(urn), place_in(inside.key)) == (inside, inside)
    assert place_in(urn.replace(f"{inside.parents}$", "")) == place_in("chat") == Place("chat")
    assert place_in("chat (canary)") == Place("chat (canary)")


def test_equal_names_in_two_components_are_two_names_and_two_ids() -> None:
    places = [Place("chat"), Place("chat", "acme:a:Chat"), Place("chat", "acme:b:Search")]

    names = {default_name(kind, place, PROJECT, "dev", "{}") for place in places for kind in Kind}
    ids = {object_id("s", Kind.DEPLOYMENT, place.unique, "{}") for place in places}

    assert len(names) == 6
    assert len(ids) == 3


def test_a_label_of_a_state_stays_the_name_unless_another_one_has_it() -> None:
    inside, other = Place("chat", "acme:a:Chat"), Place("chat", "acme:b:Search")

    assert labels([inside]) == ["chat"]
    assert labels([Place("chat"), inside, other, Place("canary", "acme:a:Chat")]) == [
        "chat",
        "chat (acme:a:Chat)",
        "chat (acme:b:Search)",
        "canary",
    ]
