"""States as fixtures: what a version wrote, and what was in the account then.

`PATH=… python -m tests.states.recording` writes the fixture of the version at hand; one that exists is never written
again, since it represents what users of that version have.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from coreweave_inference.simulator import Simulator
from coreweave_inference.version import __version__

from tests.engine.conftest import QUICK
from tests.engine.declarations import canary
from tests.engine.workbench import Service, Workbench

FIXTURES = Path(__file__).parent / "written"
ADDRESS = "http://127.0.0.1:1"
"""Stands for the service's address, which is another one in each test."""
KINDS = ("gateways", "capacityclaims", "deployments")


def declaration() -> dict[str, Any]:
    """What the fixtures declare: every kind of object, a name of its own, an alias, a field left to others."""
    return canary(
        gateways={"inside": {"name": "inside-door", "zones": ["US-EAST-04A"], **_inside()}},
        deployments={
            "chat": {"runtime": {"engineConfig": {"tool-call-parser": "llama3_json"}}},
            "chat-canary": {"options": {"ignoreChanges": ["traffic.weight"], "timeout": "30s"}},
        },
    )


def _inside() -> dict[str, Any]:
    return {"coreWeaveAuth": {}, "headerBasedRouting": {"headerName": "x-model"}}


def recorded(workbench: Workbench) -> dict[str, Any]:
    """The state and the account after an `up` of the declaration."""
    service = workbench.service
    workbench.declare(declaration())
    run = workbench.up()
    assert run.ok, run.errors
    account = service.simulator.control.account()
    objects = {kind: [item["spec"] for item in account[kind]] for kind in KINDS}
    (bucket,) = account["buckets"]
    document: dict[str, Any] = {
        "version": __version__,
        "state": json.loads(workbench.pulumi("stack", "export", "--stack", "dev")),
        "objects": objects,
        "policy": json.loads(bucket["policy"]),
    }
    for resource in document["state"]["deployment"]["resources"]:
        for place in ("sourcePosition", "stackTrace"):
            resource.pop(place, None)  # Where the program lay on the machine that recorded it.
    text = json.dumps(document, indent=1, sort_keys=True)
    fixture: dict[str, Any] = json.loads(text.replace(service.url, ADDRESS))
    return fixture


def main() -> None:
    """Record the version at hand."""
    file = FIXTURES / f"{__version__}.json"
    if file.exists():
        raise SystemExit(f"{file.name} is there already, and is what users have: raise the version first")
    with Simulator(QUICK) as simulator, tempfile.TemporaryDirectory() as place:
        service = Service(simulator)
        service.make_bucket()
        service.put_weights("models/chat", "models/chat-v2")
        document = recorded(Workbench(service, Path(place)))
        service.s3.close()
    FIXTURES.mkdir(exist_ok=True)
    file.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
