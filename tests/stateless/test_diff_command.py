"""`cw-inference diff`, beside the preview of the real engine."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.faults import Fault

from tests.faults.changes import changed, first
from tests.importing.accounts import Account
from tests.importing.conftest import account, simulator, stack
from tests.running.command_line import Stack, gateways

__all__ = ["account", "simulator", "stack"]

DEPLOYMENT = """
existing: {{buckets: {{weights: {{name: acme-weights}}}}}}
deployments:
  {key}:
    gateways: [public]
    model: {{name: acme/chat, path: models/chat, bucket: weights}}
    runtime: {{engine: vllm, engineConfig: {{max-model-len: 16384}}, engineEnv: {{VLLM_ATTENTION_BACKEND: {{fromEnv: BACKEND}}}}}}
    resources: {{instanceType: gd-8xh200ib-i128, gpuCount: 1}}
    autoscaling: {{min: 1, max: {most}, concurrency: 32}}
"""
IDENTITY_FIELDS = {"apiId"}


def steps(preview: dict[str, Any]) -> dict[tuple[str, str], set[str]]:
    """By operation and key what a preview changes of gateways, claims and deployments."""
    words = {"create": "adds", "update": "changes", "replace": "replaces", "delete": "removes"}
    found: dict[tuple[str, str], set[str]] = {}
    for step in preview["steps"]:
        if step["kind"] not in ("gateway", "capacity claim", "deployment") or step["op"] not in words:
            continue
        changes = step["changes"] if step["op"] in ("update", "replace") else []
        found[words[step["op"]], step["name"]] = {
            one["path"].partition("[")[0] if one["path"].startswith("gatewayIds") else one["path"]
            for one in changes
        } - IDENTITY_FIELDS
    return found


def differences(document: dict[str, Any]) -> dict[tuple[str, str], set[str]]:
    return {(one["what"], one["key"]): {c["path"] for c in one["changes"]} for one in document["differences"]}


def edit(simulator: Simulator, live: dict[str, Any], **changes: Any) -> None:
    simulator.world.edit(live["spec"]["id"], changes)


def test_it_shows_what_a_preview_with_refresh_shows_and_asks_for_three_lists(
    stack: Stack, account: Account
) -> None:
    account.bucket()
    stack.environment["BACKEND"] = "hf_s3cr3t"
    stack.declare(gateways("public"), DEPLOYMENT.format(key="chat", most=4))
    before = stack.document("diff")
    assert stack.run("up", "--yes").returncode == 0
    account.simulator.journal.clear()
    equal = stack.run("diff")
    asked = [f"{e.method} {e.path}" for e in account.simulator.journal.entries()]
    edit(account.simulator, account.live("deployments")["chat-serving-dev"], autoscaling={"max": 9})
    stack.declare(gateways("public", "second"), DEPLOYMENT.format(key="chat", most=5))

    found, text = stack.document("diff"), stack.run("diff")
    preview = stack.document("preview", "--refresh")

    assert (before["code"], {one["what"] for one in before["differences"]}) == (3, {"adds"})
    assert (equal.returncode, "2 equal" in equal.stdout) == (0, True)
    assert sorted(asked) == [
        f"GET /v1alpha1/inference/{kind}" for kind in ("capacityclaims", "deployments", "gateways")
    ]
    assert (found["code"], differences(found)) == (3, steps(preview))
    assert ("changes", "chat") in differences(found)
    assert "autoscaling.max: 9 -> 5" in text.stdout
    assert "hf_s3cr3t" not in text.stdout + str(found)
    assert max(map(len, text.stdout.splitlines())) <= 80


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(6))
def test_random_changes_differ_as_the_engine_previews_them(stack: Stack, account: Account, seed: int) -> None:
    random = Random(seed)
    account.bucket("acme-weights", "models/chat", "models/chat-v2", policy=None)
    program = first(random)
    (stack.path / "inference.yaml").write_text(yaml.safe_dump(program.document()))
    assert stack.run("up", "--yes").returncode == 0
    for live in account.live("deployments").values():
        if random.random() < 0.5:
            edit(account.simulator, live, traffic={"weight": random.randint(1, 1000)})
    program, _ = changed(random, program, may_fail=False)
    (stack.path / "inference.yaml").write_text(yaml.safe_dump(program.document()))

    found, preview = stack.document("diff"), stack.document("preview", "--refresh")

    assert preview["ok"], preview["errors"]
    assert differences(found) == steps(preview)


def test_what_cannot_be_compared_says_so(stack: Stack, account: Account, tmp_path: Path) -> None:
    stack.declare(gateways("public"))
    account.simulator.faults.add(Fault("status", "GET", "inference/gateways", count=None, status=403))

    found, nowhere = stack.document("diff"), stack.run("diff", str(tmp_path / "elsewhere"))

    assert (found["code"], found["differences"]) == (4, [])
    assert [one["kind"] for one in found["notRead"]] == ["gateway"]
    assert nowhere.returncode == 2
