"""The recipes of the Makefile and the CI script, run in a folder where every program only writes down its environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fake_cli import PYTHON_PROGRAM, write_program

MAKE = shutil.which("make") or ""
pytestmark = pytest.mark.skipif(not MAKE, reason="make is not installed")

RECORDER = """\
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps([{name!r}, sys.argv[1:], dict(os.environ)]) + "\\n")
print({printed!r})
"""
CLEARED = ("COREWEAVE_", "CW_", "AWS_", "PULUMI_")
HOSTILE = {
    "COREWEAVE_API_TOKEN": "real token 'with' \"quotes\" $(touch gotcha) $$ #",
    "CW_BASE_URL": "https://api.example\nCW_SECOND=line",
    "AWS_PROFILE": "production",
    "PULUMI_BACKEND_URL": "s3://production",
    "PULUMI_ARCHIVE": "/downloads/with space 'and' $quote.tar.gz",
    "PYTHONPATH": "/nowhere",
    "PYTHONHOME": "/nowhere",
    "PYTHONSAFEPATH": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "VIRTUAL_ENV": "/nowhere/.venv",
    "MAKEFLAGS": "e -j4",
    "venv": "/nowhere",
    "cli": "/nowhere",
    "launch": "false",
    "PIP_INDEX_URL": "https://packages.example/simple",
    "REQUIRE_LANGUAGE_HOST": "1",
}


@pytest.fixture
def folder(tmp_path: Path, checkout: Path) -> Path:
    """A checkout, in a path with a space, whose installer, CLI script and Python are recorders."""
    folder = tmp_path / "a checkout"
    (folder / "scripts").mkdir(parents=True)
    (folder / ".tools").mkdir()
    (folder / "log").touch()
    shutil.copy(checkout / "Makefile", folder)
    shutil.copy(checkout / "scripts" / "clean_environment.py", folder / "scripts")
    for path in ("scripts/install.py", "scripts/get_pulumi.py", ".venv/bin/python"):
        printed = "/opt/the cli" if "pulumi" in path else ""
        text = PYTHON_PROGRAM + RECORDER.format(log=str(folder / "log"), name=path, printed=printed)
        write_program(folder / path, text)
    return folder


def make(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return make_as_called(folder, *arguments, **{"PYTHON": sys.executable, **settings})


def make_as_called(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", **settings}
    return subprocess.run([MAKE, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


def recorded(folder: Path) -> list[tuple[str, list[str], dict[str, str]]]:
    return [tuple(json.loads(line)) for line in (folder / "log").read_text().splitlines()]


@pytest.mark.parametrize(
    ("target", "arguments"),
    [("test", ["-m", "pytest", "-n", "4", "--dist", "worksteal"]), ("demo", ["scripts/demo.py"])],
)
def test_nothing_of_the_callers_accounts_reaches_the_demo_or_the_tests(
    folder: Path, target: str, arguments: list[str]
) -> None:
    result = make(folder, target, "COREWEAVE_SECOND=from the command line", **HOSTILE)

    assert result.returncode == 0, result.stderr
    name, asked, environment = recorded(folder)[-1]
    assert (name, asked) == (".venv/bin/python", arguments)
    assert [variable for variable in environment if variable.startswith(CLEARED)] == []
    assert (
        environment.keys() & {"PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "VIRTUAL_ENV", "MAKEFLAGS"}
        == set()
    )
    assert environment["REQUIRE_LANGUAGE_HOST"] == "1"
    assert not (folder / "gotcha").exists()


def test_only_the_step_that_gets_the_cli_sees_the_archive_and_pip_sees_the_users_index(folder: Path) -> None:
    result = make(folder, "test", **HOSTILE)

    assert result.returncode == 0, result.stderr
    installer, getter, tests = recorded(folder)
    assert {name: value for name, value in getter[2].items() if name.startswith(CLEARED)} == {
        "PULUMI_ARCHIVE": HOSTILE["PULUMI_ARCHIVE"]
    }
    assert [name for name in [*installer[2], *tests[2]] if name.startswith(CLEARED)] == []
    assert installer[2]["PIP_INDEX_URL"] == HOSTILE["PIP_INDEX_URL"]


def test_the_environment_and_the_cli_that_was_found_come_first_on_path(folder: Path) -> None:
    make(folder, "test")

    path = recorded(folder)[-1][2]["PATH"].split(":")
    assert path[:2] == [f"{folder}/.venv/bin", "/opt/the cli"]


def test_targets_asked_for_together_share_one_installation(folder: Path) -> None:
    result = make(folder, "-j4", "types", "test", "demo")

    assert result.returncode == 0, result.stderr
    assert [(name, asked[-1:]) for name, asked, _ in recorded(folder)] == [
        ("scripts/install.py", []),
        ("scripts/get_pulumi.py", [".tools/pulumi"]),
        (".venv/bin/python", ["mypy"]),
        (".venv/bin/python", ["worksteal"]),
        (".venv/bin/python", ["scripts/demo.py"]),
    ]


@pytest.mark.parametrize("failing", ["scripts/install.py", "scripts/get_pulumi.py"])
def test_nothing_is_run_when_the_installation_failed(folder: Path, failing: str) -> None:
    (folder / failing).write_text("raise SystemExit(1)\n")

    result = make(folder, "test")

    assert result.returncode != 0
    assert ".venv/bin/python" not in [name for name, _, _ in recorded(folder)]


def test_a_python_that_is_too_old_is_refused_with_the_way_out(folder: Path, tmp_path: Path) -> None:
    old = write_program(tmp_path / "python3.9", "#!/bin/sh\nexit 1\n")

    result = make(folder, "install", f"PYTHON={old}")

    assert result.returncode != 0
    assert (
        f"{old} is missing or older than Python 3.10; name another one: make install PYTHON=" in result.stderr
    )
    assert recorded(folder) == []


def test_an_environment_that_exists_keeps_its_python(folder: Path) -> None:
    make_as_called(folder, "python")

    assert [name for name, _, _ in recorded(folder)] == [".venv/bin/python"]


def test_make_alone_lists_every_target(folder: Path) -> None:
    listed = [line.split()[1] for line in make(folder).stdout.splitlines()]

    assert listed == [
        "help",
        "install",
        "demo",
        "test",
        "thorough",
        "faults",
        "bench",
        "lint",
        "types",
        "layers",
        "wheel",
        "docs",
        "clean",
    ]


@pytest.mark.parametrize("failing", ["", "types", "test"])
def test_the_ci_script_runs_every_check_and_fails_with_the_first_that_fails(
    tmp_path: Path, checkout: Path, failing: str
) -> None:
    targets = ["install", "lint", "types", "layers", "wheel", "thorough", "test"]
    (tmp_path / ".ci").mkdir()
    shutil.copy(checkout / ".ci" / "run", tmp_path / ".ci")
    fake = 'echo "$@ $REQUIRE_LANGUAGE_HOST $PWD" >> "$PWD/log"; echo "1 passed"; test "$1" != "$FAILING"'
    write_program(tmp_path / "bin" / "make", f"#!/bin/sh\n{fake}\n")
    environment = {"PATH": f"{tmp_path}/bin:{os.defpath}", "FAILING": failing or "none", "MAKEFLAGS": "i"}

    result = subprocess.run(
        ["bash", str(tmp_path / ".ci" / "run")], cwd="/", env=environment, capture_output=True, text=True
    )

    expected = targets[: targets.index(failing) + 1] if failing else targets
    assert (tmp_path / "log").read_text().splitlines() == [f"{target} 1 {tmp_path}" for target in expected]
    assert (result.returncode == 0) == (not failing)
    assert result.stdout.splitlines()[-1] == "1 passed"
