"""What others change outside of the stack, and what a later version of the package sees."""

from __future__ import annotations

import shutil
from pathlib import Path

import coreweave_inference

from tests.engine.declarations import canary, stack
from tests.engine.workbench import Workbench


def test_changes_made_outside_show_as_exactly_their_fields_and_an_up_that_refreshes_puts_them_back(
    workbench: Workbench,
) -> None:
    service = workbench.service
    workbench.declare(canary())
    workbench.up()
    before = {**service.live("deployments"), **service.live("gateways")}
    service.edit("deployments", "chat-serving-dev", {"autoscaling": {"max": 9}})
    service.edit("deployments", "chat-canary-serving-dev", {"disabled": True})
    service.edit("gateways", "public-serving-dev", {"name": "renamed-by-hand"})

    seen = workbench.preview("--refresh")
    workbench.declare(canary(deployments={"chat": {"traffic": {"weight": 500}}}))
    refused = workbench.up()
    workbench.declare(canary())
    put_back = workbench.up("--refresh")

    drift = {"chat": "autoscaling.max", "chat-canary": "disabled", "public": "name"}
    assert seen.drift == {name: f"refresh {path}" for name, path in drift.items()}
    for run in (seen, put_back):
        assert {name: run.changes[name] for name in drift} == {
            name: f"update {path}" for name, path in drift.items()
        }
    assert (refused.ok, refused.writes) == (False, {})
    assert "autoscaling.max: 4 -> 9" in refused.output
    assert "--refresh" in refused.output
    assert put_back.ok
    assert put_back.writes == {"PATCH deployments": 2, "PATCH gateways": 1}
    after = {**service.live("deployments"), **service.live("gateways")}
    assert {name: item["spec"] for name, item in after.items()} == {
        name: item["spec"] for name, item in before.items()
    }


def test_a_state_stays_quiet_under_a_later_version_whose_deployments_have_one_more_optional_field(
    workbench: Workbench, tmp_path: Path
) -> None:
    workbench.declare(stack())
    workbench.up()
    workbench.environment["PYTHONPATH"] = str(_later_version(tmp_path / "later"))

    quiet = workbench.preview("--refresh")
    workbench.declare(stack(deployments={"chat": {"autoscaling": {"max": 5}}}))
    changed = workbench.up()

    assert (quiet.ok, quiet.drift, quiet.changes) == (True, {}, {})
    assert changed.ok, changed.errors
    assert changed.changes["chat"] == "update autoscaling.max"
    (body,) = changed.bodies("PATCH", "deployments")
    assert body["speculativeDecoding"] is False


def _later_version(root: Path) -> Path:
    """A source root with a copy of the package in which a deployment has the flag `speculativeDecoding`."""
    package = Path(coreweave_inference.__file__).parent
    shutil.copytree(package, root / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    module = root / package.name / "spec" / "deployment.py"
    start, field, rest = module.read_text().partition("    disabled: ")
    assert field
    module.write_text(f"{start}    speculative_decoding: Annotated[Flag, About()] = False\n{field}{rest}")
    return root
