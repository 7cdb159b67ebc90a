"""Shares before and after, and what clients notice."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from coreweave_inference.checks import PlainObject, run, view_of_specs
from coreweave_inference.fleet.shares import percent
from coreweave_inference.model import Kind
from coreweave_inference.review import Review, review
from coreweave_inference.review.views import as_markdown
from hypothesis import given
from hypothesis import strategies as st

from tests.review.previews import deployment, gateway, preview_of, review_of, same, sentences_of, step

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def _shares(found: Review) -> dict[str, dict[str, tuple[str, str]]]:
    return {
        f"{group.model} on {group.gateway}": {m.label: (m.before.text, m.after.text) for m in group.members}
        for group in found.groups
    }


def test_a_share_is_the_weight_over_the_sum_of_its_group() -> None:
    found = review_of(
        same("gateway", "public", gateway()),
        step("update", "deployment", "a", deployment(weight=900), deployment(weight=500)),
        same("deployment", "b", deployment(weight=100)),
        same("deployment", "other", deployment(model="acme/other", weight=1)),
    )

    assert _shares(found) == {
        "acme/chat on public": {"a": ("90 %", "83.3 %"), "b": ("10 %", "16.7 %")},
        "acme/other on public": {"other": ("100 %", "100 %")},
    }
    assert [group.model for group in found.groups if group.changed] == ["acme/chat"]


def test_a_newcomer_beside_a_larger_member_is_a_canary() -> None:
    found = review_of(
        same("gateway", "public", gateway()),
        same("deployment", "chat", deployment(weight=900)),
        step("create", "deployment", "chat-v2", None, deployment(weight=100)),
    )

    assert sentences_of(found)["chat-v2"] == [
        "new deployment chat-v2: serves acme/chat from models/chat",
        "canary chat-v2 takes 10 % of acme/chat on public",
    ]


def test_a_gateway_that_is_replaced_keeps_its_groups_although_its_id_changes() -> None:
    found = review_of(
        step("replace", "gateway", "public", gateway("one"), gateway("two")),
        step("update", "deployment", "chat", deployment(gateways=("one",)), deployment(gateways=("two",))),
    )

    assert _shares(found) == {"acme/chat on public": {"chat": ("100 %", "100 %")}}
    assert "every client needs the new endpoint" in as_markdown(found).text
    assert sentences_of(found)["public"] == [
        "! replaces gateway public: its endpoint changes for every client",
        "clients of acme/chat must use the new endpoint",
    ]


@pytest.mark.parametrize(
    ("after", "share"),
    [
        ({"weight": 0}, "0 %"),
        ({"disabled": True}, "disabled"),
        ({"weight": UNKNOWN}, "not known"),
    ],
)
def test_a_member_without_a_number_shows_what_replaces_it(after: dict[str, Any], share: str) -> None:
    found = review_of(
        same("gateway", "public", gateway()),
        step("update", "deployment", "a", deployment(), deployment(**after)),
        same("deployment", "b", deployment()),
    )

    assert _shares(found)["acme/chat on public"]["a"] == ("50 %", share)


def test_alone_with_weight_0_a_member_has_what_the_documentation_says_both_of() -> None:
    found = review_of(same("gateway", "public", gateway()), same("deployment", "a", deployment(weight=0)))

    assert _shares(found) == {"acme/chat on public": {"a": ("0 % or 100 %", "0 % or 100 %")}}


@pytest.mark.parametrize("after", [{"weight": 0}, {"disabled": True}])
def test_taking_the_last_share_of_a_group_is_dangerous(after: dict[str, Any]) -> None:
    found = review_of(
        same("gateway", "public", gateway()),
        step("update", "deployment", "a", deployment(), deployment(**after)),
        same("deployment", "b", deployment(weight=0)),
        same("deployment", "c", deployment(weight=0)),
    )

    assert sentences_of(found)["a"][0].startswith("! ")
    assert "clients get no answer any more" in as_markdown(found).text


def test_leaving_a_member_alone_with_weight_0_is_dangerous_since_both_is_documented() -> None:
    found = review_of(
        same("gateway", "public", gateway()),
        step("delete", "deployment", "a", deployment()),
        same("deployment", "b", deployment(weight=0)),
    )

    words = (
        "whether anybody answers for acme/chat on public is not certain: a member alone with weight 0 is left"
    )
    assert f"! {words}" in sentences_of(found)["a"]
    assert "gets nothing or all (documented both ways)" in as_markdown(found).text


def test_deleting_one_of_two_members_is_worth_a_look_and_deleting_the_last_is_dangerous() -> None:
    one = review_of(
        same("gateway", "public", gateway()),
        step("delete", "deployment", "a", deployment()),
        same("deployment", "b", deployment()),
    )
    last = review_of(same("gateway", "public", gateway()), step("delete", "deployment", "a", deployment()))

    assert sentences_of(one)["a"][0] == "deletes a; requests in flight get a grace period"
    assert sentences_of(last)["a"][0] == "! deletes a: nobody serves acme/chat on public any more"


def test_a_group_spans_stacks_that_share_a_gateway() -> None:
    base = preview_of(
        same("gateway", "public", gateway()), same("deployment", "chat", deployment(weight=300))
    )
    other = preview_of(
        step("create", "deployment", "chat", None, deployment(weight=100), stack="canary"),
    )

    found = review([other, base])

    assert _shares(found) == {
        "acme/chat on public (serving/dev)": {
            "chat (serving/canary)": ("-", "25 %"),
            "chat (serving/dev)": ("100 %", "75 %"),
        }
    }


def test_another_model_name_is_dangerous_since_clients_ask_for_the_old_one() -> None:
    found = review_of(
        same("gateway", "public", gateway()),
        step("update", "deployment", "a", deployment(), deployment(model="acme/new")),
    )

    assert sentences_of(found)["a"][:2] == [
        "! a leaves acme/chat on public, where it had 100 %",
        "! clients that ask for acme/chat get no answer from it any more; they must ask for acme/new",
    ]


def test_a_gateway_of_nobody_here_is_named_by_its_id() -> None:
    found = review_of(same("deployment", "a", deployment(gateways=("0f5a", "id-public"))))

    assert sorted(_shares(found)) == ["acme/chat on 0f5a", "acme/chat on id-public"]


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_a_percentage_never_calls_something_nothing_or_less_than_all_all(part: int, total: int) -> None:
    share = Fraction(min(part, total), total)

    assert (percent(share) == "0 %") == (share == 0)
    assert (percent(share) == "100 %") == (share == 1)


def test_checks_and_review_say_the_same_percentages_of_a_group() -> None:
    names = ("a", "b", "c")
    objects = [
        PlainObject(
            Kind.DEPLOYMENT,
            name,
            {"gatewayIds": ["id-public"], "model": {"name": "acme/chat"}, "traffic": {"weight": 1}},
        )
        for name in names
    ]
    report = run(view_of_specs(objects))
    found = review_of(
        same("gateway", "public", gateway()),
        *(same("deployment", name, deployment(weight=1)) for name in names),
    )

    (group,) = found.groups
    assert report.traffic == ("acme/chat on id-public: a 33.3 %, b 33.3 %, c 33.3 %",)
    assert [member.after.text for member in group.members] == ["33.3 %"] * 3


def test_what_had_no_share_takes_nothing_away_when_it_goes() -> None:
    resting = deployment(disabled=True)

    found = review_of(same("gateway", "public", gateway()), step("delete", "deployment", "chat", resting))

    assert sentences_of(found)["chat"] == [
        "deletes chat; requests in flight get a grace period",
        "chat leaves acme/chat on public, where it had no share (disabled)",
    ]


@pytest.mark.parametrize("unknown", [{"gatewayIds": UNKNOWN}, {"model": {"name": UNKNOWN}}])
def test_a_group_that_is_known_later_is_not_left(unknown: dict[str, Any]) -> None:
    chat = deployment()
    found = review_of(
        same("gateway", "public", gateway()), step("update", "deployment", "chat", chat, {**chat, **unknown})
    )

    assert "whether chat goes on to serve acme/chat on public is known later" in sentences_of(found)["chat"]
    assert not any("leaves" in sentence for sentence in sentences_of(found)["chat"])
