"""Claims against those who run on them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from coreweave_inference.checks import Known, PlainObject, Severity, run, view_of_specs
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.unknown import UNKNOWN

from tests.checks.situations import WE, checked, codes, declared, foreign, objects, view

LARGE = "deployments: {chat: {resources: {gpuCount: 8}, autoscaling: {min: 4, max: 4}}}"


def finding(code, *situations):
    return next(found for found in checked(*situations).findings if found.code == code)


def test_a_shortage_is_one_inequality_that_a_person_can_follow():
    found = finding("claim-short-of-min", {"declaration": LARGE, "live": ""})

    assert found.what == (
        'min: "chat" 4 x 8 + "canary" 1 x 8 = 40 GPUs > 2 instances x 8 = 16 GPUs claimed of gd-8xh200ib-i128 in US-EAST-04A'
    )
    assert found.do == "claim 5 instances, lower min, or allow CAPACITY_CLASS_ON_DEMAND too"


def test_without_the_account_a_shortage_is_a_warning_since_others_may_have_claims():
    assert finding("claim-short-of-min", {"declaration": LARGE}).severity is Severity.WARNING


def test_claims_and_deployments_of_others_count_too():
    more = (
        "capacityClaims:\n  theirs: {instanceId: GD-8XH200IB-I128, instanceCount: 9, capacityType: "
        "CAPACITY_TYPE_SERVERLESS, zones: [US-EAST-04A]}\n"
    )
    users = (
        "deployments:\n  other: {extends: chat, model: {name: acme/other}, autoscaling: {min: 20, max: 20}, traffic:"
        " {weight: 1}}\n"
    )

    assert "claim-short-of-min" not in codes({"declaration": LARGE, "live": more})
    assert finding("claim-short-of-min", {"live": users}).severity is Severity.ERROR


def test_a_claim_in_another_zone_does_not_count():
    west = "capacityClaims: {h200: {zones: [US-WEST-04A]}}"

    assert set(codes({"declaration": west, "live": ""})) == {"zone-of-claim", "claim-unused"}


def test_a_gateway_in_all_zones_may_use_a_claim_in_any():
    everywhere = "gateways: {public: {zones: null}}"
    elsewhere = "capacityClaims: {h200: {zones: [US-WEST-04A]}}"

    assert codes({"declaration": everywhere}, {"declaration": elsewhere, "live": ""}) == []


@pytest.mark.parametrize(
    "unknown",
    [
        "capacityClaims: {h200: {instanceId: some-new-type}}\ndeployments: {chat: {resources: {instanceType: some-new-type}}}",
        "existing: {capacityClaims: {shared: {stack: acme/platform/prod}}}",
    ],
)
def test_hardware_or_claims_that_are_not_known_are_not_judged(unknown):
    assert not [
        code for code in codes({"declaration": LARGE}, {"declaration": unknown}) if code.startswith("claim-")
    ]


def test_a_stack_of_claims_alone_offers_them_to_others():
    claims = "deployments: {chat: null, canary: null}"

    assert codes({"declaration": claims, "live": ""}) == []


def test_whoever_is_evicted_is_named_with_where_it_may_run():
    before = (
        "capacityClaims:\n  more: {instanceId: gd-8xh200ib-i128, instanceCount: 1, capacityType: CAPACITY_TYPE_SERVERLESS,"
        " zones: [US-EAST-04A]}\n"
    )
    anywhere = "deployments: {canary: {autoscaling: {capacityClasses: [CAPACITY_CLASS_ON_DEMAND, CAPACITY_CLASS_RESERVED]}}}"

    found = finding("claim-taken-away", {"declaration": anywhere, "before": before})

    assert found.what == (
        'it is removed, and of those who run there "chat" may run on claim "h200", "canary" may run on claim "h200" and '
        "unclaimed capacity if there is any"
    )


def test_a_disabled_deployment_is_counted_both_ways():
    """Whether it gives its GPUs back is not documented, so what fits only then is a warning and no error."""
    off = "deployments: {chat: {disabled: true, traffic: {weight: 0}}, canary: {disabled: false}}"

    found = finding("claim-short-of-min", {"declaration": LARGE}, {"declaration": off, "live": ""})

    assert found.severity is Severity.WARNING
    assert 'only if "chat" (disabled) does not hold 32 more' in found.what
    assert "not documented" in found.why


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("READY", Severity.ERROR),
        ("ERROR", Severity.ERROR),
        ("FAILED", Severity.WARNING),
        ("DELETING", None),
    ],
)
def test_a_failed_deployment_of_somebody_else_is_counted_both_ways(status, expected):
    theirs = (
        "deployments: {theirs: {extends: chat, model: {name: acme/other}, autoscaling: {min: 20, max: 20}}}"
    )
    seen = view({"live": theirs})
    live = tuple(replace(one, status=status) if one.name == "theirs" else one for one in seen.live)
    found = [one for one in run(replace(seen, live=live)).findings if one.code == "claim-short-of-min"]

    assert [one.severity for one in found] == ([expected] if expected else [])
    if status == "FAILED":
        assert 'only if "theirs" (FAILED, not of this stack) does not hold 20 more' in found[0].what


def test_the_two_names_of_managed_capacity_are_no_replacement():
    renamed = "capacityClaims: {h200: {capacityType: CAPACITY_TYPE_MANAGED}}"

    assert "claim-taken-away" not in codes({"declaration": renamed, "before": ""})


def test_a_claim_that_is_reduced_and_still_holds_everything_evicts_nobody():
    before = "capacityClaims: {h200: {instanceCount: 5}}"

    assert codes({"before": before}) == []


def test_replicas_may_move_to_the_new_claim_where_it_exists_before_the_old_one_is_deleted():
    other = "capacityClaims: {h200: {capacityType: CAPACITY_TYPE_CUSTOMER%s}}"

    first = finding("claim-taken-away", {"declaration": other % "", "before": ""})
    last = finding(
        "claim-taken-away", {"declaration": other % ", options: {deleteBeforeReplace: true}", "before": ""}
    )

    assert '"chat" may run on the new claim' in first.what
    assert '"chat" may run nowhere' in last.what


OWN_IS_H100 = (
    "capacityClaims: {h200: {instanceId: gd-8xh100ib-i128}}\n"
    "deployments: {canary: null, small: {extends: chat, model: {name: acme/small}, resources: "
    "{instanceType: gd-8xh100ib-i128}}}"
)
THEIRS_IS_H200 = (
    "capacityClaims: {theirs: {instanceId: gd-8xh200ib-i128, instanceCount: 9, capacityType: "
    "CAPACITY_TYPE_SERVERLESS, zones: [US-EAST-04A]}}"
)


def test_where_it_is_not_known_which_claims_are_others_a_missing_one_is_a_warning():
    known = view({"declaration": OWN_IS_H100, "live": THEIRS_IS_H200})
    ours = declared(OWN_IS_H100)
    nameless = [
        PlainObject(
            item.kind,
            item.key,
            {**item.spec, "name": UNKNOWN} if item.kind is Kind.CAPACITY_CLAIM else item.spec,
        )
        for item in objects(ours, WE)
    ]
    program = view_of_specs(nameless, Known(identity=WE, live=tuple(foreign(THEIRS_IS_H200, ours))))
    anonymous = replace(known, claims=tuple(replace(claim, id=None) for claim in known.claims))

    assert "claim-missing" not in {found.code for found in run(known).findings}
    for unclear in (program, anonymous):
        found = next(one for one in run(unclear).findings if one.code == "claim-missing")
        assert found.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("declaration", "before"),
    [
        (
            "deployments: {chat: {autoscaling: {capacityClasses: null}}, canary: null}",
            "{canary: null, chat: null}",
        ),
        (
            "deployments: {chat: {disabled: true, autoscaling: {capacityClasses: null}}, canary: null}",
            "{canary: null, chat: {disabled: true, autoscaling: {capacityClasses: null}}}",
        ),
    ],
    ids=["new", "disabled"],
)
def test_a_claim_that_goes_evicts_nobody_who_has_no_replicas_on_it(declaration, before):
    assert "claim-taken-away" not in codes(
        {"declaration": f"capacityClaims: {{h200: null}}\n{declaration}", "before": f"deployments: {before}"}
    )


@pytest.mark.parametrize(
    ("classes", "expected"),
    [("RESERVED", set()), ("ON_DEMAND", {"claim-idle-beside-on-demand"})],
)
def test_a_claim_that_nobody_uses_beside_a_deployment_that_could_is_one_finding(classes, expected):
    alone = (
        "deployments: {canary: null, chat: {traffic: null, autoscaling: "
        f"{{min: 16, max: 16, capacityClasses: [CAPACITY_CLASS_{classes}]}}}}}}"
    )

    assert set(codes({"declaration": alone, "live": ""})) == expected
