"""From an account and a file to the file afterwards, and to what the next preview would show. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from coreweave_inference.declaration import Declaration, read_for_stack
from coreweave_inference.errors import InvalidDeclaration
from coreweave_inference.importing.matching import Stack
from coreweave_inference.importing.plan import ImportPlan, plan_import
from coreweave_inference.importing.report import lines, page
from coreweave_inference.importing.snapshot import LiveBucket, LiveObject, Snapshot, in_order
from coreweave_inference.model.kinds import Kind
from coreweave_inference.policy.statements import inference_statement
from hypothesis import given, settings
from hypothesis import strategies as st

ZONE = "US-EAST-04A"
STACK = Stack("serving", "dev", '["identity","serving","dev"]')
GATEWAY = {"zones": [ZONE], "coreWeaveAuth": {}, "bodyBasedRouting": {"apiType": "API_TYPE_OPENAI"}}
CLAIM = {
    "instanceId": "gd-8xh200ib-i128",
    "instanceCount": 2,
    "capacityType": "CAPACITY_TYPE_MANAGED",
    "zones": [ZONE],
}


def id_of(name: str) -> str:
    return f"00000000-0000-4000-8000-{name.encode().hex()[:12].ljust(12, '0')}"


def gateway(name: str = "public", status: str = "READY", **more: Any) -> LiveObject:
    return LiveObject(
        Kind.GATEWAY, id_of(name), name, {"id": id_of(name), "name": name, **GATEWAY, **more}, status
    )


def claim(name: str = "h200", **more: Any) -> LiveObject:
    return LiveObject(Kind.CAPACITY_CLAIM, id_of(name), name, {"name": name, "resources": {**CLAIM, **more}})


def deployment(
    name: str = "chat", *gateways: str, status: str = "READY", why: str = "", **blocks: Any
) -> LiveObject:
    spec: dict[str, Any] = {
        "name": name,
        "gatewayIds": [id_of(found) for found in gateways or ("public",)],
        "runtime": {"engine": "vllm", "version": "0.22.0+crwv.2"},
        "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 1},
        "model": {"name": f"acme/{name}", "bucket": "acme-weights", "path": "models/chat"},
        "autoscaling": {"min": 1, "max": 4, "concurrency": 32},
        "traffic": {"weight": 100},
    }
    merged = {
        block: {**value, **blocks.pop(block, {})} if isinstance(value, dict) else value
        for block, value in spec.items()
    }
    return LiveObject(Kind.DEPLOYMENT, id_of(name), name, {**merged, **blocks}, status, why)


def bucket(name: str = "acme-weights", prefixes: tuple[str, ...] = ("models",), **more: Any) -> LiveBucket:
    policy = {"Version": "2012-10-17", "Statement": [inference_statement(name, prefixes)]}
    return LiveBucket(name, **{"zone": ZONE, "policy": policy, **more})


def account(*objects: LiveObject, buckets: tuple[LiveBucket, ...] = ()) -> Snapshot:
    return Snapshot(in_order(objects), {found.name: found for found in buckets or (bucket(),)})


def read(text: str) -> Declaration:
    return read_for_stack(Path("inference.yaml"), "none", text=text)


def plan(
    snapshot: Snapshot, before: str = "", only: str = "", stack: Stack = STACK, **environ: str
) -> ImportPlan:
    return plan_import(snapshot, before, read, stack, only, environ)


def written(found: ImportPlan) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(found.text)
    return document


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


def test_secrets_are_references_and_nothing_shows_them() -> None:
    environment = {
        "HF_TOKEN": "hf_abcdef",
        "VLLM_LOGGING_LEVEL": "DEBUG",
        "VLLM_USE_V1": "1",
        "ODD": "s3cr3t/1",
    }
    snapshot = account(
        gateway(),
        deployment("chat", runtime={"engineEnv": environment}),
        deployment("other", runtime={"engineEnv": {"HF_TOKEN": "hf_abcdef"}}),
    )
    found = plan(snapshot)

    entries = written(found)["deployments"]
    assert entries["chat"]["runtime"]["engineEnv"] == {
        "HF_TOKEN": {"fromEnv": "CHAT_HF_TOKEN"},
        "VLLM_LOGGING_LEVEL": "DEBUG",
        "VLLM_USE_V1": 1,
        "ODD": {"fromEnv": "CHAT_ODD"},
    }
    assert entries["other"]["runtime"]["engineEnv"] == {"HF_TOKEN": {"fromEnv": "CHAT_HF_TOKEN"}}
    assert found.environment == {"CHAT_HF_TOKEN": "hf_abcdef", "CHAT_ODD": "s3cr3t/1"}
    assert found.proof.is_empty
    told = "\n".join([found.text, *lines(found), page(found, "serving/dev", []), repr(found)])
    assert "hf_abcdef" not in told
    assert "s3cr3t" not in told
    assert "CHAT_HF_TOKEN" in "\n".join(lines(found))

    set_otherwise = plan(snapshot, found.text, CHAT_HF_TOKEN="another", CHAT_ODD="s3cr3t/1")
    assert [one.label for one in set_otherwise.proof.expected] == ['deployment "chat"', 'deployment "other"']
    assert "another" not in str(set_otherwise.proof)


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("SIGNINGKEY", "GzTqWbLm", True),
        ("ODD", "GzTqWbLmNvPrXsYd", True),
        ("ODD", "correcthorsebatterystaple", True),
        ("VLLM_ATTENTION_BACKEND", "FLASH_ATTN", False),
        ("VLLM_WORKER_MULTIPROC_METHOD", "spawn", False),
        ("VLLM_USE_V1", "True", False),
        ("VLLM_LOGGING_LEVEL", "warning", False),
    ],
)
def test_what_may_be_a_secret_is_told_by_name_and_by_value(name: str, value: str, secret: bool) -> None:
    snapshot = account(gateway(), deployment("chat", runtime={"engineEnv": {name: value}}))

    assert (value not in plan(snapshot).text) is secret


def test_a_key_that_the_service_never_returns_is_a_reference_with_a_comment() -> None:
    live = gateway(coreWeaveAuth=None, weightsAndBiasesAuth={"serverUrl": "https://wandb.example.com"})

    found = plan(account(live))

    assert written(found)["gateways"]["public"]["weightsAndBiasesAuth"] == {
        "serverUrl": "https://wandb.example.com",
        "apiKey": {"fromEnv": "PUBLIC_WANDB_API_KEY"},
    }
    assert "# The service never returns apiKey" in found.text
    assert found.proof.is_empty
    assert "PUBLIC_WANDB_API_KEY" in str(found.proof.open)


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


def test_what_is_declared_and_not_there_and_what_the_state_has_and_nobody_declares_is_told() -> None:
    stack = Stack("serving", "dev", "", {("gateway", "old"): id_of("old")})
    text = "version: 1\ncapacityClaims:\n  next: {instanceId: a, instanceCount: 1, capacityType: CAPACITY_TYPE_MANAGED, zones: [RNO2A]}\n"

    found = plan(account(gateway(), gateway("old")), text, only="public", stack=stack)

    assert [str(one) for one in found.proof.expected] == [
        'adds capacity claim "next"',
        'removes gateway "old"',
    ]


@pytest.mark.parametrize("only", ["gateways", "public", "pub*", "gateways,claims", id_of("public")])
def test_a_gateway_without_the_deployments_that_use_it_is_refused_with_their_names(only: str) -> None:
    snapshot = account(gateway(), claim(), deployment("chat"), deployment("search"))

    with pytest.raises(InvalidDeclaration) as refused:
        plan(snapshot, only=only)

    assert 'gateway "public": deployments chat, search use it' in str(refused.value)
    assert f"--only '{only},chat,search'" in str(refused.value)
    assert len(plan(snapshot, only=f"{only},chat,search").objects) >= 3


def test_a_gateway_whose_deployments_are_being_deleted_or_in_the_stack_is_not_half() -> None:
    snapshot = account(gateway(), deployment("going", status="DELETING"), deployment("here"))
    stack = Stack("serving", "dev", "", {("deployment", "here"): id_of("here")})

    found = plan(snapshot, only="gateways", stack=stack)

    assert [one.live.name for one in found.objects] == ["public"]


def test_deployments_without_their_gateway_use_it_and_so_does_a_bucket_that_others_read() -> None:
    found = plan(account(gateway(), deployment("chat"), deployment("search")), only="chat*")

    assert written(found)["existing"] == {
        "gateways": {"public": {"name": "public"}},
        "buckets": {"acme-weights": {"name": "acme-weights", "zone": ZONE}},
    }
    assert found.proof.is_empty
    assert not found.buckets
    assert "search" in "\n".join(lines(found))

    # Another import later finds the gateway under `existing`, and leaves it there.
    later = plan(account(gateway(), deployment("chat"), deployment("search")), found.text)
    assert later.left_out == {'gateway "public"': "it is declared under `existing`"}
    assert written(later)["deployments"]["search"]["gateways"] == ["public"]


def test_a_word_that_nothing_matches_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(
        InvalidDeclaration, match='"chta": nothing in the account is called so; did you mean "chat"'
    ):
        plan(account(gateway(), deployment("chat")), only="chta")


def test_what_cannot_be_declared_is_left_out_with_the_reason() -> None:
    found = plan(
        account(
            gateway(),
            gateway("going", status="DELETING"),
            claim("empty", instanceCount=0),
            deployment("fine"),
            deployment("broken", status="FAILED", why="FAILED: Ready=False ModelNotFound: no such path"),
            deployment("half", status="CREATING"),
            deployment("of-going", "going"),
            deployment("of-nothing", "missing"),
            deployment("newer", hotLoad={"bucket": "b"}, traffic={"weight": 100, "mirror": True}),
        )
    )

    assert set(found.left_out) == {
        'gateway "going"',
        'capacity claim "empty"',
        'deployment "of-going"',
        'deployment "of-nothing"',
    }
    assert "instanceCount" in found.left_out['capacity claim "empty"']
    assert {one.live.name for one in found.objects} == {"public", "fine", "broken", "half", "newer"}
    assert "# When it was imported: FAILED: Ready=False ModelNotFound: no such path." in found.text
    assert "# CREATING when it was imported." in found.text
    assert "hotLoad, traffic.mirror" in found.text
    # The next run waits for what is broken, and its preview says so.
    assert [(one.label, one.lines) for one in found.proof.expected] == [
        ("readiness", ('waits for deployment "broken": FAILED: Ready=False ModelNotFound: no such path',))
    ]


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


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40).filter(lambda text: "$(" not in text)


@settings(deadline=None)
@given(st.dictionaries(st.from_regex(r"\A[A-Za-z0-9_.-]{1,20}\Z"), TEXTS, max_size=4), TEXTS.filter(bool))
def test_any_text_that_the_service_has_comes_back_as_the_same_text(config: dict[str, str], path: str) -> None:
    path = path.replace("..", "_")
    live = deployment(runtime={"engineConfig": config}, model={"path": path})

    found = plan(account(gateway(), live, buckets=(bucket(policy=None),)))

    assert found.proof.is_empty
    declared = found.declaration.deployments["chat"].spec
    assert (declared["model"]["path"], declared["runtime"].get("engineConfig", {})) == (path, config)


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


def test_a_faulty_file_is_told_before_anything() -> None:
    with pytest.raises(InvalidDeclaration, match=r"inference.yaml:2: gateways.x"):
        plan(account(gateway()), "version: 1\ngateways: {x: {}}\n")
