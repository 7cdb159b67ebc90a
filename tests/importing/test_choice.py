"""Which objects an import is about: what `--only` says, and what cannot be imported. Pure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from coreweave_inference.errors import InvalidDeclaration
from coreweave_inference.importing.matching import OtherStack, Stack
from coreweave_inference.importing.report import lines
from coreweave_inference.importing.snapshot import LiveBucket
from coreweave_inference.model.identity import object_id, replace_identity
from coreweave_inference.model.kinds import Kind
from coreweave_inference.policy.statements import inference_statement

from tests.importing.plans import (
    STACK,
    ZONE,
    account,
    bucket,
    claim,
    deployment,
    gateway,
    id_of,
    plan,
    written,
)


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
            replace(
                deployment("broken", status="FAILED", why="FAILED: Ready=False ModelNotFound: no such path"),
                broken="FAILED: Ready=False ModelNotFound: no such path",
            ),
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


def test_what_another_stack_has_is_left_to_it_and_used_and_naming_it_is_refused() -> None:
    elsewhere = OtherStack("serving/prod", frozenset({id_of("public"), id_of("chat"), "acme-weights"}))
    stack = replace(STACK, others=(elsewhere,))
    snapshot = account(gateway(), deployment("chat"), deployment("search"))

    found = plan(snapshot, stack=stack)

    assert [one.live.name for one in found.objects] == ["search"]
    assert set(found.left_out) == {'gateway "public"', 'deployment "chat"'}
    assert all("state of stack serving/prod" in why for why in found.left_out.values())
    assert written(found)["existing"]["gateways"] == {"public": {"name": "public"}}
    assert list(written(found)["existing"]["buckets"]) == ["acme-weights"]
    assert "it is in the state of stack serving/prod" in found.text
    assert found.proof.is_empty
    assert plan(snapshot, only="chat*,search", stack=stack).left_out.keys() == {'deployment "chat"'}
    for only in ("chat", f"search,{id_of('public')}"):
        with pytest.raises(InvalidDeclaration, match=r"in the state of stack serving/prod.*take it out"):
            plan(snapshot, only=only, stack=stack)


def test_a_gateway_comes_alone_where_another_stack_has_its_deployments() -> None:
    stack = replace(STACK, others=(OtherStack("serving/prod", frozenset({id_of("chat")})),))

    found = plan(account(gateway(), deployment("chat")), only="gateways", stack=stack)

    assert [one.live.name for one in found.objects] == ["public"]


BUCKETS_OF_OTHERS = {
    "by its tag": (bucket(of_stack="other", tag="t1"), "its tag is the one of stack serving/prod"),
    "by a tag that nobody knows": (bucket(of_stack="other", tag="t2"), "another stack of this package"),
    "by the statement of a known stack": (
        bucket(policy={"Statement": [inference_statement("acme-weights", (), "AllowInference0a1b2c3d")]}),
        "the statement AllowInference0a1b2c3d of stack serving/prod",
    ),
    "by the statement of a stack that nobody knows": (
        bucket(policy={"Statement": [inference_statement("acme-weights", (), "AllowInferencedeadbeef")]}),
        "the statement AllowInferencedeadbeef of another stack of this package",
    ),
}


@pytest.mark.parametrize(("live", "why"), BUCKETS_OF_OTHERS.values(), ids=BUCKETS_OF_OTHERS)
def test_a_bucket_of_another_stack_is_used_and_the_stack_is_named(live: LiveBucket, why: str) -> None:
    stack = replace(STACK, others=(OtherStack("serving/prod", tag="t1", sid="AllowInference0a1b2c3d"),))

    found = plan(account(gateway(), deployment(), buckets=(live,)), stack=stack)

    assert list(written(found)["existing"]["buckets"]) == ["acme-weights"]
    assert why in found.text


def test_ids_that_a_stack_derives_are_shown_although_no_state_has_them() -> None:
    declared = plan(account(gateway())).declaration.gateways["public"].spec
    own = object_id(STACK.identity, Kind.GATEWAY, "public", replace_identity(Kind.GATEWAY, declared))
    known, unknown = (object_id(of, Kind.GATEWAY, "x", "") for of in ("prod", "nobody"))
    live = [
        replace(gateway(name), id=id_) for name, id_ in (("public", own), ("known", known), ("odd", unknown))
    ]
    stack = replace(
        STACK, others=(OtherStack("serving/prod", derives=frozenset({known})),), unread="no states"
    )

    found = plan(account(*live, gateway("by-hand")), stack=stack)

    assert len(found.objects) == 4
    assert [line.partition(";")[0] for line in found.doubts] == [
        'gateway "known": its id is of stack serving/prod, whose state does not have it',
        'gateway "odd": its id is of the form that this package derives, so a stack that is not known here made it',
        "whether other stacks have any of it: no states",
    ]
    assert all(line in "\n".join([*lines(found)]) for line in found.doubts)
