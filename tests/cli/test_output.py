"""Output that fails, and what others wrote in it: a command does what it does either way, and raises nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from coreweave_inference.cli.output import say
from coreweave_inference.engine.events import of_progress_line
from coreweave_inference.errors import CoreWeaveError, Fault, InvalidDeclaration

HOSTILE = "a\x1b[31mb\x07c\u202ed\x9be"
STEERING = ("\x1b", "\x07", "\u202e", "\x9b")


def _run(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    command = f'"{sys.executable}" -m coreweave_inference.cli {script}'
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), **variables}
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "redirection", [">&-", "2>&-", ">&- 2>&- <&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>/dev/full"]
)
def test_output_that_cannot_be_written_changes_neither_what_is_done_nor_the_exit_code(
    tmp_path: Path, redirection: str
) -> None:
    made = _run(f"init stack {redirection}", tmp_path)
    again = _run(f"init stack {redirection}", tmp_path)

    assert (made.returncode, again.returncode) == (0, 2)
    assert (tmp_path / "stack" / "inference.yaml").is_file()
    assert b"Traceback" not in made.stderr + again.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
)
def test_a_character_that_the_encoding_lacks_is_written_out(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    made = _run("init größe", tmp_path, **variables)
    refused = _run("init größe --stack …", tmp_path, **variables)

    assert made.returncode == 0, made.stderr
    assert b"export COREWEAVE_API_TOKEN=" in made.stdout
    assert refused.returncode == 2
    assert b"Traceback" not in refused.stderr


def test_what_others_wrote_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{HOSTILE}\nnext [bold]line[/bold]")
    shown = capsys.readouterr().out
    error = str(CoreWeaveError(HOSTILE))
    faults = str(InvalidDeclaration([Fault(HOSTILE), Fault("second")]))
    progress = of_progress_line(json.dumps({"urn": "u", "message": HOSTILE}))

    assert progress is not None
    for text in (shown, error, faults, progress.message):
        assert not any(sign in text for sign in STEERING), text
        assert "[31mb" in text
    assert shown.endswith("\nnext [bold]line[/bold]\n")
    assert faults.endswith("\nsecond")
