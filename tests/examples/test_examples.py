"""Every example comes up, says nothing new the second time, and goes again."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from coreweave_inference.checks import Severity
from coreweave_inference.declaration import read
from coreweave_inference.discovery import Sources, checks_for
from coreweave_inference.model.identity import stack_identity
from coreweave_inference.provider.bucket_ownership import STACK_TAG, stack_tag

from tests.engine.workbench import Service, Workbench
from tests.shell import environment_of, run

CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLES = CHECKOUT / "examples"
QUICKSTART = CHECKOUT / "stacks" / "quickstart"
DECLARED = sorted(path.parent for path in EXAMPLES.glob("*/inference.yaml"))


@pytest.mark.parametrize("directory", [*DECLARED, QUICKSTART], ids=lambda path: path.name)
def test_a_declared_example_has_nothing_to_find(directory: Path) -> None:
    report = checks_for(read(directory / "inference.yaml"), Sources())

    assert [finding.code for finding in report.findings if finding.severity is Severity.ERROR] == []
    assert yaml.safe_load((directory / "Pulumi.yaml").read_text())["runtime"]["name"] == "python"


@pytest.mark.thorough
@pytest.mark.parametrize("directory", [*DECLARED, QUICKSTART], ids=lambda path: path.name)
def test_an_example_runs_as_its_reader_runs_it(service: Service, tmp_path: Path, directory: Path) -> None:
    """Both ways: `cw-inference` changes something, and `pulumi`, where its language host is, finds nothing more to do."""
    place, declared = (
        tmp_path / "examples" / directory.name,
        yaml.safe_load((directory / "inference.yaml").read_text()),
    )
    shutil.copytree(directory, place)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    environment = environment_of(service, tmp_path)
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "config.json").write_text("{}")
    for bucket in declared["buckets"].values():
        if bucket.get("adopt"):
            service.make_bucket(bucket["name"])
    name = next(bucket["name"] for bucket in declared["buckets"].values())
    paths = {item["model"]["path"] for item in declared["deployments"].values()}
    pushes = "\n".join(f"cw-inference weights push {weights} {name} {path}" for path in sorted(paths))
    host = shutil.which("pulumi-language-python") is not None
    assert host or os.environ.get("REQUIRE_LANGUAGE_HOST") != "1"
    quiet = "pulumi preview --stack dev --non-interactive --expect-no-changes" if host else ""

    done = run(
        f"""cw-inference init . --stack dev
        cw-inference up --yes --only buckets
        {pushes}
        cw-inference up --yes
        cw-inference preview --exit-code
        {quiet}
        cw-inference destroy --yes""",
        place,
        environment,
    )

    assert done.returncode == 0, done.stdout
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
    assert [statement["Sid"] for statement in document["Statement"]] == ["Owners", "AllowInference"]
    assert declared["chat"]["inputs"]["model"]["bucket"] == "acme-aws-managed-weights"
    assert "ready" in declared


def test_every_example_is_listed_and_has_a_page_of_its_own() -> None:
    text = (EXAMPLES / "README.md").read_text()

    directories = [path.parent for path in EXAMPLES.glob("*/__main__.py")]

    assert directories
    assert [path.name for path in directories if f"]({path.name})" not in text] == []
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
