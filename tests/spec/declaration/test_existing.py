"""`existing`: gateways, capacity claims and buckets that are used, and never changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from coreweave_inference.declaration import Declaration, Existing, ExistingBucket, ExistingObject, Origin
from coreweave_inference.model import UNKNOWN, Kind

Declare = Callable[[str], Declaration]
Faults = Callable[[str], list[str]]
Change = Callable[..., str]
ID = "5b1f5a8e-5f5f-5d55-9a3e-0f1d2c3b4a59"


def test_each_way_of_naming_an_existing_object_is_read(declare: Declare, tmp_path: Path) -> None:
    text = f"""\
version: 1
existing:
  gateways:
    internal: prod-internal
    same: {{name: prod-internal}}
    known: {{id: {ID}}}
    bare: {ID}
    shared: {{stack: acme/platform/prod, key: public}}
  capacityClaims:
    h200: {{stack: acme/platform/prod}}
  buckets:
    theirs: {{name: acme-shared, zone: us-east-04a}}
    bare: acme-bare
    other: {{stack: acme/platform/prod, key: weights}}
"""

    file = str(tmp_path / "inference.yaml")
    gateway, claim = Kind.GATEWAY, Kind.CAPACITY_CLAIM

    assert declare(text).existing == Existing(
        gateways={
            "internal": ExistingObject("internal", gateway, Origin(file, 4), name="prod-internal"),
            "same": ExistingObject("same", gateway, Origin(file, 5), name="prod-internal"),
            "known": ExistingObject("known", gateway, Origin(file, 6), id=ID),
            "bare": ExistingObject("bare", gateway, Origin(file, 7), id=ID),
            "shared": ExistingObject(
                "shared", gateway, Origin(file, 8), stack="acme/platform/prod", stack_key="public"
            ),
        },
        capacity_claims={
            "h200": ExistingObject(
                "h200", claim, Origin(file, 10), stack="acme/platform/prod", stack_key="h200"
            )
        },
        buckets={
            "theirs": ExistingBucket("theirs", Origin(file, 12), name="acme-shared", zone="US-EAST-04A"),
            "bare": ExistingBucket("bare", Origin(file, 13), name="acme-bare"),
            "other": ExistingBucket(
                "other", Origin(file, 14), stack="acme/platform/prod", stack_key="weights"
            ),
        },
    )


def test_a_deployment_names_existing_gateways_and_buckets_as_it_names_own_ones(
    declare: Declare, with_deployment: Change
) -> None:
    existing = (
        "existing: {gateways: {internal: prod-internal}, "
        "buckets: {shared: acme-shared, other: {stack: acme/platform/prod}}}"
    )
    found = {}
    for bucket in ("shared", "acme-shared", "other", "weights"):
        model = {"name": "acme/chat", "path": "models/x", "bucket": bucket}
        text = with_deployment(model=model, gateways=["public", "internal"]) + existing
        chat = declare(text).deployments["chat"]
        found[bucket] = (chat.gateways, chat.bucket, chat.spec["model"]["bucket"])

    both = ("public", "internal")
    assert found == {
        "shared": (both, "shared", "acme-shared"),
        "acme-shared": (both, "shared", "acme-shared"),
        "other": (both, "other", UNKNOWN),
        "weights": (both, "weights", "acme-weights"),
    }


def test_an_existing_bucket_is_the_only_one_where_none_is_declared(declare: Declare, changed: Change) -> None:
    text = changed(buckets=None, existing={"buckets": {"shared": {"stack": "acme/platform/prod"}}})

    assert declare(text).deployments["chat"].bucket == "shared"


def test_a_bucket_left_out_beside_an_existing_one_must_be_named(faults: Faults, changed: Change) -> None:
    found = faults(changed(existing={"buckets": {"shared": "acme-shared"}}))

    assert "is left out and several buckets are declared; name one of weights, shared" in found[0]


@pytest.mark.parametrize(
    ("existing", "expected"),
    [
        ("x", "existing: is not a mapping; write gateways, capacityClaims, buckets below it"),
        ({"gatways": {}}, 'existing.gatways: unknown key "gatways"; did you mean "gateways"?'),
        ({"gateways": ["x"]}, "existing.gateways: is not a mapping of names to entries"),
        ({"gateways": {"a": 3}}, "existing.gateways.a: is not a mapping of fields"),
        ({"gateways": {"a b": "x"}}, 'existing.gateways.a b: "a b" cannot name a resource'),
        ({"gateways": {"a": None}}, "existing.gateways.a.name: none of name, id, stack is given"),
        (
            {"gateways": {"a": {"name": "x", "id": ID}}},
            "existing.gateways.a.id: name and id are mutually exclusive",
        ),
        ({"gateways": {"a": {"id": "x"}}}, 'existing.gateways.a.id: "x" is not a UUID'),
        ({"gateways": {"a": {"name": "x", "key": "y"}}}, "existing.gateways.a.key: is given without stack"),
        ({"gateways": {"a": {"stack": "prod"}}}, '"prod" is not the full name of a stack'),
        ({"gateways": {"a": {"nme": "x", "name": "y"}}}, 'unknown key "nme"; did you mean "name"?'),
        ({"gateways": {"public": "x"}}, 'existing.gateways.public: "public" is declared under gateways too'),
        ({"buckets": {"a": "Not_A_Bucket"}}, "is not a bucket's name"),
        (
            {"buckets": {"a": {"stack": "a/b/c", "zone": "RNO2A"}}},
            "existing.buckets.a.zone: is given without name",
        ),
    ],
)
def test_what_cannot_exist_is_a_fault(
    faults: Faults, changed: Change, existing: object, expected: str
) -> None:
    found = faults(changed(existing=existing, deployments=None))

    assert len(found) == 1
    assert expected in found[0]


def test_a_faulty_existing_gateway_makes_no_second_fault_where_it_is_used(
    faults: Faults, with_deployment: Change
) -> None:
    text = with_deployment(gateways=["internal"]) + "existing: {gateways: {internal: {id: x}}}"

    assert len(faults(text)) == 1


def test_an_overlay_says_which_stack_is_meant(tmp_path: Path, full: str) -> None:
    from coreweave_inference.declaration import read

    base, over = tmp_path / "inference.yaml", tmp_path / "inference.dev.yaml"
    base.write_text(full + "existing: {gateways: {internal: {stack: acme/platform/prod, key: public}}}")
    over.write_text("existing: {gateways: {internal: {stack: acme/platform/dev}}}")

    found = read(base, over).existing.gateways["internal"]

    assert (found.stack, found.stack_key) == ("acme/platform/dev", "public")
