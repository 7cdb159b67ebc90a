"""What a terminal shows first, before anything that takes time, and what a pipe does not get."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from tests.processes.python import ROOT, quick_python

Command = Callable[..., Result]
PLACE = "stack dev (project serving) at http://127.0.0.1:9 …"
FIRST = {
    "status": f"reading {PLACE}",
    "diff": f"comparing {PLACE}",
    "outputs": f"reading {PLACE}",
    "call chat Hello": f"asking {PLACE}",
    "smoke": f"asking {PLACE}",
    "check": f"checking {PLACE}",
    "import": f"importing into {PLACE}",
    "fit": f"computing the fit of {PLACE}",
    "fit chat": "computing the fit of chat …",
    "catalog": "reading what the service offers …",
    "review": "reviewing . …",
    "weights push . acme-weights models/a": "comparing . with models/a in bucket acme-weights …",
    "weights list acme-weights": "reading bucket acme-weights …",
    "weights check": "checking what the deployments read …",
    "weights copy acme-weights models/a models/b": "comparing models/a with models/b …",
}


@pytest.fixture
def directory(cw_inference: Command, tmp_path: Path) -> Path:
    cw_inference("init", str(tmp_path), "--name", "serving")
    return tmp_path


def test_every_command_that_looks_says_so_on_a_terminal_before_it_looks(directory: Path) -> None:
    for command, line in FIRST.items():
        assert _first_line(directory, command.split()) == line, command


def test_a_pipe_gets_what_was_asked_for_alone(cw_inference: Command, directory: Path) -> None:
    done = cw_inference("outputs", str(directory), "--url", "chat", PATH="")

    assert done.stdout == ""


def _first_line(directory: Path, arguments: list[str]) -> str:
    own, other = pty.openpty()
    environment = {
        "PATH": "",  # No Pulumi CLI: what needs it ends there, after its first line.
        "PYTHONPATH": ROOT,
        "COREWEAVE_API_ENDPOINT": "http://127.0.0.1:9",
    }
    command = [quick_python(), "-m", "coreweave_inference.cli", *arguments]
    with subprocess.Popen(command, cwd=directory, env=environment, stdout=other, stderr=other) as process:
        os.close(other)
        text = b""
        try:
            while b"\n" not in text and (part := os.read(own, 65536)):
                text += part
        finally:
            process.kill()
            os.close(own)
    return text.decode().split("\r\n", 1)[0]


@pytest.mark.parametrize(
    "command",
    [
        "refresh --yes",
        "up --yess",
        "status --watchh",
        "weights push --bogus",
        "call",
        "fit --gpus many",
        "import x y",
    ],
)
def test_a_command_that_is_mistyped_beside_json_is_answered_in_json(
    cw_inference: Command, command: str
) -> None:
    plain, done = cw_inference(*command.split()), cw_inference(*command.split(), "--json")

    document = json.loads(done.stdout)
    assert (plain.exit_code, plain.stdout, done.exit_code, done.stderr) == (2, "", 2, "")
    assert document["ok"] is False
    assert document["errors"][0].rstrip(".") in plain.stderr
