"""From an account and a file to the file afterwards, and to what the next preview would show. Pure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from coreweave_inference.errors import InvalidDeclaration
from coreweave_inference.importing.matching import OtherStack, Stack
from coreweave_inference.importing.plan import plan_import
from coreweave_inference.importing.report import commands_after, lines, page
from coreweave_inference.importing.snapshot import LiveBucket
from coreweave_inference.policy.statements import inference_statement

from tests.importing.plans import (
    CLAIM,
    STACK,
    ZONE,
    account,
    bucket,
    claim,
    deployment,
    gateway,
    id_of,
    plan,
    read,
    written,
)


def test_names_are_kept_defaults_left_out_and_references_are_keys() -> None:
    found = plan(account(gateway(), claim(), deployment()))

    assert written(found) == {
        "version": 1,
        "buckets": {
            "acme-weights": {
                "name": "acme-weights",
                "zone": ZONE,
                "adopt": True,
                "policy": {"prefixes": ["models"]},
            }
        },
        "gateways": {
            "public": {"name": "public", "zones": [ZONE], "coreWeaveAuth": {}, "bodyBasedRouting": {}}
        },
        "capacityClaims": {"h200": {"name": "h200", **CLAIM}},
        "deployments": {
            "chat": {
                "name": "chat",
                "gateways": ["public"],
                "model": {"name": "acme/chat", "bucket": "acme-weights", "path": "models/chat"},
                "runtime": {"engine": "vllm", "version": "0.22.0+crwv.2"},
                "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 1},
                "autoscaling": {"min": 1, "max": 4, "concurrency": 32},
            }
        },
    }
    assert found.proof.is_empty
    assert [(one.live.name, one.declared.key) for one in found.objects] == [
        ("public", "public"),
        ("h200", "h200"),
        ("chat", "chat"),
    ]


def test_values_that_a_service_writes_out_although_they_are_zero_change_nothing() -> None:
    zeros = {
        "autoscaling": {"priority": 0, "capacityClasses": []},
        "disabled": False,
        "traffic": {"weight": 0},
    }
    terraform = deployment("chat", runtime={"engineConfig": {}, "engineEnv": {}}, **zeros)
    found = plan(
        account(
            gateway(endpointConfiguration={"additionalDns": []}),
            gateway("edge", zones=[ZONE.lower()], coreWeaveAuth=None, weightsAndBiasesAuth={}),
            gateway("everywhere", zones=[]),
            claim("big", capacityType="CAPACITY_TYPE_SERVERLESS", instanceId="GD-8xH200ib-I128"),
            terraform,
        )
    )

    assert found.proof.is_empty
    assert written(found)["deployments"]["chat"]["traffic"] == {"weight": 0}
    assert "disabled" not in written(found)["deployments"]["chat"]
    assert written(found)["gateways"]["edge"]["zones"] == [ZONE]
    assert "zones" not in written(found)["gateways"]["everywhere"]
    assert len(found.objects) == 5


def test_a_member_that_differs_in_few_fields_extends_the_one_with_most_traffic() -> None:
    config = {"engineConfig": {"max-model-len": "16384", "kv-cache-dtype": "fp8"}}
    model = {"name": "acme/chat"}
    found = plan(
        account(
            gateway(),
            deployment(
                "a-canary",
                model={**model, "path": "models/v2"},
                runtime={"engineConfig": {"max-model-len": "16384"}},
            ),
            deployment("b-other", model={**model, "path": "models/v3"}, autoscaling={"min": 2, "max": 9}),
            deployment("main", model=model, runtime=config, traffic={"weight": 900}),
        )
    )

    entries = written(found)["deployments"]
    assert entries["a-canary"] == {
        "name": "a-canary",
        "extends": "main",
        "model": {"path": "models/v2"},
        "runtime": {"engineConfig": {"kv-cache-dtype": None}},
        "traffic": {"weight": 100},
    }
    assert "extends" not in entries["b-other"]
    assert found.proof.is_empty


def test_a_second_import_changes_nothing() -> None:
    snapshot = account(gateway(), claim(), deployment())
    first = plan(snapshot)
    recorded = {("gateway", "public"): id_of("public"), ("capacity claim", "h200"): id_of("h200")}
    recorded |= {("deployment", "chat"): id_of("chat"), ("weights bucket", "acme-weights"): "acme-weights"}
    recorded[("inference bucket policy", "acme-weights-policy")] = "acme-weights"

    half, second = (
        plan(snapshot, first.text),
        plan(snapshot, first.text, stack=Stack("serving", "dev", "", recorded)),
    )

    assert (half.text, len(half.objects), half.proof.is_empty) == (first.text, 3, True)
    assert second.is_nothing
    assert second.proof.is_empty
    assert len(second.present) == 3


def test_a_state_that_has_one_of_the_objects_keeps_its_key() -> None:
    stack = Stack("serving", "dev", "", {("gateway", "edge"): id_of("public")})

    found = plan(account(gateway(), deployment()), stack=stack)

    assert written(found)["deployments"]["chat"]["gateways"] == ["edge"]
    assert written(found)["gateways"]["edge"]["name"] == "public"
    assert [one.live.name for one in found.objects] == ["chat"]
    assert found.proof.is_empty


def test_what_the_file_has_stays_and_what_it_says_otherwise_is_shown() -> None:
    first = plan(account(gateway(), deployment()))
    edited = first.text.replace("max: 4, concurrency: 32}", "max: 9, concurrency: 32}   # more")

    found = plan(account(gateway(), deployment(), deployment("second")), edited)

    assert "max: 9, concurrency: 32}   # more" in found.text
    assert [str(one) for one in found.proof.expected] == [
        'changes deployment "chat"\n    autoscaling.max: 4 -> 9'
    ]
    assert sorted(one.live.name for one in found.objects) == ["chat", "public", "second"]


def test_what_is_declared_and_not_there_and_what_the_state_has_and_nobody_declares_is_reported() -> None:
    stack = Stack("serving", "dev", "", {("gateway", "old"): id_of("old")})
    text = "version: 1\ncapacityClaims:\n  next: {instanceId: a, instanceCount: 1, capacityType: CAPACITY_TYPE_MANAGED, zones: [RNO2A]}\n"

    found = plan(account(gateway(), gateway("old")), text, only="public", stack=stack)

    assert [str(one) for one in found.proof.expected] == [
        'adds capacity claim "next"',
        'removes gateway "old"',
    ]


def test_what_is_declared_exists_and_is_not_imported_would_be_refused_or_adopted_and_never_added() -> None:
    snapshot = account(gateway(), deployment(), claim(), claim("spare"), claim("next"))
    text = plan(snapshot, only="h200,spare,chat").text.replace(
        "    name: spare\n", "    name: spare\n    options: {adopt: true}\n"
    )
    edited = text.replace("instanceCount: 2", "instanceCount: 3")

    found = plan(snapshot, edited, only="next,public,chat")
    other = OtherStack("acme/prod", frozenset({id_of("h200")}))
    owned = plan(snapshot, edited, only="next", stack=replace(STACK, others=(other,)))

    assert [(one.what, one.label, one.lines) for one in found.proof.expected] == [
        ("refuses", 'capacity claim "h200"', (f"{id_of('h200')} exists, and the stack does not have it",)),
        ("adopts", 'capacity claim "spare"', (id_of("spare"), "resources.instanceCount: 2 -> 3")),
    ]
    text = "\n".join(lines(found))
    assert "import it too" in text
    assert "let the next `up` create it" not in text
    expected = {one.label: (one.what, one.lines) for one in owned.proof.expected}
    assert expected['capacity claim "h200"'] == (
        "refuses",
        (f"{id_of('h200')} exists, and it is in the state of stack acme/prod",),
    )
    assert expected['weights bucket "acme-weights"'] == ("adopts", ("acme-weights",))


def test_the_command_that_comes_next_imports_no_more_than_was_asked_for() -> None:
    first, *_ = commands_after("serving", "dev", "import.json", "gate*,h200", applied=False)

    assert first == "cw-inference import serving --stack dev --only 'gate*,h200' --apply"


BUCKETS = {
    "of another stack": (bucket(of_stack="other"), "another stack"),
    "that cannot be read": (LiveBucket("acme-weights", unread="access denied"), "access denied"),
    "without a zone": (bucket(zone=""), "zone"),
}


@pytest.mark.parametrize(("live", "why"), BUCKETS.values(), ids=BUCKETS)
def test_a_bucket_that_is_not_to_be_managed_is_used(live: LiveBucket, why: str) -> None:
    found = plan(account(gateway(), deployment(), buckets=(live,)))

    assert list(written(found)["existing"]["buckets"]) == ["acme-weights"]
    assert "buckets" not in written(found)
    assert why in found.text
    assert found.proof.is_empty


def test_a_policy_in_other_words_or_with_too_few_folders_is_left_to_others() -> None:
    own_words = {
        "Version": "2012-10-17",
        "Statement": [{**inference_statement("acme-weights"), "Sid": "Mine"}],
    }
    for live in (bucket(policy=own_words), bucket(policy=None), bucket(prefixes=("other",))):
        found = plan(account(gateway(), deployment(), buckets=(live,)))

        assert "policy" not in written(found)["buckets"]["acme-weights"]
        assert found.proof.is_empty


def test_long_and_equal_names_get_keys_of_their_own() -> None:
    long = "n" * 90
    found = plan(account(claim(long), claim("x" * 63 + "1"), claim("x" * 63 + "2")))

    keys = list(written(found)["capacityClaims"])
    assert len(set(keys)) == 3
    assert all(len(key) <= 63 for key in keys)
    assert found.proof.is_empty


def test_an_object_in_a_component_is_in_the_stack_under_no_key_of_a_file() -> None:
    stack = Stack("serving", "dev", "", {("gateway", "public (acme:a:Chat)"): id_of("public")})

    found = plan(account(gateway(), deployment()), only="chat", stack=stack)

    assert written(found)["existing"]["gateways"] == {"public": {"name": "public"}}


def test_an_object_that_the_file_has_without_a_name_is_known_by_the_name_that_follows() -> None:
    text = (
        "version: 1\ngateways:\n  public: {zones: [US-EAST-04A], coreWeaveAuth: {}, bodyBasedRouting: {}}\n"
    )

    found = plan(account(gateway("public-serving-dev")), text)

    assert found.text == text
    assert [one.declared.key for one in found.objects] == ["public"]
    assert found.proof.is_empty


def test_a_new_member_beside_one_without_a_weight_is_a_fault_and_nothing_is_written() -> None:
    first = plan(account(gateway(), deployment("chat", model={"name": "acme/chat"})))

    with pytest.raises(InvalidDeclaration, match="does not say its weight"):
        plan(
            account(
                gateway(), *(deployment(name, model={"name": "acme/chat"}) for name in ("chat", "second"))
            ),
            first.text,
        )


def test_a_faulty_file_is_reported_before_anything() -> None:
    with pytest.raises(InvalidDeclaration, match=r"inference.yaml:2: gateways.x"):
        plan(account(gateway()), "version: 1\ngateways: {x: {}}\n")


def test_everything_that_the_next_run_waits_for_is_in_the_proof_and_what_to_do_beside_it() -> None:
    broken = replace(deployment("broken", status="ERROR"), broken="ERROR: no reason")
    lost = replace(deployment("lost"), lost_weights="may not read")
    quota = replace(
        claim(), status="FAILED", why="FAILED: no quota"
    )  # It waits, and nobody waits for it here.
    snapshot = account(gateway(), quota, broken, lost, deployment("fine"))

    found = plan(snapshot)
    accepted = plan_import(snapshot, "", read, STACK, unreadable=lambda _: ["lost"])
    left = plan(
        snapshot, found.text.replace("    name: broken\n", "    name: broken\n    options: {wait: false}\n")
    )

    waits = ('waits for deployment "broken": ERROR: no reason', 'waits for deployment "lost": may not read')
    assert [(one.what, one.label, one.lines) for one in found.proof.expected] == [
        ("changes", "readiness", waits)
    ]
    assert "`cw-inference doctor` says why" in "\n".join(lines(found))
    assert "`cw-inference doctor` says why" in page(found, "serving/dev", [])
    assert [one.lines for one in accepted.proof.expected] == [waits[:1]]
    assert [one.lines for one in left.proof.expected] == [waits[1:]]


def test_what_the_state_has_of_buckets_and_is_no_longer_so_is_in_the_proof() -> None:
    first = plan(account(gateway(), deployment()))
    text = first.text.replace("    adopt: true\n", "    adopt: true\n    tags: {team: a}\n")
    recorded = {("weights bucket", "acme-weights"): "acme-weights"}
    recorded |= {("inference bucket policy", "acme-weights-policy"): "acme-weights"}
    recorded |= {("gateway", "public"): id_of("public"), ("deployment", "chat"): id_of("chat")}
    stack = replace(STACK, recorded=recorded)

    same = plan(account(gateway(), deployment(), buckets=(bucket(tags={"team": "a"}),)), text, stack=stack)
    other = plan(
        account(gateway(), deployment(), buckets=(bucket(tags={"team": "b"}, policy=None),)),
        text,
        stack=stack,
    )
    unread = plan(
        account(gateway(), deployment(), buckets=(LiveBucket("acme-weights", unread="denied"),)),
        text,
        stack=stack,
    )

    assert same.proof.is_empty
    assert same.present_buckets == ("acme-weights",)
    assert "to import: nothing (3 already in the stack)" in lines(same)
    assert [(one.what, one.label) for one in other.proof.expected] == [
        ("changes", 'weights bucket "acme-weights"'),
        ("changes", 'inference bucket policy "acme-weights-policy"'),
    ]
    assert (unread.proof.expected, unread.proof.open) == ((), ('weights bucket "acme-weights": denied',))


def test_what_stops_the_next_run_is_no_empty_preview() -> None:
    snapshot = account(gateway(), deployment())

    found = plan_import(
        snapshot, "", read, STACK, stops=lambda after: [f"error {key}" for key in after.gateways]
    )

    assert not found.proof.is_empty
    assert "proof: the next preview shows no changes, and 1 finding would stop the next run" in lines(found)
    assert "  error public" in lines(found)
    assert "`accept`" in page(found, "serving/dev", [])
