"""Every example comes up, says nothing new the second time, and goes again."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from coreweave_inference.model.identity import stack_identity
from coreweave_inference.resources.weights_bucket import STACK_TAG, stack_tag

from tests.engine.workbench import Service, Workbench

CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLES = CHECKOUT / "examples"
QUICKSTART = CHECKOUT / "stacks" / "quickstart"
DECLARED = sorted(path.parent for path in EXAMPLES.glob("*/inference.yaml"))


@pytest.mark.parametrize("directory", [*DECLARED, QUICKSTART], ids=lambda path: path.name)
def test_a_declared_example_comes_up_and_is_quiet_and_goes(
    service: Service, tmp_path: Path, directory: Path
) -> None:
    bench = Workbench(service, tmp_path, project=directory.name)
    bench.declare((directory / "inference.yaml").read_text())
    stocked(service, bench)

    up, again, gone = bench.up(), bench.preview(), bench.destroy()

    assert up.ok, up.output
    assert (again.changes, again.writes) == ({}, {})
    assert gone.ok, gone.output
    assert list(service.account()) == ["buckets"]


def test_the_python_program_is_the_quickstart(service: Service, tmp_path: Path) -> None:
    bench = Workbench(service, tmp_path, project="quickstart")
    bench.declare((QUICKSTART / "inference.yaml").read_text())
    stocked(service, bench)
    assert bench.up().ok
    outputs = bench.outputs()

    bench.program = lambda: runpy.run_path(str(EXAMPLES / "python-program" / "__main__.py"))
    twin = bench.up()

    assert (twin.ok, twin.changes, twin.writes) == (True, {}, {})
    assert bench.outputs() == outputs
    assert bench.destroy().ok


def test_the_pulumi_aws_example_puts_our_statement_into_a_document_of_its_own() -> None:
    """With Pulumi's mocks: the AWS plugin is a download of its own."""
    program = Path(__file__).parent / "mocked_program.py"
    example = EXAMPLES / "pulumi-aws-bucket" / "__main__.py"

    run = subprocess.run([sys.executable, program, example], capture_output=True, text=True, check=True)

    declared = {item["name"]: item for item in json.loads(run.stdout) if item["name"] != "weights"}
    document = json.loads(declared["weights-policy"]["inputs"]["policy"])
    assert [statement["Sid"] for statement in document["Statement"]] == ["AllowInference"]
    assert declared["chat"]["inputs"]["model"]["bucket"] == "acme-aws-managed-weights"
    assert "ready" in declared


def test_every_example_is_told_and_has_a_page_of_its_own() -> None:
    told = (EXAMPLES / "README.md").read_text()

    directories = [path.parent for path in EXAMPLES.glob("*/__main__.py")]

    assert directories
    assert [path.name for path in directories if f"]({path.name})" not in told] == []
    assert [path.name for path in directories if not (path / "README.md").exists()] == []


def stocked(service: Service, bench: Workbench) -> None:
    """The buckets and weights that the declaration speaks of, as an earlier run of the stack has left them."""
    declared = yaml.safe_load((bench.directory / "inference.yaml").read_text())
    identity = stack_identity(None, "organization", bench.project, bench.stack)
    for bucket in declared["buckets"].values():
        service.make_bucket(bucket["name"])
        tags = [{"Key": STACK_TAG, "Value": stack_tag(identity)}]
        service.s3.put_bucket_tagging(Bucket=bucket["name"], Tagging={"TagSet": tags})
        paths = [item["model"]["path"] for item in declared["deployments"].values()]
        service.put_weights(*paths, bucket=bucket["name"])
