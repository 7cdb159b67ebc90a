"""Which objects an import is about: what `--only` says, and what cannot be imported. Pure."""

from __future__ import annotations

import pytest
from coreweave_inference.errors import InvalidDeclaration
from coreweave_inference.importing.matching import Stack
from coreweave_inference.importing.report import lines

from tests.importing.plans import ZONE, account, claim, deployment, gateway, id_of, plan, written


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
