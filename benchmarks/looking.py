"""How long `cw-inference status` and `diff` take, beside the imports of their modules and one LIST of each kind.

A simulator has the objects, and a folder has the state of a stack that made them.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from coreweave_inference.cli.account_lists import listed, opened
from coreweave_inference.cli.diff import files_of
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.normal_form import complete, sparse
from coreweave_inference.model.resource_types import TYPES
from coreweave_inference.simulator import Simulator
from coreweave_inference.stateless.derived import planned_ids

from benchmarks.commands import measured
from benchmarks.declared import declaration_text
from benchmarks.imports import import_seconds
from benchmarks.stacks import COMMAND, READY_AT_ONCE, stock
from benchmarks.tables import Table, against
from tests.engine.runs import kinds_of
from tests.processes.recording import Recorder
from tests.running.command_line import Stack
from tests.simulator.inference_fixtures import Api

COUNTS = (50, 200)
REPEATS = 5
CODES = (0, 3)
"""Nothing differs, or something does."""
AIMS: Mapping[str, float] = {"status": 1.5, "diff": 1.3}
PATHS = {Kind.GATEWAY: "gateways", Kind.CAPACITY_CLAIM: "capacityclaims", Kind.DEPLOYMENT: "deployments"}
VERSION = "0.22.0+crwv.2"


def measure(counts: Sequence[int] = COUNTS) -> list[dict[str, Any]]:
    """CPU seconds, the quickest of some tries, which a busy machine does not lengthen."""
    found = []
    for count in counts:
        with (
            tempfile.TemporaryDirectory() as place,
            Simulator(READY_AT_ONCE) as simulator,
            _stack(Path(place), simulator, count) as stack,
        ):
            listing = min(_listing_seconds(stack) for _ in range(REPEATS))
            for command in AIMS:
                recorder = Recorder(Path(place) / f"recorded {command}", stack.environment)
                words = [sys.executable, "-m", "coreweave_inference.cli", command, ".", "--stack", "dev"]
                simulator.journal.clear()
                measured(words, stack.path, {**stack.environment, **recorder.modules_recorded}, CODES)
                requests = kinds_of(simulator.journal.entries())
                modules = next(one.modules for one in recorder.processes() if one.role == COMMAND)
                runs = [measured(words, stack.path, stack.environment, CODES) for _ in range(REPEATS)]
                found.append(
                    {
                        "command": command,
                        "deployments": count,
                        "cpuSeconds": round(min(run.cpu_seconds for run in runs), 3),
                        "importSeconds": min(import_seconds(modules, REPEATS)),
                        "listSeconds": round(listing, 3),
                        "requests": requests,
                    }
                )
    return found


def _listing_seconds(stack: Stack) -> float:
    with patch.dict(os.environ, stack.environment), opened(files_of(stack.path, None).settings) as api:
        start = time.perf_counter()
        listed(api)
        return time.perf_counter() - start


@contextmanager
def _stack(place: Path, simulator: Simulator, count: int) -> Iterator[Stack]:
    """A stack whose state has every declared object, under the id that the stack would choose."""
    stack = Stack(place, simulator)
    (stack.path / "inference.yaml").write_text(declaration_text(count))
    with patch.dict(os.environ, stack.environment):
        objects = _make(stack.path, simulator)
    folder = stack.backend / ".pulumi" / "stacks" / "serving"
    folder.mkdir(parents=True)
    (folder / "dev.json").write_text(json.dumps(_state_of(objects, simulator.url)))
    (folder / "dev.json.attrs").write_text("{}")
    yield stack


def _make(directory: Path, simulator: Simulator) -> list[tuple[Kind, Mapping[str, Any]]]:
    files = files_of(directory, None)
    stock(simulator, *(f"models/{place}" for place in range(len(files.declaration.deployments))))
    ids: dict[str, str] = {}
    made = []
    api = Api(simulator)
    with api.http:
        for item in files.declaration.objects():
            id_ = planned_ids(files.stack, item)[0]
            name = f"{item.key}-serving-dev"
            spec = {**item.spec, "name": name, "gatewayIds": [ids[key] for key in item.gateways]}
            if item.kind is Kind.GATEWAY:
                ids[item.key] = id_
            if item.kind is Kind.DEPLOYMENT:
                spec["runtime"] = {**spec["runtime"], "version": VERSION}
            body = {**complete(item.kind, sparse(item.kind, spec)), "id": id_}
            made.append((item.kind, api.create(PATHS[item.kind], body)["spec"]))
    return made


def _state_of(objects: Sequence[tuple[Kind, Mapping[str, Any]]], endpoint: str) -> dict[str, Any]:
    """The state of a stack whose last run declared `objects`."""
    resources = [
        {
            "urn": f"urn:pulumi:dev::serving::{TYPES}{kind.type_name}::{spec['name']}",
            "type": f"{TYPES}{kind.type_name}",
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


def tables(entries: Sequence[Mapping[str, Any]]) -> list[Table]:
    """One row for each command and count."""
    rows = []
    for one in entries:
        ratio = [one["cpuSeconds"] / (one["importSeconds"] + one["listSeconds"])]
        figures = [f"{one[f'{what}Seconds']:.2f}" for what in ("cpu", "import", "list")]
        rows.append(
            [
                f"`{one['command']}`",
                str(one["deployments"]),
                *figures,
                f"{ratio[0]:.2f}",
                against(ratio, AIMS[one["command"]]),
                ", ".join(f"{number} {kind}" for kind, number in one["requests"].items()),
            ]
        )
    heading = [
        "command",
        "deployments",
        "CPU s",
        "imports CPU s",
        "three LISTs s",
        "times both",
        "aim",
        "requests",
    ]
    return [
        Table(
            heading, rows, ["Whole processes, beside importing what they import and waiting for the lists."]
        )
    ]
