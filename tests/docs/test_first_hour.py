"""A newcomer's first hour: the README's own commands, from the built wheel, beside what its metadata requires and no more."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

CHECKOUT = Path(__file__).resolve().parents[2]
HEADING = "## A first hour, without an account"
WHERE = "python -c 'import coreweave_inference as found; print(found.__file__)'"


def commands() -> str:
    """The commands of the README's section."""
    section = (CHECKOUT / "README.md").read_text().split(HEADING, 1)[1].split("\n## ", 1)[0]
    return "\n".join(re.findall(r"```bash\n(.*?)```", section, re.DOTALL))


def required(name: str, extras: frozenset[str]) -> set[str]:
    """The distributions that pip would install beside one, of the versions that are installed here."""
    found: set[tuple[str, frozenset[str]]] = set()

    def visit(name: str, extras: frozenset[str]) -> None:
        if (name, extras) in found:
            return
        found.add((name, extras))
        for text in distribution(name).requires or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in (*extras, "")):
                visit(requirement.name, frozenset(requirement.extras))

    visit(name, extras)
    return {found_name for found_name, _ in found} - {name}


def link(names: set[str], into: Path) -> None:
    """Distributions of this environment, and nothing else of it, in a folder that pip and Python take for installed."""
    into.mkdir()
    for name in names:
        found = distribution(name)
        site = Path(str(found.locate_file("")))
        tops = {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}
        for top in tops:
            if not (into / top).exists():
                (into / top).symlink_to(site / top)


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
    place, dependencies = tmp_path / "newcomer", tmp_path / "dependencies"
    place.mkdir()
    link(required("coreweave-inference", frozenset({"simulator"})), dependencies)
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HTTP"))}
    found = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", f"{commands()}\n{WHERE}"],
        cwd=place,
        env={
            **kept,
            "PATH": os.pathsep.join([str(Path(cli).parent), str(Path(sys.executable).parent), os.defpath]),
            "HOME": str(place),
            "PYTHONPATH": str(dependencies),
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
    assert str(place / "venv") in printed.splitlines()[-1]
    assert '"object":"chat.completion"' in printed.replace(" ", "")
    assert "autoscaling.max: 2 -> 3" in printed
    assert '! changed outside: deployment "chat"' in printed
    assert "autoscaling.max: 9 -> 3" in printed
    assert "stack my-stack/prod" in printed
    assert printed.count("this stack no longer incurs charges") == 2
    assert "Traceback" not in found.stderr
