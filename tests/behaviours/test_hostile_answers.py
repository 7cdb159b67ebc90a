"""Answers that are large, that try something, or that show a mistake of ours."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import coreweave_inference
import httpx
import pytest
from coreweave_inference.api.client import InferenceApi
from coreweave_inference.model import Kind
from coreweave_inference.settings.secret import Secret
from coreweave_inference.simulator.records import Condition

from tests.engine.declarations import stack
from tests.engine.workbench import ORGANIZATION, Workbench

pytestmark = pytest.mark.thorough

FOREIGNERS = 5_000
LONGEST_READING_SECONDS = 2.0


def test_a_list_of_five_thousand_deployments_of_others_is_read_in_a_second_or_two() -> None:
    answer = json.dumps({"items": [_foreign(number) for number in range(FOREIGNERS)]})
    transport = httpx.MockTransport(lambda request: httpx.Response(200, text=answer))
    api = InferenceApi("https://api.test", Secret("token"), transport=transport)

    began = time.process_time()
    found = api.list(Kind.DEPLOYMENT)
    seconds = time.process_time() - began
    api.close()

    assert len({live.id for live in found}) == FOREIGNERS
    assert seconds < LONGEST_READING_SECONDS


def test_escape_codes_in_a_condition_do_not_reach_the_terminal(workbench: Workbench) -> None:
    service = workbench.service
    service.turn(deployment_create_seconds=30.0)
    workbench.declare(stack())
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
    workbench.bring_up(stack())
    workbench.environment["PYTHONPATH"] = str(_with_misspelt_concurrency(tmp_path / "misspelt"))
    workbench.declare(stack(deployments={"chat": {"autoscaling": {"concurrency": 8}}}))

    caught = workbench.up()

    assert not caught.ok
    assert "the service accepted the change and did not take autoscaling.concurrency: 8 -> " in caught.output


def _with_misspelt_concurrency(root: Path) -> Path:
    """A source root with a copy of the package that sends `concurency`, which the service drops without a word."""
    package = Path(coreweave_inference.__file__).parent
    shutil.copytree(package, root / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    module = root / package.name / "api" / "client.py"
    text = module.read_text()
    assert "json=request.body," in text
    misspelt = """json=None if request.body is None else {
                    name: {"concurency" if key == "concurrency" else key: item for key, item in value.items()}
                    if name == "autoscaling" else value
                    for name, value in request.body.items()
                },"""
    module.write_text(text.replace("json=request.body,", misspelt))
    return root


def _foreign(number: int) -> dict[str, object]:
    spec = {
        "id": f"11111111-0000-4000-8000-{number:012d}",
        "name": f"others-{number}",
        "organizationId": ORGANIZATION,
        "gatewayIds": ["22222222-0000-4000-8000-000000000000"],
        "model": {"name": "others/model", "bucket": "others", "path": "models"},
        "runtime": {"engine": "vllm", "version": "0.22.0+crwv.2", "engineConfig": {"max-model-len": "16384"}},
        "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 1},
        "autoscaling": {"min": 1, "max": 1},
        "traffic": {"weight": 100},
    }
    conditions = [{"type": "Ready", "status": "STATUS_TRUE", "reason": "Ready", "message": "is ready"}] * 3
    return {"spec": spec, "status": {"status": "STATUS_READY", "conditions": conditions}}
