"""The checks on what a stack uses and others own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.declarations import BUCKET, CLAIM, GATEWAY, edited
from tests.engine.workbench import Service, Workbench
from tests.stack.test_split_ownership import using

Bench = Callable[..., Workbench]


def test_checks_find_the_same_of_what_another_stack_owns_as_of_what_is_named(
    service: Service, bench_of: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.make_bucket()
    platform, models = bench_of("platform"), bench_of("models")
    platform.bring_up(
        {
            "version": 1,
            "buckets": {"weights": BUCKET},
            "gateways": {"public": GATEWAY},
            "capacityClaims": {"h200": {**CLAIM, "instanceCount": 1}},
        }
    )
    for name, value in models.environment.items():
        if name.startswith("COREWEAVE_") and value is not None:
            monkeypatch.setenv(name, value)

    def declare(gateway: object, claim: object, bucket: object) -> None:
        large = {
            "model": {"path": "elsewhere/chat"},
            "resources": {"gpuCount": 2},
            "autoscaling": {"min": 6, "max": 6, "capacityClasses": ["CAPACITY_CLASS_RESERVED"]},
        }
        declared = edited(using(), {"deployments": {"chat": {**large, "gateways": ["public"]}}})
        existing = {
            "gateways": {"public": gateway},
            "capacityClaims": {"h200": claim},
            "buckets": {"shared": bucket},
        }
        models.declare({**declared, "existing": existing})

    there = {"stack": "organization/platform/dev"}
    declare(there, there, {**there, "key": "weights"})
    previewed, by_stack = models.preview(), checked(models)
    (claim,) = service.account()["capacityclaims"]
    declare("public-platform-dev", claim, "acme-weights")
    by_name = checked(models)

    assert by_stack == by_name
    reported = {finding["code"]: finding["what"] for finding in by_stack if finding["severity"] == "error"}
    assert set(reported) == {"claim-short-of-min", "weights-missing", "weights-not-readable"}
    assert "12 GPUs > 1 instance x 8 = 8 GPUs" in reported["claim-short-of-min"]
    assert not previewed.ok
    assert all(code in previewed.output for code in reported)


def checked(bench: Workbench) -> list[dict[str, Any]]:
    """The findings of `cw-inference check`, without their lines."""
    done = subprocess.run(
        [sys.executable, "-m", "coreweave_inference.cli", "check", ".", "--stack", "dev", "--json"],
        cwd=bench.directory,
        env={key: value for key, value in bench.environment.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return [{**finding, "origin": None} for finding in json.loads(done.stdout)["findings"]]
