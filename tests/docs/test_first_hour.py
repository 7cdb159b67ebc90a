"""A newcomer's first hour: the README's own commands, from the built wheel, in an environment that holds nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
HEADING = "## A first hour, without an account"


def commands() -> str:
    """The commands of the README's section."""
    section = (CHECKOUT / "README.md").read_text().split(HEADING, 1)[1].split("\n## ", 1)[0]
    return "\n".join(re.findall(r"```bash\n(.*?)```", section, re.DOTALL))


@pytest.mark.thorough
def test_the_first_hour_of_the_readme_works_from_the_wheel_alone(tmp_path: Path) -> None:
    wheels, source = tmp_path / "wheels", tmp_path / "source"
    shutil.copytree(
        CHECKOUT, source, ignore=shutil.ignore_patterns(".*", "build", "tests", "examples", "__pycache__")
    )
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(wheels), str(source)],
        capture_output=True,
        check=True,
    )
    cli = shutil.which("pulumi")
    assert cli is not None, "the Pulumi CLI is not on PATH"
    place = tmp_path / "newcomer"
    place.mkdir()
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HTTP"))}
    found = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", commands()],
        cwd=place,
        env={
            **kept,
            "PATH": os.pathsep.join([str(Path(cli).parent), str(Path(sys.executable).parent), os.defpath]),
            "HOME": str(place),
            "PIP_FIND_LINKS": f"{wheels} {os.environ.get('PIP_FIND_LINKS', '')}",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "COREWEAVE_POLL_SECONDS": "0.3",
            "COREWEAVE_SETTLE_SECONDS": "0.6",
        },
        capture_output=True,
        text=True,
        timeout=900,
    )

    assert found.returncode == 0, found.stdout + found.stderr
    printed = found.stdout
    assert '"object":"chat.completion"' in printed.replace(" ", "")
    assert "autoscaling.max: 2 -> 3" in printed
    assert '! changed outside: deployment "chat"' in printed
    assert "autoscaling.max: 9 -> 3" in printed
    assert "stack my-stack/prod" in printed
    assert printed.count("nothing of this stack bills any more") == 2
    assert "Traceback" not in found.stderr
