"""Objects that somebody made by hand come into a stack by an import file, and the first preview is empty."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engine.declarations import canary
from tests.engine.workbench import Workbench

pytestmark = pytest.mark.thorough


def test_imported_objects_of_every_kind_keep_their_ids_and_the_first_preview_is_empty(
    workbench: Workbench,
) -> None:
    workbench.bring_up(canary())
    made, state = workbench.state(), json.loads(workbench.pulumi("stack", "export", "--stack", "dev"))
    resources = state["deployment"]["resources"]
    ours = [found for found in resources if found["type"].startswith("pulumi-python:dynamic/")]
    without = [found for found in resources if found not in ours]
    _write_state(workbench, {**state, "deployment": {**state["deployment"], "resources": without}})
    file = workbench.directory / "import.json"
    file.write_text(json.dumps({"resources": [_entry(found) for found in ours]}))

    workbench.pulumi(
        "import", "--file", str(file), "--generate-code=false", "--protect=false", "--yes", "--stack", "dev"
    )
    preview = workbench.preview("--refresh")

    assert {name: item["id"] for name, item in workbench.state().items()} == {
        name: item["id"] for name, item in made.items()
    }
    assert (preview.ok, preview.drift, preview.changes) == (True, {}, {})


def _write_state(workbench: Workbench, state: dict[str, Any]) -> None:
    file = workbench.directory / "without.json"
    file.write_text(json.dumps(state))
    workbench.pulumi("stack", "import", "--file", str(file), "--stack", "dev")


def _entry(found: dict[str, Any]) -> dict[str, Any]:
    entry = {key: found[key] for key in ("type", "id", "inputs", "outputs")}
    return {**entry, "name": found["urn"].rpartition("::")[2]}
