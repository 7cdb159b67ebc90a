"""One command of the Pulumi CLI that goes wrong: its own words, in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import semver
from coreweave_inference.engine.installation import CommandFailed, PulumiCli
from coreweave_inference.errors import StartupError

VERSION = semver.Version(3, 259, 0)


def _cli(folder: Path, script: str) -> PulumiCli:
    path = folder / "pulumi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return PulumiCli(str(path), VERSION)


def test_one_that_ends_before_it_read_its_input_fails_with_its_own_reason(tmp_path: Path) -> None:
    cli = _cli(tmp_path, 'echo "error: the stack is currently locked by 1 lock(s)" >&2; exit 255')

    with pytest.raises(CommandFailed) as caught:
        cli.run(["stack", "import"], str(tmp_path), {}, standard_input="x" * 1_000_000)

    assert "currently locked by" in caught.value.text


def test_without_a_backend_the_error_says_how_to_choose_one(tmp_path: Path) -> None:
    pulumi = PulumiCli.found(os.environ)
    (tmp_path / "Pulumi.yaml").write_text("name: serving\nruntime: python\n")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    without = {name: "" for name in os.environ if name.startswith("PULUMI_")}

    with pytest.raises(CommandFailed, match="no state backend is chosen; run `pulumi login`"):
        pulumi.run(["stack", "ls", "--non-interactive"], str(tmp_path), {**without, **environment})


def test_one_that_cannot_be_run_is_one_line(tmp_path: Path) -> None:
    missing = PulumiCli(str(tmp_path / "nowhere"), VERSION)
    damaged = tmp_path / "bin"
    damaged.mkdir()
    (damaged / "pulumi").write_bytes(b"\x7fELF")
    (damaged / "pulumi").chmod(0o755)

    with pytest.raises(StartupError, match=r"nowhere cannot be run in .*: No such file") as run:
        missing.run(["whoami"], str(tmp_path), {})
    with pytest.raises(StartupError, match="pulumi cannot be run: Exec format error"):
        PulumiCli.found({"PATH": str(damaged)})

    assert "\n" not in str(run.value)
