"""The standard way: `pulumi` itself in a stack directory, with its language host."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.runs import kinds_of
from tests.engine.workbench import Service, Workbench
from tests.processes.recording import PythonProcess, Recorder

PREVIEW = {
    **{f"LIST {kind}": 2 for kind in ("capacityclaims", "deployments", "gateways")},
    **{f"parameters {kind}": 1 for kind in ("capacityclaims", "deployments", "gateways")},
    "key": 2,
}
"""A list of each kind for the checks of the program, one for the providers; each process has a key of its own."""
NOT_OF_A_PROGRAM = {"cli", "doctor", "engine", "importing", "review", "simulator", "stateless"}
NOT_OF_A_PROVIDER = {*NOT_OF_A_PROGRAM, "checks", "declaration", "discovery", "fit", "stack"}
QUICKSTART = Path(__file__).resolve().parents[2] / "stacks" / "quickstart"
PATHS = "models/llama-3.1-8b"


@pytest.fixture
def bench(service: Service, tmp_path: Path) -> Workbench:
    """The quickstart in a directory of its own, run by the Python of these tests, with its weights in place."""
    if shutil.which("pulumi-language-python") is None:
        # Where it must be there, its absence is a failure, and never a test less.
        (pytest.fail if os.environ.get("REQUIRE_LANGUAGE_HOST") == "1" else pytest.skip)(
            "pulumi-language-python is not beside the Pulumi CLI"
        )
    bench = Workbench(service, tmp_path, project="quickstart")
    settings = (QUICKSTART / "Pulumi.yaml").read_text().replace("../../.venv", sys.prefix)
    (tmp_path / "Pulumi.yaml").write_text(settings)
    shutil.copy(QUICKSTART / "__main__.py", tmp_path)
    bench.declare(
        (QUICKSTART / "inference.yaml").read_text().replace("    policy:", "    adopt: true\n    policy:")
    )
    service.make_bucket()
    service.put_weights(PATHS)
    return bench


def pulumi(bench: Workbench, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a user types it."""
    variables = {key: value for key, value in bench.environment.items() if value is not None}
    return subprocess.run(
        ["pulumi", *arguments, "--non-interactive", "--stack", bench.stack],
        cwd=bench.directory,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
    )


def recorded(
    bench: Workbench, *arguments: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, int], list[PythonProcess]]:
    """The same, with the requests of the Inference API and of keys, and the Pythons that ended."""
    before, seen = dict(bench.environment), len(bench.service.requests())
    variables = {key: value for key, value in before.items() if value is not None}
    recorder = Recorder(bench.directory / "recorded", variables)
    bench.environment |= recorder.modules_recorded
    done = pulumi(bench, *arguments)
    bench.environment |= before
    asked = kinds_of(bench.service.requests()[seen:])
    ended = sorted(recorder.processes(), key=lambda process: process.role)
    kinds = ("key", "LIST", "GET ", "parameters")
    return (
        done,
        {kind: number for kind, number in asked.items() if kind.startswith(kinds) and "acme-" not in kind},
        [process for process in ended if process.role in ("program", "provider")],
    )


def test_a_stack_lives_its_life_under_pulumi_alone_and_both_ways_of_running_share_one_state(
    bench: Workbench, service: Service
) -> None:
    up = pulumi(bench, "up", "--yes", "--skip-preview")
    outputs = bench.outputs()
    inline = bench.preview()
    again, asked, (program, *providers) = recorded(bench, "preview", "--expect-no-changes")
    gone = pulumi(bench, "destroy", "--yes", "--skip-preview")

    assert up.returncode == 0, up.stdout + up.stderr
    assert set(outputs) >= {"capacityClaims", "deployments", "gateways", "models"}
    assert outputs["models"]["acme/chat"]["baseUrls"] == [
        outputs["gateways"]["public"]["endpoints"][0] + "/v1"
    ]
    assert inline.ok, inline.output
    assert (inline.changes, inline.writes) == ({}, {})
    assert again.returncode == 0, again.stdout + again.stderr
    assert (asked, program.role, {one.role for one in providers}) == (PREVIEW, "program", {"provider"})
    assert program.layers & NOT_OF_A_PROGRAM == set()
    assert len(program.own) <= 220
    for provider in providers:
        assert provider.layers & NOT_OF_A_PROVIDER == set()
        assert len(provider.own) <= 133
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert service.account() == {"buckets": ["acme-weights"]}


def test_faults_of_a_declaration_are_reported_without_noise(bench: Workbench, service: Service) -> None:
    declaration = (bench.directory / "inference.yaml").read_text()
    bench.declare(declaration.replace("gpuCount: 1", "gpuCount: 3").replace("max: 4", "max: 0"))
    seen = len(service.requests())

    run = pulumi(bench, "preview")

    assert run.returncode != 0
    text = run.stdout + run.stderr
    assert "deployments.chat.resources.gpuCount: 3 is not one of 1, 2, 4, 8, 16" in text
    assert "deployments.chat.autoscaling" in text
    assert "Traceback" not in text
    assert [entry.path for entry in service.requests()[seen:]] == []


@pytest.mark.thorough
def test_an_error_of_the_service_is_one_line_and_nothing_else(bench: Workbench) -> None:
    bench.environment["COREWEAVE_API_TOKEN"] = "CW-SECRET-nobodys"

    run = pulumi(bench, "preview")

    text = run.stdout + run.stderr
    assert run.returncode != 0
    assert "the account cannot be used: " in text
    assert "COREWEAVE_API_TOKEN" in text
    assert "Traceback" not in text
    assert "KeyboardInterrupt" not in text
