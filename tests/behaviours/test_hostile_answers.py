"""Answers that are large, that try something, or that show a mistake of ours."""

from __future__ import annotations

import shutil
from pathlib import Path

import coreweave_inference

from tests.engine.declarations import stack
from tests.engine.workbench import ORGANISATION, Workbench

FOREIGNERS = 5_000


def test_a_list_of_five_thousand_deployments_of_others_is_no_burden_and_none_of_them_is_touched(
    workbench: Workbench,
) -> None:
    service = workbench.service
    gateway = service.simulator.world.create(
        "gateways", ORGANISATION, {"id": _id(0), "name": "others", "coreWeaveAuth": {}, "bodyBasedRouting": {}}
    )
    for number in range(1, FOREIGNERS + 1):
        service.simulator.world.create("deployments", ORGANISATION, _foreign(number, gateway.id))
    workbench.declare(stack())

    up = workbench.up()
    down = workbench.destroy()

    assert (up.errors, down.errors) == ((), ())
    assert len(service.simulator.world.records("deployments")) == FOREIGNERS
    ours = {entry.path.rpartition("/")[2] for entry in (*up.requests, *down.requests) if entry.method == "DELETE"}
    assert not any(found.startswith(_id(1)[:24]) for found in ours)


def test_escape_codes_in_a_condition_do_not_reach_the_terminal(workbench: Workbench) -> None:
    service = workbench.service
    service.turn(deployment_create_seconds=30.0)
    workbench.declare(stack())
    from coreweave_inference.simulator.records import Condition

    words = "no\x1b[2J\x1b]0;owned\x07 weights\r\nERROR: all is lost"
    with workbench.going_up() as running:
        made = running.sent("POST", "deployments$").body["id"]
        conditions = [Condition("Ready", False, "Model\x1bNotFound", words)]
        service.simulator.world.set_status(made, "STATUS_FAILED", conditions)
        failed = running.finish()

    assert not failed.ok
    assert "weights ERROR: all is lost" in failed.output
    assert not set(failed.output) & {"\x1b", "\x07", "\r"}


def test_a_misspelt_name_of_a_field_in_the_client_is_caught_by_reading_back(
    workbench: Workbench, tmp_path: Path
) -> None:
    workbench.declare(stack())
    workbench.up()
    workbench.environment["PYTHONPATH"] = str(_with_misspelt_concurrency(tmp_path / "misspelt"))
    workbench.declare(stack(deployments={"chat": {"autoscaling": {"concurrency": 8}}}))

    caught = workbench.up()

    assert not caught.ok
    assert "the service accepted the change and did not take autoscaling.concurency" in caught.output


def _with_misspelt_concurrency(root: Path) -> Path:
    """A source root with a copy of the package that sends `concurency`, which the service drops without a word."""
    package = Path(coreweave_inference.__file__).parent
    shutil.copytree(package, root / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    module = root / package.name / "spec" / "deployment.py"
    text = module.read_text()
    assert "    concurrency: " in text
    module.write_text(text.replace("    concurrency: ", "    concurency: "))
    return root


def _id(number: int) -> str:
    return f"11111111-0000-4000-8000-{number:012d}"


def _foreign(number: int, gateway: str) -> dict[str, object]:
    return {
        "id": _id(number),
        "name": f"others-{number}",
        "organizationId": ORGANISATION,
        "gatewayIds": [gateway],
        "model": {"name": "others/model", "bucket": "others", "path": "models"},
        "runtime": {"engine": "vllm", "version": "0.22.0+crwv.2"},
        "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 1},
        "autoscaling": {"min": 1, "max": 1},
        "traffic": {"weight": 100},
    }
