"""What tests begin with is what the run left that they would have made."""

from __future__ import annotations

import json
from pathlib import Path

from coreweave_inference.simulator import Simulator

from tests.engine.conftest import QUICK
from tests.engine.declarations import canary
from tests.engine.workbench import Service, Workbench


def _stocked(simulator: Simulator, place: Path) -> Workbench:
    service = Service(simulator)
    service.make_bucket()
    service.put_weights("models/chat", "models/chat-v2")
    return Workbench(service, place)


def test_a_stack_that_is_put_back_is_the_one_that_its_up_left_with_another_address(tmp_path: Path) -> None:
    found = []
    for name in ("made", "put back"):
        (tmp_path / name).mkdir()
        with Simulator(QUICK) as simulator:
            bench = _stocked(simulator, tmp_path / name)
            bench.bring_up(canary())
            account = json.dumps([simulator.control.account(), bench.service.sids()])
            texts = [bench.state_text(), account, (bench.directory / "Pulumi.dev.yaml").read_text()]
            found.append([text.replace(simulator.url, "") for text in texts])
            quiet = bench.up("--refresh")
            bench.service.s3.close()

    made, put_back = found
    assert put_back[0] == made[0]
    assert put_back[2] == made[2]
    assert (quiet.ok, quiet.changes, quiet.drift, quiet.writes) == (True, {}, {}, {}), quiet.output
