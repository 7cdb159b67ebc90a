"""References go by name: gateways by key, buckets by key or name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from coreweave_inference.declaration import Declaration

Declare = Callable[[str], Declaration]
Faults = Callable[[str], list[str]]
Change = Callable[..., str]


def test_a_bucket_is_named_by_key_by_its_name_or_elsewhere(declare: Declare, with_deployment: Change) -> None:
    found = []
    for bucket in (None, "weights", "acme-weights", "another-ones"):
        model = {"name": "acme/chat", "path": "models/x", "bucket": bucket}
        chat = declare(with_deployment(model={k: v for k, v in model.items() if v})).deployments["chat"]
        found.append((chat.bucket, chat.spec["model"]["bucket"]))

    assert found == [
        ("weights", "acme-weights"),
        ("weights", "acme-weights"),
        ("weights", "acme-weights"),
        (None, "another-ones"),
    ]


@pytest.mark.parametrize(
    ("bucket", "expected"),
    [
        ("weigths", 'the bucket "weigths" is not declared; did you mean "weights"?'),
        ("Acme_Weights", '"Acme_Weights" is not a bucket\'s name'),
        (3, "is not the key or the name of a bucket"),
    ],
)
def test_a_bucket_that_cannot_be_is_a_fault(
    faults: Faults, bucket: object, expected: str, with_deployment: Change
) -> None:
    found = faults(with_deployment(model={"name": "acme/chat", "path": "models/x", "bucket": bucket}))

    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize("bucket", ["weights-2", "weights-eu"])
def test_a_variant_of_a_key_is_a_bucket_elsewhere(
    declare: Declare, bucket: str, with_deployment: Change
) -> None:
    text = with_deployment(model={"name": "acme/chat", "path": "models/x", "bucket": bucket})

    assert declare(text).deployments["chat"].spec["model"]["bucket"] == bucket


def test_a_bucket_left_out_must_be_the_only_one(faults: Faults, changed: Change) -> None:
    two = {"a": {"name": "aaa", "zone": "RNO2A"}, "b": {"name": "bbb", "zone": "RNO2A"}}

    assert "is left out and several buckets are declared; name one of a, b" in faults(changed(buckets=two))[0]
    assert "is left out and no bucket is declared" in faults(changed(buckets=None))[0]


def test_a_faulty_bucket_makes_no_second_fault_where_it_is_used(faults: Faults, full: str) -> None:
    assert len(faults(full.replace("acme-weights", "cw-weights"))) == 1


def test_a_model_may_lie_outside_the_prefixes_since_another_statement_may_open_it(
    declare: Declare, with_deployment: Change
) -> None:
    text = with_deployment(model={"name": "acme/chat", "path": "archive/x"})

    assert declare(text).deployments["chat"].spec["model"]["path"] == "archive/x"


@pytest.mark.parametrize(
    ("gateways", "expected"),
    [
        (["publik"], 'the gateway "publik" is not declared; did you mean "public"?'),
        (["zzz"], 'the gateway "zzz" is not declared; declare it under gateways'),
        ([], "no gateway routes to it; add gateways: [public]"),
        (None, "no gateway routes to it; add gateways: [public]"),
        ("public", "is not a list of gateways; write gateways: [public]"),
        (["public", "public"], 'names the gateway "public" twice'),
        ([3], "is not the key of a gateway"),
    ],
)
def test_a_deployment_names_declared_gateways(
    faults: Faults, gateways: object, expected: str, with_deployment: Change
) -> None:
    found = faults(with_deployment(gateways=gateways))

    assert len(found) == 1
    assert expected in found[0]


def test_ids_of_gateways_are_not_written_in_a_file(faults: Faults, with_deployment: Change) -> None:
    assert (
        'unknown key "gatewayIds"; did you mean "gateways"?' in faults(with_deployment(gatewayIds=["x"]))[0]
    )
