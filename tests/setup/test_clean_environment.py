"""No setting of the caller's accounts, keys or state backends reaches a command that is run cleanly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from clean_environment import cleaned

HOSTILE = {
    "COREWEAVE_API_TOKEN": "real-token",
    "COREWEAVE_": "a prefix alone",
    "CW_BASE_URL": "https://api.example\nwith a second line",
    "AWS_SECRET_ACCESS_KEY": "sp ace 'quote\" $(touch gotcha) `touch gotcha` $$ \\",
    "AWS_ODD.NAME-1": "=",
    "AWS_EMPTY": "",
    "PULUMI_BACKEND_URL": "s3://production",
    "PULUMI_CONFIG_PASSPHRASE": "naïve \udcff bytes",
    "PULUMI_ARCHIVE": "/downloads/with space.tar.gz",
    "PYTHONPATH": "/elsewhere",
    "PYTHONDONTWRITEBYTECODE": "1",
    "VIRTUAL_ENV": "/elsewhere/.venv",
    "MAKEFLAGS": "e -- COREWEAVE_API_TOKEN=real-token",
}
FRIENDLY = {
    "HOME": "/home/me",
    "LANG": "C.UTF-8",
    "PIP_INDEX_URL": "https://packages.example/simple",
    "HTTPS_PROXY": "http://proxy.example:3128",
    "REQUIRE_LANGUAGE_HOST": "1",
    "MY_AWS_NOTE": "the prefix is inside the name only",
    "aws_lower": "another name",
}


def printed_by_a_command(checkout: Path, environment: dict[str, str], *options: str) -> dict[str, str]:
    launcher = str(checkout / "scripts" / "clean_environment.py")
    program = "import json, os; print(json.dumps(dict(os.environ)))"
    command = [sys.executable, launcher, *options, "--", sys.executable, "-c", program]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def test_every_name_with_a_cleared_prefix_goes_and_all_others_stay() -> None:
    loopback = {"no_proxy": "localhost,127.0.0.1", "NO_PROXY": "localhost,127.0.0.1"}

    result = cleaned({**HOSTILE, **FRIENDLY, "PATH": "/bin"})

    assert result == {**FRIENDLY, **loopback, "PATH": "/bin"}


def test_a_command_sees_none_of_it_whatever_the_values_are(checkout: Path) -> None:
    hostile = {name: value for name, value in HOSTILE.items() if name != "PYTHONPATH"}

    result = printed_by_a_command(checkout, {**hostile, **FRIENDLY, "PATH": os.defpath})

    assert result.keys() & HOSTILE.keys() == set()
    assert {name: result[name] for name in FRIENDLY} == FRIENDLY


def test_only_what_is_named_is_kept() -> None:
    result = cleaned(HOSTILE, keep=["PULUMI_ARCHIVE"])

    assert {name: result[name] for name in result.keys() & HOSTILE.keys()} == {
        "PULUMI_ARCHIVE": "/downloads/with space.tar.gz"
    }


def test_directories_are_put_in_front_of_path_in_their_order_and_made_absolute(checkout: Path) -> None:
    result = printed_by_a_command(checkout, {"PATH": "/bin"}, "--path", "a b", "--path", "/usr/$HOME")

    assert result["PATH"] == f"{Path.cwd()}/a b:/usr/$HOME:/bin"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, "localhost,127.0.0.1"),
        ({"NO_PROXY": "corp.example"}, "corp.example,localhost,127.0.0.1"),
        ({"no_proxy": "lower.example", "NO_PROXY": "upper.example"}, "lower.example,localhost,127.0.0.1"),
        ({"no_proxy": "*"}, "*"),
    ],
)
def test_this_machine_is_never_asked_for_through_a_proxy(before: dict[str, str], after: str) -> None:
    result = cleaned(before)

    assert (result["no_proxy"], result["NO_PROXY"]) == (after, after)


def test_the_exit_code_is_the_commands_own(checkout: Path) -> None:
    launcher = str(checkout / "scripts" / "clean_environment.py")

    result = subprocess.run([sys.executable, launcher, "--", sys.executable, "-c", "raise SystemExit(7)"])

    assert result.returncode == 7


def test_a_command_that_does_not_exist_is_named(checkout: Path) -> None:
    launcher = str(checkout / "scripts" / "clean_environment.py")

    result = subprocess.run(
        [sys.executable, launcher, "--", "no-such-program"], capture_output=True, text=True
    )

    assert (result.returncode, result.stderr) == (
        127,
        "clean_environment: no-such-program: No such file or directory\n",
    )
