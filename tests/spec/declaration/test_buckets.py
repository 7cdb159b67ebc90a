"""Buckets and their policies in a declaration."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from coreweave_inference.declaration import BucketDeclaration, Declaration, ObjectOptions, PolicyDeclaration

Declare = Callable[[str], Declaration]
Faults = Callable[[str], list[str]]
Change = Callable[..., str]


@pytest.mark.parametrize("prefix", ["models", "/models", "models/", "/models/", "models/*", "/models/*"])
def test_the_ways_of_writing_a_prefix_are_one(declare: Declare, prefix: str, changed: Change) -> None:
    bucket = {"name": "acme-weights", "zone": "RNO2A", "policy": {"prefixes": [prefix, "models"]}}

    assert declare(changed(buckets={"w": bucket})).buckets["w"].policy == PolicyDeclaration(("models",))


@pytest.mark.parametrize("prefix", ["", "/", "*", "/*", "models*", "a/*/b", "a?", "${x}", "a/../b", 3])
def test_a_prefix_is_a_folder(faults: Faults, prefix: object, changed: Change) -> None:
    bucket = {"name": "acme-weights", "zone": "RNO2A", "policy": {"prefixes": [prefix]}}

    assert "buckets.w.policy.prefixes[0]" in faults(changed(buckets={"w": bucket}, deployments=None))[0]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [(False, None), (None, None), ({}, PolicyDeclaration()), (True, "fault"), (3, "fault")],
)
def test_a_policy_is_declared_or_left_to_others(
    declare: Declare, faults: Faults, policy: object, expected: object, changed: Change
) -> None:
    text = changed(
        buckets={"w": {"name": "acme-weights", "zone": "RNO2A", "policy": policy}}, deployments=None
    )

    if expected == "fault":
        assert "buckets.w.policy" in faults(text)[0]
    else:
        assert declare(text).buckets["w"].policy == expected


@pytest.mark.parametrize(
    "name", ["ab", "a" * 64, "Acme", "a.b", "-abc", "abc-", "xn--abc", "cw-abc", "vip-abc", "int"]
)
def test_a_bucket_has_a_name_that_object_storage_takes(faults: Faults, name: str, changed: Change) -> None:
    found = faults(changed(buckets={"w": {"name": name, "zone": "RNO2A"}}, deployments=None))

    assert len(found) == 1
    assert "buckets.w.name" in found[0]


def test_a_bucket_says_all_it_can(declare: Declare, changed: Change) -> None:
    bucket = {
        "name": "acme-weights",
        "zone": "rno2a",
        "tags": {"team": "serving", "cost": 7},
        "policy": {"ownerAccess": "none", "organizationId": "ab1cd2"},
        "forceDestroy": True,
        "adopt": True,
        "options": {"retainOnDelete": False, "protect": True, "ignoreChanges": ["tags"]},
    }

    declared = declare(changed(buckets={"w": bucket}, deployments=None)).buckets["w"]

    assert declared == BucketDeclaration(
        key="w",
        name="acme-weights",
        zone="RNO2A",
        origin=declared.origin,
        tags={"team": "serving", "cost": "7"},
        policy=PolicyDeclaration((), "none", "ab1cd2"),
        force_destroy=True,
        adopt=True,
        options=ObjectOptions(protect=True, ignore_changes=("tags",), retain_on_delete=False),
    )
