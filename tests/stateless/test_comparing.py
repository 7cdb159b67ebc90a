"""A declaration compared with an account: the differences of a preview with refresh, and what only a state tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from coreweave_inference.api.objects import ApiObject, Condition
from coreweave_inference.declaration import read_for_stack
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import with_path
from coreweave_inference.stateless.comparing import Comparison, compare

from tests.faults.changes import changed, first
from tests.faults.programs import Claim, Deployment, Gateway, Program
from tests.stateless.previews import (
    STACK,
    Account,
    changed_outside,
    created,
    declaration_of,
    previewed,
)

ONE = Program(
    gateways={"public": Gateway()}, claims={"h200": Claim()}, deployments={"chat": Deployment(("public",))}
)
CHAT = "deployment", "chat"


def compared(program: Program, account: Account, **more: Any) -> Comparison:
    lists = {kind: [found for found in account.values() if found.kind is kind] for kind in Kind}
    return compare(
        declaration_of(program),
        {**lists, **more.pop("lists", {})},
        STACK,
        {},
        now=2e9,
        settle_seconds=15.0,
        **more,
    )


def shown(found: Comparison) -> dict[tuple[str, str, str], set[str]]:
    return {(one.what, one.kind, one.key): {field.path for field in one.fields} for one in found.differences}


def live(account: Account, kind: Kind) -> ApiObject:
    return next(found for found in account.values() if found.kind is kind)


def with_field(account: Account, kind: Kind, path: str, value: Any) -> Account:
    found = live(account, kind)
    spec = with_path(found.spec, path, value)
    return {**account, found.id: replace(found, spec=spec, name=spec["name"])}


@pytest.mark.parametrize(
    "seed", [*range(40), *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(40, 240))]
)
def test_random_changes_differ_as_a_preview_with_refresh_shows_them(seed: int) -> None:
    random = Random(seed)
    program = first(random)
    state, account = created(declaration_of(program))
    account = changed_outside(random, account)
    program, _ = changed(random, program, may_fail=True)
    expected = previewed(state, account, declaration_of(program))

    found = compared(program, account)

    differences = shown(found)
    # A name that somebody gave hides the key that is no longer declared.
    hidden = {one for one in expected if one not in differences and one[0] == "removes"}
    assert {key: paths for key, paths in expected.items() if key not in hidden} == differences
    assert not hidden or any("no longer declared" in text for text in found.not_known)


def test_what_is_as_declared_is_equal() -> None:
    _, account = created(declaration_of(ONE))

    found = compared(ONE, account)

    assert not found.differences
    assert set(found.equal) == {'gateway "public"', 'capacity claim "h200"', 'deployment "chat"'}


def test_an_object_of_the_same_name_is_compared_and_whose_it_is_is_not_known() -> None:
    _, account = created(declaration_of(ONE))
    found = live(account, Kind.DEPLOYMENT)
    del account[found.id]
    other = "11111111-1111-4111-8111-111111111111"
    account[other] = replace(found, id=other, spec=with_path(found.spec, "autoscaling.max", 7))

    result = compared(ONE, account)

    assert shown(result) == {("changes", *CHAT): {"autoscaling.max"}}
    assert any(other in text and "whose" in text for text in result.not_known)


def test_what_the_state_may_have_under_a_key_that_was_removed_is_not_known() -> None:
    _, account = created(declaration_of(ONE))
    found = live(account, Kind.DEPLOYMENT)
    account["x"] = replace(found, id="11111111-1111-4111-8111-111111111111", name="somebody-s")

    result = compared(ONE, account)

    assert not result.differences
    assert any("1 other object" in text and "no longer declared" in text for text in result.not_known)


def test_another_stacks_objects_are_no_differences() -> None:
    _, account = created(declaration_of(ONE))
    elsewhere = replace(STACK, identity='["other","serving","dev"]')
    lists = {kind: [found for found in account.values() if found.kind is kind] for kind in Kind}
    nothing = read_for_stack(Path("inference.yaml"), "none", text="version: 1\n")

    assert not compare(nothing, lists, elsewhere, {}, now=2e9, settle_seconds=15.0).differences
    ours = compare(nothing, lists, STACK, {}, now=2e9, settle_seconds=15.0).differences
    assert {(one.what, one.key) for one in ours} == {
        ("removes", "public"),
        ("removes", "h200"),
        ("removes", "chat"),
    }


@pytest.mark.parametrize(
    ("status", "broken"), [("FAILED", True), ("ERROR", True), ("UPDATING", False), ("READY", False)]
)
def test_what_is_broken_is_a_difference_and_what_is_on_its_way_is_none(status: str, broken: bool) -> None:
    _, account = created(declaration_of(ONE))
    found = live(account, Kind.DEPLOYMENT)
    why = Condition(
        "ReplicasAvailable", False, "OutOfMemory", "CUDA out of memory", "", "2020-01-01T00:00:00Z"
    )
    account[found.id] = replace(found, status=status, conditions=(why,))

    result = compared(ONE, account)

    assert bool(result.differences) == broken
    assert all(one.what == "breaks" and "CUDA out of memory" in one.lines[0] for one in result.differences)


def test_what_is_being_deleted_is_not_there() -> None:
    _, account = created(declaration_of(ONE))
    found = live(account, Kind.CAPACITY_CLAIM)
    account[found.id] = replace(found, status="DELETING")

    assert shown(compared(ONE, account)) == {("adds", "capacity claim", "h200"): set()}


def test_a_kind_that_could_not_be_listed_is_not_compared() -> None:
    _, account = created(declaration_of(ONE))
    lists = {kind: [found for found in account.values() if found.kind is kind] for kind in Kind}
    del lists[Kind.GATEWAY]
    unread = {Kind.GATEWAY: "the service returned a server error"}

    found = compare(declaration_of(ONE), lists, STACK, {}, now=2e9, settle_seconds=15.0, unread=unread)

    assert (found.differences, found.unread) == ((), unread)


def _text(program: Program, **sections: Any) -> str:
    document = program.document()
    for name, entries in sections.items():
        for key, values in entries.items():
            document[name][key] = {**document[name][key], **values}
    return yaml.safe_dump(document)


@pytest.mark.parametrize(
    ("sections", "kind", "path", "value", "words"),
    [
        ({}, Kind.CAPACITY_CLAIM, "resources.instanceCount", 4, "still pending"),
        (
            {"gateways": {"public": {"endpointConfiguration": {"additionalDns": ["a.example.com"]}}}},
            Kind.GATEWAY,
            "endpointConfiguration.additionalDns",
            ["a.example.com", "b.example.com"],
            "kept when they were removed",
        ),
        ({}, Kind.DEPLOYMENT, "runtime.version", "0.20.0", "engine version of chat: not declared"),
        (
            {"deployments": {"chat": {"runtime": {"engine": "vllm", "version": "latest"}}}},
            Kind.DEPLOYMENT,
            "runtime.version",
            "0.20.0",
            "the newest that is offered",
        ),
        (
            {
                "deployments": {
                    "chat": {"runtime": {"engine": "vllm", "engineEnv": {"KEY": {"fromEnv": "NOT_SET"}}}}
                }
            },
            Kind.DEPLOYMENT,
            "disabled",
            False,
            "NOT_SET, which is not set",
        ),
        ({}, Kind.GATEWAY, "zones", ["US-EAST-04A"], "buckets acme-weights and their policies"),
    ],
    ids=["reduction", "dns", "version", "latest", "secret", "buckets"],
)
def test_what_a_state_would_show_is_reported(
    sections: Mapping[str, Any], kind: Kind, path: str, value: Any, words: str
) -> None:
    declaration = read_for_stack(Path("inference.yaml"), "none", text=_text(ONE, **sections))
    _, account = created(declaration_of(ONE))
    account = with_field(account, kind, path, value)
    lists = {kind: [found for found in account.values() if found.kind is kind] for kind in Kind}

    found = compare(declaration, lists, STACK, {}, now=2e9, settle_seconds=15.0)

    assert any(words in text for text in found.not_known), found.not_known
