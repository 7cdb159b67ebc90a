from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pulumi
import pytest
import yaml
from coreweave_inference.cli.context import is_project
from coreweave_inference.engine.directory import StackDirectory, add_identity
from coreweave_inference.engine.installation import PulumiCli
from coreweave_inference.engine.program import InlineProgram
from coreweave_inference.errors import StartupError


def project(path: Path, text: str = "name: serving\nruntime: python\n") -> StackDirectory:
    (path / "Pulumi.yaml").write_text(text)
    return StackDirectory.at(path)


def executable(path: Path, answer: str) -> dict[str, str]:
    """An environment whose PATH holds a `pulumi` that answers so."""
    (path / "pulumi").write_text(f"#!/bin/sh\n{answer}\n")
    (path / "pulumi").chmod(0o755)
    return {"PATH": str(path)}


def test_a_directory_without_a_project_is_refused_with_the_way_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(
        StartupError, match=r"is not a stack directory: it has no Pulumi\.yaml.*cw-inference init"
    ):
        StackDirectory.at(tmp_path)


def test_a_project_of_another_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="is a project for go"):
        project(tmp_path, "name: serving\nruntime: go\n")


def test_the_running_virtualenv_must_be_the_one_that_the_project_names_where_that_exists(
    tmp_path: Path,
) -> None:
    text = "name: serving\nruntime: {name: python, options: {toolchain: pip, virtualenv: .venv}}\n"
    directory = project(tmp_path, text)
    wanted = (tmp_path / ".venv").resolve()

    directory.require_virtualenv("/usr")
    wanted.mkdir()
    directory.require_virtualenv(str(wanted))
    with pytest.raises(StartupError) as refused:
        directory.require_virtualenv("/usr")

    assert f"wants the virtualenv {wanted}, and this is running in /usr" in str(refused.value)


def test_a_project_without_a_virtualenv_runs_in_any(tmp_path: Path) -> None:
    project(tmp_path).require_virtualenv("/anywhere")


def test_stacks_are_those_with_a_file_and_their_plain_configuration_is_read(tmp_path: Path) -> None:
    directory = project(tmp_path)
    (tmp_path / "Pulumi.prod.yaml").write_text("")
    (tmp_path / "Pulumi.dev.yaml").write_text(
        "config:\n  coreweave:endpoint: https://x\n  size: 3\n  coreweave:token:\n    secure: v1:abc\n"
    )

    assert directory.stacks() == ("dev", "prod")
    assert directory.plain_configuration("acme/dev") == {
        "coreweave:endpoint": "https://x",
        "serving:size": "3",
    }
    assert directory.secret_keys("dev") == {"coreweave:token"}
    assert directory.plain_configuration("prod") == {}


def test_configuration_of_the_project_and_a_folder_of_stack_files_count_as_pulumi_has_them(
    tmp_path: Path,
) -> None:
    directory = project(
        tmp_path,
        "name: serving\nruntime: python\nstackConfigDir: stacks\nconfig:\n"
        "  coreweave:endpoint: https://shared\n  coreweave:s3Endpoint: {value: https://shared-s3}\n"
        "  size: {type: integer, default: 3}\n  coreweave:token: {value: x}\n",
    )
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "Pulumi.dev.yaml").write_text(
        "config:\n  coreweave:endpoint: https://own\n  coreweave:token: {secure: v1:abc}\n"
    )

    assert directory.stacks() == ("dev",)
    assert directory.plain_configuration("dev") == {
        "coreweave:endpoint": "https://own",
        "coreweave:s3Endpoint": "https://shared-s3",
        "serving:size": "3",
    }
    assert directory.plain_configuration("prod")["coreweave:endpoint"] == "https://shared"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "config:\n{}"),
        ("encryptionsalt: v1:x\nconfig: {{}}\n", "encryptionsalt: v1:x\nconfig:\n{}"),
        ("config:\n  a:b: c # kept\n", "config:\n{}  a:b: c # kept\n"),
    ],
)
def test_an_identity_is_added_to_a_stack_file_and_the_rest_of_it_stays(
    tmp_path: Path, before: str, after: str
) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text(before.format())

    add_identity(file)

    added = re.search("  #.*\\n  coreweave:identity: [0-9a-f]{32}\\n", file.read_text())
    assert added
    assert file.read_text() == after.format(added.group())


@pytest.mark.parametrize("name", ["Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yml", "__main__.py"])
def test_a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for(tmp_path: Path, name: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: serving\nruntime: python\n")
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)

    with pytest.raises(StartupError, match=f"{re.escape(name)} is not a regular file"):
        StackDirectory.at(tmp_path)
    assert is_project(tmp_path)


def test_a_cli_that_is_missing_or_old_is_refused_with_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="is not on PATH; install it from"):
        PulumiCli.found({"PATH": str(tmp_path)})
    with pytest.raises(StartupError, match=r"is version 3\.253\.0; 3\.254\.0 or newer is needed"):
        PulumiCli.found(executable(tmp_path, "echo v3.253.0"))
    with pytest.raises(StartupError, match="does not tell its version: broken"):
        PulumiCli.found(executable(tmp_path, "echo broken >&2; exit 1"))
    assert str(PulumiCli.found(executable(tmp_path, "echo v3.254.0")).version) == "3.254.0"


def test_a_program_runs_in_its_directory_and_leaves_this_process_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("VALUE = 1\n")
    (tmp_path / "__main__.py").write_text(
        "import os, pathlib, sys\nimport neighbour\n"
        "pathlib.Path('seen').write_text(repr((neighbour.VALUE, sys.argv, os.getcwd())))\n"
    )
    before = (os.getcwd(), list(sys.path), sys.argv)

    InlineProgram(tmp_path / "__main__.py")()

    assert (tmp_path / "seen").read_text() == repr((1, [str(tmp_path / "__main__.py")], str(tmp_path)))
    assert (os.getcwd(), sys.path, sys.argv) == before
    assert "neighbour" not in sys.modules


def test_a_program_that_is_missing_is_refused_with_what_belongs_into_it(tmp_path: Path) -> None:
    program = InlineProgram(tmp_path / "__main__.py")

    with pytest.raises(pulumi.RunError, match=r"is missing; .*stack = cw\.load\(\)"):
        program()

    assert program.refused


@pytest.mark.parametrize("text", ["{}\n", "{encryptionsalt: v1:abc}\n", "config: {coreweave:token: x}\n"])
def test_an_identity_is_added_to_a_file_in_flow_style_too(tmp_path: Path, text: str) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text(text)
    before = yaml.safe_load(text)

    add_identity(file)

    after = yaml.safe_load(file.read_text())
    identity = after["config"].pop("coreweave:identity")
    assert len(identity) == 32
    assert after == {"config": {}, **before}
