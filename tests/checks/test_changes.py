"""What a change does to what runs, and what the service offers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from coreweave_inference.checks import Severity, run
from coreweave_inference.model.versions import newest

from tests.checks.situations import checked, codes, view

VERSIONS = {"catalogue": "versions: {vllm: [0.22.0+crwv.2]}"}
OLD = "deployments: {chat: {runtime: {version: 0.20.0}}, canary: {runtime: {version: 0.20.0}}}"


def test_a_first_run_is_no_change():
    nothing = "deployments: null\ngateways: null\ncapacityClaims: null\n"

    assert codes({"before": nothing}) == []


def test_an_unchanged_declaration_has_no_finding_against_its_own_last_state():
    assert codes({"before": ""}) == []


def test_a_version_that_runs_already_and_is_not_offered_any_more_is_only_warned_about():
    new = {
        finding.severity
        for finding in checked({"declaration": OLD}, VERSIONS).findings
        if "offered" in finding.code
    }
    runs = {
        finding.severity
        for finding in checked({"declaration": OLD, "before": OLD}, VERSIONS).findings
        if "offered" in finding.code
    }

    assert (new, runs) == ({Severity.ERROR}, {Severity.WARNING})


def test_nothing_is_concluded_from_empty_lists():
    odd = (
        "gateways: {public: {zones: [XX-YY-01A]}}\n"
        "capacityClaims: {h200: {instanceId: x, zones: [XX-YY-01A]}}\n"
        "deployments: {chat: {resources: {instanceType: x}, runtime: {engine: x, engineConfig: {y: 1}, version: 9.9.9}}}\n"
    )
    empty = "zones: []\ninstanceTypes: []\nversions: {}\nclaimTypes: {XX-YY-01A: [], US-EAST-04A: [y]}\nconfigKeys: {x: []}\n"

    assert checked({"declaration": odd}, {"catalogue": empty}).errors == ()
    assert checked({"declaration": odd}, {"catalogue": ""}).errors == ()


def test_a_zone_that_is_not_among_the_zones_of_claims_cannot_be_claimed_in():
    other = "claimTypes: {US-WEST-04A: [gd-8xh200ib-i128]}"

    (finding,) = checked({"catalogue": other}).errors

    assert (finding.code, finding.why) == (
        "claim-not-offered",
        "US-EAST-04A offers none; it can be claimed in US-WEST-04A",
    )


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (["0.9.0", "0.10.0"], "0.10.0"),
        (["0.22.0+crwv.2", "0.22.0+crwv.10"], "0.22.0+crwv.10"),
        (["1.0.0-rc.1", "0.9.0"], "0.9.0"),
        (["1.0.0-rc.1"], "1.0.0-rc.1"),
        (["latest", "x"], None),
        ([], None),
    ],
)
def test_the_newest_is_the_highest_release(versions, expected):
    assert newest(versions) == expected


def test_a_gateway_that_takes_an_explicit_name_for_its_derived_one_is_replaced():
    assert "gateway-replaced" in codes({"before": "", "declaration": "gateways: {public: {name: edge}}"})


def test_writing_out_the_derived_name_replaces_nothing():
    assert "gateway-replaced" not in codes(
        {"before": "", "declaration": "gateways: {public: {name: public-serving-dev}}"}
    )


def test_a_claim_without_a_name_of_its_own_is_not_released_first():
    other = "capacityClaims: {h200: {capacityType: CAPACITY_TYPE_CUSTOMER}}"

    found = codes({"before": "", "declaration": other})

    assert "claim-taken-away" in found
    assert "claim-given-up" not in found


def test_lowering_min_together_with_the_share_is_no_surprise():
    before = "deployments: {chat: {autoscaling: {min: 6}}}"
    half = "deployments: {chat: {autoscaling: {min: 4}, traffic: {weight: 100}}, canary: {autoscaling: {min: 2}}}"

    assert "min-lowered" not in codes({"before": before, "declaration": half})


MANY, ONE = (f"deployments: {{chat: {{autoscaling: {{min: {least}}}}}}}" for least in (6, 1))


def test_an_object_of_another_stack_with_the_name_of_one_to_be_created_is_not_its_former_self():
    nothing = "deployments: null\ngateways: null\ncapacityClaims: null\n"
    theirs = (
        "deployments: {chat-serving-dev: {gateways: [public], model: {name: acme/chat, path: models/chat},"
        " runtime: {engine: vllm}, resources: {instanceType: gd-8xh200ib-i128, gpuCount: 1},"
        " autoscaling: {min: 6, max: 8}, traffic: {weight: 100}}}"
    )
    first_run = {"before": nothing, "live": theirs, "declaration": ONE}

    assert "chat-serving-dev" in {
        deployment.name for deployment in view(first_run).deployments if deployment.own
    }
    assert "min-lowered" not in codes(first_run)


def test_an_object_is_the_stacks_own_by_its_state_or_where_that_is_not_known_by_its_id():
    known = view({"before": MANY, "declaration": ONE})

    assert "min-lowered" in {found.code for found in run(known).findings}
    assert "min-lowered" in {found.code for found in run(replace(known, last=None)).findings}
    assert "min-lowered" not in {found.code for found in run(replace(known, last=None, live=())).findings}


def test_a_model_name_that_another_deployment_adopts_is_not_missing():
    moved = (
        "deployments:\n  chat: null\n  canary: null\n  next: {gateways: [public], model: {name: acme/chat, path: models/n},"
        " runtime: {engine: vllm}, resources: {instanceType: gd-8xh200ib-i128, gpuCount: 1}, autoscaling: {min: 2, max: 8,"
        " concurrency: 32, capacityClasses: [CAPACITY_CLASS_RESERVED]}, traffic: {weight: 1}}\n"
    )

    assert "model-name-gone" not in codes({"before": "", "declaration": moved})


NEW_GATEWAY = (
    "gateways: {west: {zones: [US-WEST-04A], coreWeaveAuth: {}, bodyBasedRouting: {apiType: API_TYPE_OPENAI}}}\n"
    "deployments: {chat: {gateways: [west], resources: {instanceType: %s}}}"
)


@pytest.mark.parametrize(
    ("instance_type", "severity"),
    [("b200-8x", None), ("b300-8x", Severity.WARNING), ("gd-8xh200ib-i128", None)],
)
def test_an_instance_type_behind_a_gateway_to_be_created_is_not_judged_by_those_that_exist(
    instance_type, severity
):
    offered = "instanceTypes: [gd-8xh200ib-i128]\nclaimTypes: {US-WEST-04A: [B200-8x]}"

    found = checked({"before": "", "declaration": NEW_GATEWAY % instance_type, "catalogue": offered}).findings

    assert {f.severity for f in found if f.code == "instance-type-not-offered"} == {severity} - {None}


def test_disabling_a_member_that_served_nothing_is_no_loss():
    both_off = "deployments: {canary: {disabled: true}, chat: {disabled: true}}"
    served = "deployments: {chat: {traffic: {weight: 900}}, canary: {traffic: {weight: 0}}}"

    found = checked({"before": served, "declaration": both_off}).findings

    assert [f.path for f in found if f.code == "last-member-disabled"] == ["deployments.chat.disabled"]


def test_a_run_that_disables_everybody_who_served_is_one_finding_and_goes_on_as_another():
    off = "deployments: {canary: {disabled: true}, chat: {disabled: true}}"
    found = {
        before: [f for f in checked({"before": before, "declaration": off}).findings if "disabled" in f.what]
        for before in ("", off)
    }

    assert [(f.code, f.path) for f in found[""]] == [("last-member-disabled", "deployments.chat.disabled")]
    assert '"canary" too' in found[""][0].what
    assert [f.code for f in found[off]] == ["traffic-all-disabled"]


@pytest.mark.parametrize(
    ("code", "offered", "changed"),
    [
        (
            "claim-not-offered",
            "claimTypes: {US-EAST-04A: [gd-8xh100ib-i128]}",
            "capacityClaims: {h200: {instanceId: b200-8x}}",
        ),
        ("zone-not-offered", "zones: [RNO2A]", "gateways: {public: {zones: [US-WEST-04A]}}"),
        (
            "instance-type-not-offered",
            "instanceTypes: [gd-8xh100ib-i128]",
            "deployments: {chat: {resources: {instanceType: b200-8x}}}",
        ),
        (
            "engine-not-offered",
            "versions: {sglang: [0.5.0]}",
            "deployments: {chat: {runtime: {engine: dynamo-vllm}}}",
        ),
    ],
)
def test_what_an_object_has_already_is_a_warning_once_it_is_not_offered_any_more(code, offered, changed):
    def severities(declaration):
        found = checked({"before": "", "catalogue": offered, "declaration": declaration}).findings
        return {one.severity for one in found if one.code == code}

    assert severities("capacityClaims: {h200: {instanceCount: 3}}") == {Severity.WARNING}
    assert severities(changed) == {Severity.ERROR}


@pytest.mark.parametrize(
    ("change", "severity"), [("", Severity.WARNING), ("autoscaling: {max: 9}", Severity.ERROR)]
)
def test_a_key_that_is_no_longer_allowed_stops_only_a_run_that_sends_it(change, severity):
    allowed = {"catalogue": "configKeys: {vllm: [max-num-seqs]}"}
    changed = f"deployments: {{chat: {{{change}}}}}" if change else ""

    found = checked({"before": "", "declaration": changed}, allowed).findings

    assert [f.severity for f in found if f.code == "engine-config-key" and "chat" in f.path] == [severity]


def test_a_list_that_was_asked_for_several_gateways_is_not_certain_for_one_of_them():
    two = (
        "gateways: {west: {zones: [US-WEST-04A], coreWeaveAuth: {}, bodyBasedRouting: {apiType: API_TYPE_OPENAI}}}\n"
        "deployments: {canary: {gateways: [west]}, chat: {resources: {instanceType: b300-8x}}}"
    )
    parts = {"before": two, "declaration": two, "catalogue": "instanceTypes: [gd-8xh200ib-i128]"}

    found = checked(parts).findings

    assert {f.severity for f in found if f.code == "instance-type-not-offered"} == {Severity.WARNING}
