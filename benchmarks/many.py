"""How long `cw-inference up`, an `up` with nothing to do and a `destroy` take for many deployments beside foreign ones.

    python benchmarks/many.py [DEPLOYMENTS] [FOREIGN]

Prints one line per run: seconds, the largest memory of one process so far, requests. The simulator and the Pulumi CLI
run on this machine.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
import uuid
from pathlib import Path

from coreweave_inference.simulator import Behaviour, Simulator
from coreweave_inference.simulator.records import Outcome

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.stacks import declare, document, stock
from tests.engine.declarations import DEPLOYMENT
from tests.running.command_line import Stack

ORGANISATION = "ab1cd2"


def add_foreign(simulator: Simulator, count: int) -> None:
    """Deployments of others, READY for a long time."""
    for place in range(count):
        spec = {
            "id": str(uuid.uuid4()),
            "name": f"foreign-{place}",
            "gatewayIds": [],
            "runtime": {
                "engine": "vllm",
                "version": "0.22.0+crwv.2",
                "engineConfig": {"max-model-len": "16384"},
            },
            "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 1},
            "model": {"name": f"other/{place}", "bucket": "theirs", "path": "models/x"},
            "autoscaling": {"min": 1, "max": 2},
            "traffic": {"weight": 100},
            "organizationId": ORGANISATION,
        }
        record = simulator.world.create("deployments", ORGANISATION, spec)
        record.outcome = Outcome("STATUS_READY", ())


def main(count: int, foreign: int) -> None:
    """Run the three commands."""
    with Simulator(Behaviour()) as simulator, tempfile.TemporaryDirectory() as folder:
        stock(simulator, DEPLOYMENT["model"]["path"])
        add_foreign(simulator, foreign)
        stack = Stack(Path(folder), simulator, COREWEAVE_SETTLE_SECONDS="15", GOGC="100")
        declare(stack, document(count))
        for command in ("up", "up", "destroy"):
            simulator.journal.clear()
            start = time.monotonic()
            with stack.started(command, "--yes") as process:
                _, error = process.communicate()
            seconds = time.monotonic() - start
            memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            requests = len(simulator.journal.entries())
            print(
                f"{command}: exit {process.returncode}, {seconds:.1f} s, {memory:.0f} MiB, {requests} requests"
            )
            if process.returncode:
                print(error[-2000:], flush=True)


if __name__ == "__main__":
    main(*(int(argument) for argument in (sys.argv[1:] + ["300", "5000"][len(sys.argv) - 1 :])))
