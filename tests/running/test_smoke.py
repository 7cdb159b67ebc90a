"""An `up` of a declaration with `smoke:` asks the models at its end, and fails where they fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.faults import Fault

from tests.running.command_line import Stack
from tests.running.test_life import DEPLOYMENT


@pytest.mark.thorough
def test_an_up_fails_where_its_smoke_test_fails_and_says_what_is_proven(
    stack: Stack, simulator: Simulator, tmp_path: Path
) -> None:
    stack.declare(DEPLOYMENT, "smoke: {prompt: Say hello, expect: hello, maxLatency: 20s}\n")
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "config.json").write_text("{}")
    assert stack.run("up", "--yes", "--only", "buckets").returncode == 0
    assert (
        stack.run("weights", "push", str(weights), "acme-weights", "models/chat", stack=None).returncode == 0
    )

    first = stack.run("up", "--yes")
    simulator.faults.add(Fault("add-fields", "POST", "/completions", fields={"choices": []}, count=None))
    failed = stack.document("up", "--yes")
    alone = stack.run("smoke")
    simulator.faults.clear()
    passed = stack.document("smoke", "--prompt", "What is 2 + 2?", "--expect", "2 + 2", "--count", "3")
    simulator.world.edit(simulator.world.records("deployments")[0].id, {"traffic": {"weight": 0}})
    unproven = stack.run("smoke")

    assert first.returncode == 0
    shown = " ".join(first.stdout.split())
    assert 'smoke test: deployment "chat" (acme/chat on gateway "public"): passed: 1 completion, in' in shown
    assert (failed["code"], failed["ok"], failed["smoke"][0]["proof"]) == (1, False, "failed")
    assert "without a completion" in failed["errors"][0]
    assert failed["smoke"][0]["evidence"][0].startswith("POST http")
    assert (alone.returncode, "error: smoke test: " in alone.stderr) == (1, True)
    assert (passed["code"], passed["smoke"][0]["proof"]) == (0, "passed")
    assert (
        unproven.returncode,
        "its weight is 0" in unproven.stdout or "not as declared" in unproven.stdout,
    ) == (4, True)
    assert simulator.token not in f"{first}{failed}{alone}{passed}{unproven}"
