"""The version of the CLI is asked once for each file that it is, and every time where another program chooses it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import coreweave_inference
import pytest
from coreweave_inference.engine import known_versions

BINARY = b"\x7fELF"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}


def program(place: Path, contents: bytes = BINARY, name: str = "pulumi") -> str:
    place.mkdir(exist_ok=True)
    file = place / name
    file.write_bytes(contents)
    return str(file)


def test_a_version_is_known_until_the_file_is_another(tmp_path: Path, environment: dict[str, str]) -> None:
    path = program(tmp_path / "bin")
    known_versions.note(path, "3.259.0", environment)

    before = known_versions.known(path, environment)
    program(tmp_path / "bin", BINARY + b"newer")

    assert (before, known_versions.known(path, environment)) == ("3.259.0", None)


def test_what_a_script_or_a_version_manager_starts_is_asked_each_time(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    script = program(tmp_path / "shims", b"#!/bin/sh\n")
    manager = tmp_path / "links" / "pulumi"
    manager.parent.mkdir()
    manager.symlink_to(program(tmp_path / "bin", name="mise"))

    for path in (script, str(manager)):
        known_versions.note(path, "3.259.0", environment)
        assert known_versions.known(path, environment) is None


@pytest.mark.parametrize("damaged", ["", "{}", "[]", '{"of": 1}'])
def test_a_damaged_note_is_none(tmp_path: Path, environment: dict[str, str], damaged: str) -> None:
    path = program(tmp_path / "bin")
    known_versions.note(path, "3.259.0", environment)
    (note,) = (tmp_path / "home").rglob("pulumi.json")
    note.write_text(damaged)

    assert known_versions.known(path, environment) is None


def test_a_command_notes_what_the_cli_told_it(environment: dict[str, str]) -> None:
    code = "import os; from coreweave_inference.engine.installation import PulumiCli as C; print(C.found(os.environ).version)"
    package = str(Path(coreweave_inference.__file__).parent.parent)
    path = shutil.which("pulumi")
    assert path is not None

    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "PYTHONPATH": package},
        capture_output=True,
        text=True,
        check=True,
    )

    assert known_versions.known(path, environment) == answer.stdout.strip()
