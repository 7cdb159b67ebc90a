"""The checkout's environment is made once, and again only when something it depends on changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import install
import pytest
from fake_cli import PYTHON_PROGRAM, write_program

PYTHON = """\
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps([sys.argv[1:], sorted(name for name in os.environ if name.startswith("PIP_"))]) + "\\n")
sys.exit({failure!r} or None)
"""


@pytest.fixture
def copy(tmp_path: Path, checkout: Path) -> Path:
    """A folder with what decides what is installed, and nothing else."""
    for name in install.DECIDES_WHAT_IS_INSTALLED:
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(checkout / name, tmp_path / "copy" / name)
    return tmp_path / "copy"


def write_environment(copy: Path, recorded: str, failure: str = "") -> Path:
    """An environment whose Python only writes down what it is asked; returns the log."""
    log = copy / "log"
    text = PYTHON_PROGRAM + PYTHON.format(log=str(log), failure=failure)
    write_program(copy / ".venv" / "bin" / "python", text)
    (copy / ".venv" / "installed").write_text(recorded)
    return log


def test_nothing_is_done_when_nothing_changed(copy: Path) -> None:
    log = write_environment(copy, install.state(copy))

    install.install(copy, {})

    assert not log.exists()


def test_changed_dependencies_are_installed_into_the_same_environment_with_the_users_index(
    copy: Path,
) -> None:
    log = write_environment(copy, install.state(copy))
    (copy / "pyproject.toml").write_text("[project]\n")

    install.install(
        copy, {"PIP_INDEX_URL": "https://packages.example", "PIP_USER": "1", "PIP_TARGET": "/elsewhere"}
    )

    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    assert [json.loads(line) for line in log.read_text().splitlines()] == [
        [[*pip, "pip>=21.3"], ["PIP_INDEX_URL"]],
        [[*pip, "--editable", ".[simulator,dev]"], ["PIP_INDEX_URL"]],
    ]
    assert install.recorded(copy / ".venv") == install.state(copy)


def test_the_output_of_pip_is_shown_when_it_fails_and_the_next_run_tries_again(copy: Path) -> None:
    write_environment(copy, install.state(copy), failure="No matching distribution")
    (copy / "pyproject.toml").write_text("[project]\n")

    with pytest.raises(
        install.NotInstalled, match=r"`pip install pip>=21\.3` failed:\nNo matching distribution"
    ):
        install.install(copy, {})

    assert install.recorded(copy / ".venv") != install.state(copy)


def test_the_state_names_the_place_so_that_a_copied_checkout_is_installed_anew(
    copy: Path, tmp_path: Path
) -> None:
    shutil.copytree(copy, tmp_path / "second")

    assert install.state(copy) != install.state(tmp_path / "second")


def test_an_environment_whose_python_is_missing_counts_as_none(copy: Path) -> None:
    write_environment(copy, install.state(copy))
    (copy / ".venv" / "bin" / "python").unlink()

    assert install.recorded(copy / ".venv") is None


def test_an_environment_that_was_never_finished_counts_as_none(copy: Path) -> None:
    write_environment(copy, install.state(copy))
    (copy / ".venv" / "installed").unlink()

    assert install.recorded(copy / ".venv") is None
