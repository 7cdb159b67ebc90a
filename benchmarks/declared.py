"""How long reading a declaration, its checks and the review of its preview take, on one core.

Everything that rules look at is known here: an account, a last state, a catalogue and the weights.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

import yaml
from coreweave_inference.checks import (
    BucketFacts,
    Folder,
    Identity,
    Known,
    LastObject,
    LiveObject,
    Report,
    WeightsFile,
    run,
    view_of,
)
from coreweave_inference.declaration import Declaration, read
from coreweave_inference.fit import fit
from coreweave_inference.fleet.catalogue import Catalogue
from coreweave_inference.model.resource_types import TYPES
from coreweave_inference.review import read_preview, review

from benchmarks.tables import Table

T = TypeVar("T")
COUNTS = (100, 200, 500)
CHECKED, CHECK_SECONDS = 200, 0.3
"""The aim."""
REPEATS = 5
NOW = datetime(2027, 1, 1, tzinfo=timezone.utc)
INSTANCE_TYPE = "gd-8xh200ib-i128"
BESIDE = ("config.json", "tokenizer.json")


def declaration_text(count: int) -> str:
    """A file of so many deployments, two to a model name, on four gateways and one claim."""
    deployments = {
        f"model-{place}": {
            "gateways": [f"gateway-{place % 4}"],
            "model": {"name": f"acme/model-{place // 8 * 8 + place % 4}", "path": f"models/{place}"},
            "runtime": {
                "engine": "vllm",
                "engineConfig": {"max-model-len": 16384, "tool-call-parser": "llama3_json"},
            },
            "resources": {"instanceType": INSTANCE_TYPE, "gpuCount": 1},
            "autoscaling": {
                "min": 2,
                "max": 4,
                "concurrency": 32,
                "capacityClasses": ["CAPACITY_CLASS_RESERVED"],
            },
            "traffic": {"weight": 100},
        }
        for place in range(count)
    }
    zone = "US-EAST-04A"
    gateway = {"zones": [zone], "coreWeaveAuth": {}, "bodyBasedRouting": {}}
    claim = {"instanceId": INSTANCE_TYPE, "capacityType": "CAPACITY_TYPE_SERVERLESS", "zones": [zone]}
    return yaml.safe_dump(
        {
            "version": 1,
            "buckets": {
                "weights": {"name": "acme-weights", "zone": zone, "policy": {"ownerAccess": "organization"}}
            },
            "gateways": {f"gateway-{place}": gateway for place in range(4)},
            "capacityClaims": {"h200": {**claim, "instanceCount": max(1, count // 2)}},
            "deployments": deployments,
        }
    )


def known(declaration: Declaration) -> Known:
    """An account in which everything is as declared, and weights that fit."""
    identity = Identity("benchmark", "serving", "dev")
    nothing = view_of(declaration, Known(identity))
    ours = (*nothing.gateways, *nothing.claims, *nothing.deployments)
    live = tuple(
        LiveObject(item.kind, item.id or "", item.name or "", item.spec, updated=NOW) for item in ours
    )
    last = tuple(LastObject(item.kind, item.key, item.spec, item.id or "") for item in ours)
    folders = {
        item.model_path or "": Folder(
            (
                *(WeightsFile(f"{item.model_path}/{part}.safetensors", 4 * 10**9, NOW) for part in range(4)),
                *(WeightsFile(f"{item.model_path}/{name}", 10**6, NOW) for name in BESIDE),
            ),
            config={"model_type": "llama"},
        )
        for item in nothing.deployments
    }
    catalogue = Catalogue(
        zones=("US-EAST-04A",),
        claim_types={"US-EAST-04A": (INSTANCE_TYPE,)},
        instance_types=(INSTANCE_TYPE,),
        versions={"vllm": ("0.22.0", "0.21.1")},
        config_keys={"vllm": ("max-model-len", "tool-call-parser")},
    )
    return Known(identity, catalogue, live, last, {"acme-weights": BucketFacts(None, True, folders)})


def quickest(act: Callable[[], T]) -> tuple[float, T]:
    """Seconds of one core, in the quickest of some tries, and what it gave."""
    best, result = float("inf"), act()
    for _ in range(REPEATS):
        started = time.process_time()
        result = act()
        best = min(best, time.process_time() - started)
    return best, result


def preview_text(declaration: Declaration) -> str:
    """The document of a preview in which each deployment gets another weight."""
    view = view_of(declaration, Known(Identity("benchmark", "serving", "dev")))
    steps = []
    for item in (*view.gateways, *view.claims, *view.deployments):
        type_ = f"{TYPES}{item.kind.type_name}"
        urn = f"urn:pulumi:dev::serving::{type_}::{item.key}"
        inputs = {**item.spec, "apiId": item.id, "name": item.name}
        now = {**inputs, "traffic": {"weight": 90}} if "traffic" in inputs else inputs
        states = [{"type": type_, "urn": urn, "inputs": each, "outputs": each} for each in (inputs, now)]
        operation = "same" if now == inputs else "update"
        steps.append({"op": operation, "urn": urn, "oldState": states[0], "newState": states[1]})
    return json.dumps({"steps": steps})


def measure(counts: Sequence[int] = COUNTS) -> list[dict[str, Any]]:
    """CPU seconds of each, the quickest of some tries."""
    found = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "inference.yaml"
            path.write_text(declaration_text(count), encoding="utf-8")
            reading, declaration = quickest(lambda path=path: read(path))  # type: ignore[misc]
        facts, text = known(declaration), preview_text(declaration)

        def check(declaration: Declaration = declaration, facts: Known = facts) -> Report:
            fit.cache_clear()  # As in a new process.
            return run(view_of(declaration, facts))

        checking, report = quickest(check)
        reviewing, reviewed = quickest(lambda text=text: review([read_preview(text, "a preview")]))  # type: ignore[misc]
        assert len(reviewed.changes) == count
        found.append(
            {
                "deployments": count,
                "readSeconds": round(reading, 3),
                "checkSeconds": round(checking, 3),
                "findings": len(report.findings),
                "reviewSeconds": round(reviewing, 3),
            }
        )
    return found


def tables(entries: Sequence[Mapping[str, Any]]) -> list[Table]:
    """One row for each count."""
    rows = [
        [str(one["deployments"]), *(f"{one[f'{act}Seconds']:.3f}" for act in ("read", "check", "review"))]
        for one in entries
    ]
    checked = next((one["checkSeconds"] for one in entries if one["deployments"] == CHECKED), None)
    note = "CPU seconds of one core, without imports. The review is of a preview that changes the weight of each deployment."
    if checked is not None:
        note += f" Checks of {CHECKED} deployments: aim ≤ {CHECK_SECONDS} s {'✓' if checked <= CHECK_SECONDS else '✗'}."
    return [Table(["deployments", "read s", "check s", "review s"], rows, [note])]
