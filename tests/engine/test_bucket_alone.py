"""A stack that is reduced to its bucket, as one is whose GPUs are off for the night: the account is empty, and that is fine."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.declarations import stack
from tests.engine.workbench import STRANGER, Service, Workbench


@pytest.mark.parametrize("access", ["organization", pytest.param("none", marks=pytest.mark.thorough)])
def test_a_stack_reduced_to_its_bucket_is_previewed_brought_up_again_and_destroyed(
    service: Service, workbench_of: Callable[..., Workbench], access: str
) -> None:
    bench = workbench_of(service)
    whole = stack(buckets={"weights": {"adopt": None, "policy": {"ownerAccess": access}}}, deployments=None)
    alone = {key: value for key, value in whole.items() if key != "gateways"}
    bench.bring_up(whole)
    assert bench.refresh().ok  # The organization is recorded.
    bench.declare(alone)
    reduced = bench.up()

    again, previewed, refreshed = bench.up(), bench.preview("--refresh"), bench.refresh()
    bench.environment["COREWEAVE_API_TOKEN"], ours = STRANGER, bench.environment["COREWEAVE_API_TOKEN"]
    stranger = bench.refresh()
    bench.environment["COREWEAVE_API_TOKEN"] = ours
    gone = bench.destroy("--refresh")

    assert reduced.ok, reduced.output
    assert again.ok, again.output
    assert (previewed.ok, previewed.changes) == (True, {}), previewed.output
    assert refreshed.ok, refreshed.output
    assert not stranger.ok
    assert gone.ok, gone.output
    assert service.account() == {"buckets": ["acme-weights"]}
