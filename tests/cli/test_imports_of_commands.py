"""What commands import: no more than they need, so that they start at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes.recording import PythonProcess, Recorder

QUICKSTART = Path(__file__).resolve().parents[2] / "stacks" / "quickstart"


def imported_by(place: Path, *arguments: str) -> PythonProcess:
    """What a command has imported when it ends."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(place)}
    recorder = Recorder(place / "recorded", environment)
    done = subprocess.run(
        [sys.executable, "-m", "coreweave_inference.cli", *arguments],
        cwd=place,
        env={**environment, **recorder.modules_recorded},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (process,) = recorder.processes()
    return process


STARTED_WITH = {"__main__", "_distutils_hack"}
ALONE = {"typer", "shellingham", "annotated_doc"}
"""What `import typer` brings."""
NOT_OF_A_CHECK = {
    "doctor",
    "host",
    "importing",
    "provider",
    "resources",
    "review",
    "simulator",
    "stack",
    "stateless",
}
NOT_FOR_A_CHECK = {"anyio", "boto3", "botocore", "deepdiff", "httpcore", "pulumi", "rich", "ruamel"}


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_typer_and_the_options_and_nothing_else(tmp_path: Path, option: str) -> None:
    process = imported_by(tmp_path, option)

    assert process.libraries - STARTED_WITH == ALONE
    assert process.layers <= {"api", "cli", "clock", "collecting", "errors", "network", "version"}
    assert len(process.own) <= 20


def test_a_check_of_files_imports_neither_the_engine_nor_what_talks_to_the_service(tmp_path: Path) -> None:
    for name in ("inference.yaml", "__main__.py"):
        shutil.copy(QUICKSTART / name, tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: quickstart\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  coreweave:identity: 5f1c0f6a4d\n")

    process = imported_by(tmp_path, "check", "--offline")

    assert process.layers & NOT_OF_A_CHECK == set()
    assert process.libraries & NOT_FOR_A_CHECK == set()
    assert len(process.own) <= 155
