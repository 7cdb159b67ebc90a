"""How long `cw-inference status` of a stack with many deployments takes, beside importing what it needs.

    python benchmarks/status.py [DEPLOYMENTS]

Prints one line; the aim for 200 is under 1.5 times the import, with one LIST of each kind. Both are processes of their own, in
turn, in one run; the quickest of each counts. The simulator has the objects, and a folder has the state of a stack that made them.
"""

from __future__ import annotations

import collections
import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from coreweave_inference.model.resource_types import TYPES
from coreweave_inference.simulator import Behaviour, Simulator

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.running.command_line import Stack
from tests.simulator.inference_fixtures import GATEWAY_ID, Api, claim, deployment, gateway, put_weights

AIM = 1.5
REPEATS = 7
TYPE_NAMES = {"gateways": "Gateway", "capacityclaims": "CapacityClaim", "deployments": "Deployment"}
IMPORTS = "import coreweave_inference.cli.application, coreweave_inference.cli.status"


def bodies(count: int) -> list[tuple[str, dict[str, Any]]]:
    """A gateway, a claim, and so many deployments, two to a model."""
    return [
        ("gateways", gateway()),
        ("capacityclaims", claim()),
        *(
            (
                "deployments",
                deployment(
                    id=str(uuid.UUID(int=place)),
                    name=f"chat-{place}",
                    model__name=f"acme/chat-{place // 2}",
                    gatewayIds=[GATEWAY_ID],
                    traffic={"weight": 100},
                ),
            )
            for place in range(count)
        ),
    ]


def state_of(objects: Sequence[tuple[str, Mapping[str, Any]]], endpoint: str) -> dict[str, Any]:
    """The state of a stack whose last run declared `objects`."""
    resources = [
        {
            "urn": f"urn:pulumi:dev::serving::{TYPES}{TYPE_NAMES[kind]}::{spec['name']}",
            "type": f"{TYPES}{TYPE_NAMES[kind]}",
            "custom": True,
            "id": spec["id"],
            "inputs": dict(spec),
            "outputs": {**spec, "apiEndpoint": endpoint},
        }
        for kind, spec in objects
    ]
    manifest = {"time": "2027-01-01T00:00:00Z", "magic": "", "version": ""}
    latest = {"manifest": manifest, "secrets_providers": None, "resources": resources}
    return {"version": 3, "checkpoint": {"stack": "organization/serving/dev", "latest": latest}}


def stack_of(place: Path, simulator: Simulator, count: int) -> Stack:
    """A stack that made so many deployments; all of them are READY."""
    put_weights(simulator)
    api = Api(simulator)
    with api.http:
        for kind, spec in bodies(count):
            api.create(kind, spec)
        account = simulator.control.account()
    simulator.clock.advance(3600)
    stack = Stack(place, simulator)
    objects = [(kind, item["spec"]) for kind in TYPE_NAMES for item in account[kind]]
    folder = stack.backend / ".pulumi" / "stacks" / "serving"
    folder.mkdir(parents=True)
    (folder / "dev.json").write_text(json.dumps(state_of(objects, simulator.url)))
    (folder / "dev.json.attrs").write_text("{}")
    return stack


def seconds_of(stack: Stack, *arguments: str) -> tuple[float, str]:
    """How long a process of this Python takes, and what it printed."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, *arguments], env=stack.environment, cwd=stack.path, capture_output=True, text=True
    )
    seconds = time.monotonic() - started
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return seconds, done.stdout


def main() -> int:
    """Exit code 1 where the aim for 200 is missed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with Simulator(Behaviour()) as simulator, tempfile.TemporaryDirectory() as folder:
        stack = stack_of(Path(folder), simulator, count)
        status = ("-m", "coreweave_inference.cli", "status", ".", "--stack", "dev", "--json")
        importing, running = float("inf"), float("inf")
        for _ in range(REPEATS):
            importing = min(importing, seconds_of(stack, "-c", IMPORTS)[0])
            simulator.journal.clear()
            seconds, printed = seconds_of(stack, *status)
            running = min(running, seconds)
        states = json.loads(printed)["counts"]
        lists = collections.Counter(entry.path.rpartition("/")[2] for entry in simulator.journal.entries())
    ratio = running / importing
    print(
        f"{count} deployments ({states}): status {running:.2f} s, importing {importing:.2f} s, ratio {ratio:.2f}, "
        f"requests {dict(lists)}"
    )
    return 1 if count == 200 and (ratio > AIM or max(lists.values()) > 1) else 0


if __name__ == "__main__":
    sys.exit(main())
