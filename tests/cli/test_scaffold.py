from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import yaml
from coreweave_inference.declaration import read
from typer.testing import Result

Command = Callable[..., Result]


def test_a_new_directory_holds_everything_a_first_run_needs(cw_inference: Command, tmp_path: Path) -> None:
    done = cw_inference("init", str(tmp_path / "assistant"), "--zone", "RNO2A")

    made = tmp_path / "assistant"
    assert done.exit_code == 0
    assert sorted(file.name for file in made.iterdir()) == [
        ".gitignore",
        "Pulumi.dev.yaml",
        "Pulumi.yaml",
        "__main__.py",
        "inference.overlay.schema.json",
        "inference.schema.json",
        "inference.yaml",
        "requirements.txt",
    ]
    project = yaml.safe_load((made / "Pulumi.yaml").read_text())
    assert project["name"] == "assistant"
    assert project["options"] == {"refresh": "always"}
    assert project["runtime"]["options"]["toolchain"] == "pip"
    assert project["runtime"]["options"]["virtualenv"] == ".venv"
    declaration = read(made / "inference.yaml")
    assert list(declaration.deployments) == ["chat"]
    assert declaration.buckets["weights"].zone == "RNO2A"
    assert f"  cw-inference up {made} --stack dev --only buckets" in done.stdout.splitlines()


def test_a_second_stack_gets_a_file_and_an_identity_of_its_own(cw_inference: Command, tmp_path: Path) -> None:
    cw_inference("init", str(tmp_path))
    before = {file.name: file.read_text() for file in tmp_path.iterdir()}

    done = cw_inference("init", str(tmp_path), "--stack", "prod")

    after = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert done.exit_code == 0
    assert after.keys() - before.keys() == {"Pulumi.prod.yaml"}
    assert {name: after[name] for name in before} == before
    identities = [
        yaml.safe_load(after[f"Pulumi.{stack}.yaml"])["config"]["coreweave:identity"]
        for stack in ("dev", "prod")
    ]
    assert len(set(identities)) == 2
    assert all(len(identity) == 32 for identity in identities)
    assert f"{tmp_path / 'inference.prod.yaml'}" in done.stdout
    assert "  buckets: {weights: {adopt: true}}" in done.stdout.splitlines()
    assert "--only buckets" not in done.stdout
    assert done.stdout.splitlines()[-1] == f"  cw-inference up {tmp_path} --stack prod"


def test_the_next_commands_quote_a_path_with_spaces(cw_inference: Command, tmp_path: Path) -> None:
    done = cw_inference("init", str(tmp_path / "my stack"), "--name", "mine")

    assert f"  cw-inference up '{tmp_path}/my stack' --stack dev --only buckets" in done.stdout.splitlines()


def test_nothing_is_ever_overwritten(cw_inference: Command, tmp_path: Path) -> None:
    (tmp_path / "inference.yaml").write_text("mine")

    first = cw_inference("init", str(tmp_path))
    second = cw_inference("init", str(tmp_path))

    assert (tmp_path / "inference.yaml").read_text() == "mine"
    assert f"kept     {tmp_path / 'inference.yaml'}" in first.stdout.splitlines()
    assert second.exit_code == 2
    assert (
        second.stderr == f'error: {tmp_path} has a stack "dev" already; add another one with --stack NAME\n'
    )


def test_a_file_and_a_directory_that_has_a_stack_and_no_project_are_refused_and_left_as_they_are(
    cw_inference: Command, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "Pulumi.dev.yaml").write_text("config: {}\n")

    refused = [cw_inference("init", str(tmp_path / name)) for name in ("file", "half")]

    assert [done.exit_code for done in refused] == [2, 2]
    assert f"{tmp_path}/file is a file" in refused[0].stderr
    assert "has no Pulumi.yaml" in refused[1].stderr
    assert sorted(found.name for found in tmp_path.rglob("*")) == ["Pulumi.dev.yaml", "file", "half"]


def test_a_name_that_pulumi_would_refuse_is_refused(cw_inference: Command, tmp_path: Path) -> None:
    done = cw_inference("init", str(tmp_path / "new"), "--stack", "dev/../x")

    assert done.exit_code == 2
    assert done.stderr.startswith('error: --stack "dev/../x" is not a name for Pulumi; use letters')
    assert not (tmp_path / "new").exists()
