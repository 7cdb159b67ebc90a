"""A stack directory that was copied, identity included, and has a backend of its own: what the original made stays the
original's, also once the copy's state is not empty.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from coreweave_inference.simulator import Simulator

from tests.running.command_line import Stack, claims, gateways
from tests.simulator.inference_fixtures import s3_client


@pytest.fixture
def original(tmp_path: Path, simulator: Simulator) -> Stack:
    return _in(tmp_path / "original", simulator)


@pytest.fixture
def copy(tmp_path: Path, simulator: Simulator) -> Stack:
    """With a capacity claim that it made itself."""
    found = _in(tmp_path / "copy", simulator)
    found.bring_up(claims("own"))
    return found


def _in(place: Path, simulator: Simulator) -> Stack:
    place.mkdir()
    return Stack(place, simulator)


def test_a_gateway_that_the_original_made_just_now_is_neither_adopted_nor_deleted(
    original: Stack, copy: Stack, simulator: Simulator
) -> None:
    original.declare(gateways("public"))
    assert original.run("up", "--yes").returncode == 0
    [gateway] = simulator.world.records("gateways")
    copy.declare(claims("own"), gateways("public"))

    refused = copy.document("up", "--yes")
    destroyed = copy.run("destroy", "--yes")

    assert refused["code"] != 0
    assert any(f"COREWEAVE_TAKE_OVER={gateway.id}" in error for error in refused["errors"])
    assert destroyed.returncode == 0, destroyed.stderr
    assert [found.id for found in simulator.world.records("gateways")] == [gateway.id]


@pytest.mark.parametrize(
    "harm",
    [
        ", forceDestroy: true, options: {retainOnDelete: false}",
        pytest.param(", tags: {team: theirs}", marks=pytest.mark.thorough),
    ],
)
def test_a_bucket_of_the_original_s_that_this_run_could_harm_is_refused_and_keeps_its_weights_and_tags(
    original: Stack, tmp_path: Path, simulator: Simulator, harm: str
) -> None:
    plain = "buckets:\n  weights: {name: acme-weights, zone: US-EAST-04A%s}\n"
    original.bring_up(plain % "")
    s3 = s3_client(simulator)
    s3.put_object(Bucket="acme-weights", Key="models/chat/config.json", Body=b"{}")
    tags = s3.get_bucket_tagging(Bucket="acme-weights")["TagSet"]
    copy = _in(tmp_path / "copy", simulator)
    copy.declare(plain % harm)

    refused = copy.document("up", "--yes")
    destroyed = copy.run("destroy", "--yes")

    assert refused["code"] != 0
    assert any("COREWEAVE_TAKE_OVER=acme-weights" in error for error in refused["errors"])
    assert destroyed.returncode == 0, destroyed.stderr
    assert s3.get_object(Bucket="acme-weights", Key="models/chat/config.json")["Body"].read() == b"{}"
    assert s3.get_bucket_tagging(Bucket="acme-weights")["TagSet"] == tags
    s3.close()


def bucket(prefix: str, *, adopt: bool = False) -> str:
    """A declaration's section of one weights bucket, and the statement for `prefix` in its policy."""
    policy = f"{{prefixes: [{prefix}], ownerAccess: organization}}"
    return (
        "buckets:\n  weights: {name: acme-weights, zone: US-EAST-04A, "
        f"adopt: {str(adopt).lower()}, policy: {policy}}}\n"
    )


@pytest.mark.thorough
def test_the_original_s_statement_in_a_policy_is_neither_rewritten_nor_taken_out(
    original: Stack, copy: Stack, simulator: Simulator
) -> None:
    original.declare(bucket("models"))
    assert original.run("up", "--yes").returncode == 0
    s3 = s3_client(simulator)
    before = s3.get_bucket_policy(Bucket="acme-weights")["Policy"]
    copy.declare(claims("own"), bucket("other", adopt=True))

    refused = copy.document("up", "--yes")
    destroyed = copy.run("destroy", "--yes")

    assert refused["code"] != 0
    assert any("COREWEAVE_TAKE_OVER=acme-weights" in error for error in refused["errors"])
    assert destroyed.returncode == 0, destroyed.stderr
    assert s3.get_bucket_policy(Bucket="acme-weights")["Policy"] == before
    s3.close()
