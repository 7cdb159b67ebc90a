"""Who gets which share of a model name's requests."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from coreweave_inference.checks import Finding, Known, PlainObject, Severity, run, view_of_specs
from coreweave_inference.checks.finding import About
from coreweave_inference.checks.groups import groups_of
from coreweave_inference.declaration import Origin
from coreweave_inference.fleet.shares import NO_SHARE, NONE_OR_ALL, Share, percent
from coreweave_inference.model import UNKNOWN, Kind
from hypothesis import given
from hypothesis import strategies as st

from tests.checks.situations import checked, codes, view

REPORTED = {"traffic-sum-zero", "traffic-lone-zero", "traffic-all-disabled"}
THEIRS = "deployments:\n  theirs: {extends: chat, traffic: {weight: 1000}}\n"


def weighing(*weights, disabled=()):
    return [
        PlainObject(
            Kind.DEPLOYMENT,
            f"d{place}",
            {
                "gatewayIds": ["g"],
                "model": {"name": "acme/chat"},
                "traffic": {"weight": weight},
                "disabled": place in disabled,
            },
        )
        for place, weight in enumerate(weights)
    ]


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        ((900, 100), (900, 100)),
        ((1, 1, 1), (Fraction(1000, 3),) * 3),
        ((0, 5), (0, 1000)),
        ((7,), (1000,)),
        ((1, 1000), (Fraction(1000, 1001), Fraction(1000_000, 1001))),
        ((0, 0), (0, 0)),
    ],
)
def test_a_share_is_the_weight_divided_by_the_sum(weights, shares):
    (group,) = groups_of(view_of_specs(weighing(*weights)))

    parts = [Fraction(share) / 1000 for share in shares]
    assert group.shares == tuple(Share(part, part) for part in parts)


def test_where_the_documentation_leaves_a_share_open_both_values_are_given():
    (disabled,) = groups_of(view_of_specs(weighing(900, 100, disabled=[1])))
    (lone,) = groups_of(view_of_specs(weighing(0, 5, disabled=[1])))

    assert [str(share) for share in disabled.shares or ()] == ["90 % or 100 %", "0 %"]
    assert lone.shares == (NONE_OR_ALL, NO_SHARE)


def test_a_share_that_is_not_known_is_not_guessed():
    (group,) = groups_of(view_of_specs(weighing(900, UNKNOWN)))

    assert group.shares is None


def test_a_percentage_is_written_to_the_tenth():
    parts = (Fraction(1), Fraction(1, 3), Fraction(1, 200))

    assert [percent(part) for part in parts] == ["100 %", "33.3 %", "0.5 %"]


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), min_size=1, max_size=6))
def test_shares_sum_to_a_whole_or_the_group_is_reported(members):
    weights = [weight for weight, _ in members]
    off = [place for place, (_, disabled) in enumerate(members) if disabled]
    seen = view_of_specs(weighing(*weights, disabled=off))

    (group,) = groups_of(seen)

    reported = REPORTED & {finding.code for finding in run(seen).findings}
    assert bool(reported) != (sum(share.most for share in group.shares or ()) == 1 and group.serves is True)


def test_members_of_others_count_in_a_share():
    found = checked({"live": THEIRS})

    assert found.traffic == ("acme/chat on public: chat 45 %, canary 5 %, theirs 50 %",)


def test_entering_the_group_of_somebody_else_is_an_error_for_each_member_that_says_what_it_would_take():
    found = entering({"live": THEIRS})

    assert [(finding.severity, str(finding.about)) for finding in found] == [
        (Severity.ERROR, 'deployment "canary"'),
        (Severity.ERROR, 'deployment "chat"'),
    ]
    assert "it would take 45 % of the requests" in found[1].what


def test_a_member_that_shares_the_group_already_is_only_warned_about():
    assert {finding.severity for finding in entering({"live": THEIRS, "before": ""})} == {Severity.WARNING}


def entering(*situations):
    return [found for found in checked(*situations).findings if found.code == "traffic-foreign-group"]


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [(0, 1000, Severity.WARNING), (100, 1000, Severity.ERROR), (0, 0, Severity.ERROR)],
)
def test_a_member_with_weight_0_beside_others_that_serve_takes_nothing_from_them(ours, theirs, expected):
    (found,) = entering(
        {
            "declaration": f"deployments: {{canary: null, chat: {{traffic: {{weight: {ours}}}}}}}",
            "before": "deployments: {canary: null, chat: null}",
            "live": f"deployments: {{theirs: {{extends: chat, traffic: {{weight: {theirs}}}}}}}",
        }
    )

    assert found.severity is expected


def test_our_own_live_objects_are_not_somebody_elses():
    assert codes({"before": "", "live": ""}) == []


def test_without_the_account_nobody_else_is_known():
    assert view({}).foreign_deployments == ()


def test_which_live_objects_are_ours_is_not_guessed_without_an_identity():
    seen = view({"before": "", "live": THEIRS})
    nameless = view_of_specs(weighing(1), Known(live=seen.live))

    assert nameless.foreign_deployments == ()


def test_the_same_members_on_two_gateways_are_one_group():
    on_two = (
        "gateways:\n  internal: {zones: [US-EAST-04A], coreWeaveAuth: {}, pathBasedRouting: {}}\n"
        "deployments:\n  chat: {gateways: [public, internal]}\n  canary: {gateways: [public, internal]}\n"
    )

    assert checked({"declaration": on_two}).traffic == (
        "acme/chat on public, internal: chat 90 %, canary 10 %",
    )


def test_a_new_member_of_a_group_that_is_new_too_is_no_surprise():
    nothing = "deployments: {chat: null, canary: null}"

    assert codes({"before": nothing}) == []


def test_an_alias_makes_a_member_no_new_one():
    renamed = (
        "deployments:\n  canary: null\n  next: {extends: chat, model: {path: models/chat-v2}, autoscaling: {min: 1, max: 2},"
        " traffic: {weight: 100}, options: {aliases: [canary]}}\n"
    )

    assert "traffic-new-member" not in codes({"declaration": renamed, "before": ""})


def test_a_finding_reads_as_one_line_with_its_place():
    finding = Finding(
        "traffic-sum-zero",
        Severity.ERROR,
        About("deployment", "chat"),
        "deployments.chat.traffic.weight",
        "what",
        "why",
        "do",
        Origin("inference.yaml", 31),
    )

    assert str(finding) == 'error traffic-sum-zero deployment "chat" (inference.yaml:31): what; why; do'


def test_what_this_stack_made_and_no_longer_declares_is_not_somebody_elses():
    """A program does not know the last state; ids tell."""
    made = view({"before": ""}).live
    without_canary = view({"declaration": "deployments: {canary: null}"})
    seen = replace(without_canary, live=made, last=None)

    assert seen.foreign_deployments == ()
    assert seen.foreign_claims == ()


def test_what_is_replaced_in_this_run_is_not_somebody_elses():
    made = view({"before": "deployments: {chat: {name: assistant}}"}).live
    renamed = view({"declaration": "deployments: {chat: {name: assistant-v2}}"})

    assert replace(renamed, live=made).foreign_deployments == ()


def test_a_renamed_key_with_an_alias_is_the_object_that_it_was():
    renamed = (
        "deployments:\n  canary: null\n  next: {extends: chat, model: {path: models/chat-v2}, autoscaling: {min: 1, max: 2},"
        " traffic: {weight: 100}, options: {aliases: [canary]}}\n"
    )

    seen = view({"declaration": renamed, "before": ""})

    assert seen.foreign_deployments == ()
    assert [item.name for item in seen.deployments] == ["chat-serving-dev", "canary-serving-dev"]


def test_a_lone_enabled_member_with_weight_0_is_uncertain_whatever_the_disabled_ones_have():
    off = "deployments: {chat: {disabled: true}, canary: {disabled: false, traffic: {weight: 0}}}"

    found = {finding.code: finding.severity for finding in checked({"declaration": off}).findings}

    assert found["traffic-lone-zero"] is Severity.WARNING
    assert "traffic-sum-zero" not in found


def test_two_halves_have_no_main_member():
    halves = (
        "deployments: {chat: {traffic: {weight: 1}, autoscaling: {min: 1}}, canary: {traffic: {weight: 1}}}"
    )

    assert "min-one-on-main-member" not in codes({"declaration": halves})


def test_a_group_of_somebody_else_whose_members_are_disabled_is_only_a_warning():
    theirs = THEIRS.replace("traffic:", "disabled: true, traffic:")

    found = {f.code: f.severity for f in checked({"declaration": "", "live": theirs}).findings}

    assert found["traffic-foreign-group"] is Severity.WARNING
