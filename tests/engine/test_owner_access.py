"""A policy that shuts its own owner out stops neither a refresh nor a destroy."""

from __future__ import annotations

from tests.engine.declarations import stack
from tests.engine.workbench import Service, Workbench


def test_a_stack_whose_owner_is_shut_out_comes_up_is_quiet_and_goes(
    workbench: Workbench, service: Service
) -> None:
    workbench.declare(stack(buckets={"weights": {"policy": {"ownerAccess": "none"}}}))

    up = workbench.up()
    quiet = workbench.preview("--refresh")
    gone = workbench.destroy()

    assert up.ok, up.output
    assert (quiet.ok, quiet.changes, quiet.drift) == (True, {}, {})
    assert gone.ok, gone.output
    assert service.sids() == []
