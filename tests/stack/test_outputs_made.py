"""How many outputs a declaration makes: Pulumi's SDK looks at all that wait at each step, so their number counts twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import coreweave_inference
import yaml

from tests.engine.declarations import BUCKET, DEPLOYMENT, GATEWAY, edited

MOST = 50
"""For its properties, for the edges that the SDK resolves, and two of ours; 80 where URN, id and name were outputs each."""

PROGRAM = """\
import pulumi
made = 0
def counted(create):
    def create_one(*args, **more):
        global made
        made += 1
        return create(*args, **more)
    return create_one
pulumi.Output._from_data = classmethod(counted(pulumi.Output._from_data.__func__))
pulumi.Output.__init__ = counted(pulumi.Output.__init__)
import runpy
runpy.run_module("tests.resources.loaded_program", run_name="__main__")
print(made)
"""


def outputs_made(place: Path, count: int) -> int:
    place.mkdir()
    deployments = {
        f"chat-{n}": edited(DEPLOYMENT, {"model": {"name": f"acme/chat-{n}"}}) for n in range(count)
    }
    declared = {
        "version": 1,
        "buckets": {"weights": BUCKET},
        "gateways": {"public": GATEWAY},
        "deployments": deployments,
    }
    (place / "inference.yaml").write_text(yaml.safe_dump(declared))
    paths = [str(Path(coreweave_inference.__file__).parent.parent), str(Path(__file__).parents[2])]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[-1])


def test_a_further_deployment_makes_few_outputs(tmp_path: Path) -> None:
    few, many = outputs_made(tmp_path / "few", 2), outputs_made(tmp_path / "many", 12)

    assert (many - few) / 10 <= MOST
