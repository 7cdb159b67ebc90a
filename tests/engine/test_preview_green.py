"""A green preview means that the run can work: what declaration, account and buckets tell is refused before anything is made."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import coreweave_inference as cw
import pytest

from tests.engine.declarations import BUCKET, CLAIM, ZONE, stack
from tests.engine.workbench import Service, Workbench

NEW_BUCKET = {**BUCKET, "adopt": None, "policy": {"prefixes": ["models"]}}


@pytest.fixture
def bench(
    service: Service, workbench_of: Callable[..., Workbench], monkeypatch: pytest.MonkeyPatch
) -> Workbench:
    """A stack directory in front of an empty account; the program, which runs here, sees the account too."""
    bench = workbench_of(service)
    for name, value in bench.environment.items():
        if name.startswith("COREWEAVE_") and value is not None:
            monkeypatch.setenv(name, value)
    return bench


def test_a_new_bucket_without_weights_and_owner_access_is_refused_before_anything_billed_and_the_advice_works(
    bench: Workbench, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.declare(
        stack(
            buckets={"weights": {**NEW_BUCKET, "policy": {"ownerAccess": None}}},
            capacityClaims={"h200": CLAIM},
        )
    )
    refused = bench.up()

    assert not refused.ok
    assert "weights-bucket-missing" in refused.output
    assert "weights-owner-shut-out" in refused.output
    assert refused.writes == {}

    bench.declare(stack(buckets={"weights": {"adopt": None}}, capacityClaims={"h200": CLAIM}))
    (way,) = set(
        re.findall(r"with Pulumi alone `(COREWEAVE_CHECKS=warn pulumi up [^`]*)`", bench.preview().output)
    )
    _, _, _, *flags = shlex.split(way)
    monkeypatch.setenv("COREWEAVE_CHECKS", "warn")
    first = bench.up(*flags)
    monkeypatch.delenv("COREWEAVE_CHECKS")
    without_weights = bench.preview()
    service.put_weights("models/chat")
    whole = bench.up()

    assert first.ok, first.output
    assert sorted(first.changes) == ["account", "weights"]
    assert not without_weights.ok
    assert "weights-missing" in without_weights.output
    assert whole.ok, whole.output


def test_a_bucket_of_somebody_else_is_refused_in_preview_and_one_that_may_be_taken_is_not(
    bench: Workbench, service: Service
) -> None:
    service.make_bucket()
    service.put_weights("models/chat")
    bench.declare(stack(buckets={"weights": {"adopt": None}}))

    refused = bench.preview()
    bench.declare(stack(buckets={"weights": {"adopt": True}}))

    assert not refused.ok
    assert (
        'a bucket "acme-weights" exists already and nothing shows that this stack created it; say `adopt: true`'
        in refused.output
    )
    assert bench.preview().ok


def test_a_python_program_is_refused_too_before_its_claim_is_made(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    for name in [name for name in sys.modules if name.startswith("pulumi_")]:
        monkeypatch.delitem(sys.modules, name)

    def program() -> None:
        bucket = cw.WeightsBucket("weights", bucket_name="acme-weights", zone=ZONE)
        policy = cw.InferenceBucketPolicy(
            "weights-policy", bucket=bucket, prefixes=["models"], owner_access="none"
        )
        gateway = cw.Gateway(
            "public",
            zones=[ZONE],
            auth=cw.CoreWeaveAuth(),
            routing=cw.BodyBasedRouting(api_type="API_TYPE_OPENAI"),
        )
        cw.Deployment(
            "chat",
            gateways=[gateway],
            model=cw.Model(name="acme/chat", path="models/chat"),
            weights=policy,
            runtime=cw.Runtime(engine="vllm"),
            resources=cw.Resources(instance_type="gd-8xh200ib-i128", gpu_count=1),
            autoscaling=cw.Autoscaling(min=1, max=1),
        )
        cw.Readiness()
        cw.export()

    bench.program = program
    refused = bench.up()

    assert not refused.ok
    assert 'there is no bucket "acme-weights"' in refused.output
    assert refused.writes == {}
