"""`cw-inference check` of a Python program: it runs with Pulumi's mocks, and each finding has its line."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from coreweave_inference.simulator import Simulator

from tests.processes.python import ROOT, quick_python

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROGRAM = """\
import coreweave_inference as cw

ZONE = "US-EAST-04A"
weights = cw.WeightsBucket("weights", bucket_name={bucket!r}, zone=ZONE)
cw.InferenceBucketPolicy("weights-policy", bucket=weights, prefixes={prefixes!r}, owner_access={access!r})
public = cw.Gateway("public", zones=[ZONE], auth=cw.CoreWeaveAuth(), routing=cw.BodyBasedRouting())


def deployment(name, line, **changes):
    given = dict(
        gateways=[public],
        weights=weights,
        model=cw.Model(name="acme/chat", path="models/chat"),
        runtime=cw.Runtime(engine="vllm", engine_config=dict(line.get("config", {{}}))),
        resources=cw.Resources(instance_type="gd-8xh200ib-i128", gpu_count=1),
        autoscaling=cw.Autoscaling(min=line.get("min", 1), max=2, concurrency=32),
        traffic=cw.Traffic(weight=line.get("weight", 100)),
    )
    return cw.Deployment(name, **{{**given, **changes}})


"""


def check(directory: Path, *arguments: str, **environment: str) -> tuple[int, dict[str, Any]]:
    command = [quick_python(), "-m", "coreweave_inference.cli", "check", str(directory), "--json", *arguments]
    settings = {"PATH": os.environ["PATH"], "HOME": str(directory), "PYTHONPATH": ROOT, **environment}
    done = subprocess.run(command, env=settings, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


def declare(
    directory: Path, text: str, bucket: str = "acme-weights", access: str = "none", *prefixes: str
) -> None:
    (directory / "Pulumi.yaml").write_text("name: serving\nruntime: python\n")
    start = PROGRAM.format(bucket=bucket, access=access, prefixes=list(prefixes) or ["models"])
    (directory / "__main__.py").write_text(start + text)


@pytest.mark.parametrize("example", ["python-program", "pulumi-aws-bucket"])
def test_an_example_in_python_has_nothing_to_find(example: str, tmp_path: Path) -> None:
    code, found = check(EXAMPLES / example, HOME=str(tmp_path))

    assert (code, found["ok"], found["findings"]) == (0, True, [])


def test_everything_that_a_program_declares_wrongly_is_reported_at_once_each_with_its_line(
    tmp_path: Path,
) -> None:
    text = """
deployment("chat", {"weight": 1001, "min": 4})
deployment("canary", {}, api_name="same")
deployment("third", {}, api_name="same")
print("what a program prints is no part of the document")
deployment("last", {}, timeout="soon")
"""
    declare(tmp_path, text, "Acme_Weights", "everybody", "models", "a*b")

    code, found = check(tmp_path)

    assert (code, found["ok"]) == (2, False)
    wrong = {(one["path"], (one["origin"] or {}).get("line")) for one in found["findings"] if one["path"]}
    assert wrong == {
        ("deployments.chat.traffic.weight", 19),
        ("deployments.chat.autoscaling.min", 19),
        ("buckets.weights.name", 4),
        ("buckets.weights-policy.ownerAccess", 5),
        ("buckets.weights-policy.prefixes", 5),
    }
    others = [one["what"] for one in found["findings"] if not one["path"]]
    assert len(others) == 2
    assert any('the deployment name "same"' in what for what in others)
    assert any('timeout "soon"' in what for what in others)


def test_what_the_rules_find_has_the_line_of_its_object_and_a_program_that_breaks_has_its_own(
    tmp_path: Path,
) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "broken").mkdir()
    declare(
        tmp_path / "rules", 'deployment("chat", {"config": {"enable-auto-tool-choice": ""}})\ncw.export()\n'
    )
    declare(tmp_path / "broken", 'deployment("chat", {})\nnothing.of.that.name\n')

    code, found = check(tmp_path / "rules")
    other, broken = check(tmp_path / "broken")

    assert code == other == 2
    assert [(one["code"], one["key"], one["origin"]) for one in found["findings"]] == [
        ("engine-tool-parser", "chat", {"file": "__main__.py", "line": 19})
    ]
    (error,) = broken["errors"]
    assert "__main__.py:23: NameError: name 'nothing' is not defined" in error


def test_an_existing_gateway_is_not_known_without_a_token_and_resolved_with_one(tmp_path: Path) -> None:
    text = 'other = cw.existing_gateway("other", name="absent")\ndeployment("chat", {}, gateways=[other])\n'
    declare(tmp_path, text)

    with Simulator() as simulator:
        endpoints = {"COREWEAVE_API_ENDPOINT": simulator.url, "COREWEAVE_S3_ENDPOINT": simulator.url}
        without = check(tmp_path, **endpoints)
        asked = len(simulator.journal.entries())
        code, found = check(tmp_path, COREWEAVE_API_TOKEN=simulator.token, **endpoints)

    assert (without[0], asked) == (0, 0)
    assert code == 2
    assert 'there is no gateway called "absent" in this account' in found["errors"][0]


def test_offline_no_code_of_the_directory_runs(tmp_path: Path) -> None:
    declare(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')\n")

    code, found = check(tmp_path, "--offline")

    assert (code, found["ok"], (tmp_path / "ran").exists()) == (2, False, False)
