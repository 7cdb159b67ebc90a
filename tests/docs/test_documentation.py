"""The pages are current, and what they point to is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from coreweave_inference.simulator.control import Control
from coreweave_inference.simulator.faults import Action
from starlette.routing import Route

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    page
    for place in ("*.md", "docs/**/*.md", "examples/**/*.md", "stacks/**/*.md")
    for page in CHECKOUT.glob(place)
)
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|#)([^)#\s]+)")


def test_the_generated_reference_is_current() -> None:
    script = CHECKOUT / "scripts" / "generate_reference.py"

    run = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)

    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))

    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_declaration_in_the_readme_can_be_read(tmp_path: Path) -> None:
    from coreweave_inference.declaration import read

    text = re.search(r"```yaml\n# inference.yaml\n(.*?)```", (CHECKOUT / "README.md").read_text(), re.DOTALL)
    assert text is not None
    (tmp_path / "inference.yaml").write_text(text[1])

    declaration = read(tmp_path / "inference.yaml")

    assert list(declaration.deployments) == list(yaml.safe_load(text[1])["deployments"])


def test_every_command_of_the_readme_exists() -> None:
    words = set(re.findall(r"^cw-inference ([a-z]+)", (CHECKOUT / "README.md").read_text(), re.MULTILINE))

    run = subprocess.run(
        [sys.executable, "-m", "coreweave_inference.cli", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert words
    assert [word for word in words if not re.search(rf"\b{word}\b", run.stdout)] == []


def test_the_page_of_the_simulator_lists_every_control_path() -> None:
    unused: Any = None
    application: Any = Control(unused, unused, unused, unused, unused, unused).application()
    routes = application.routes
    paths = {
        (method, route.path)
        for route in routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }

    rows = re.findall(
        r"(?m)^\| `([A-Z]+) (/simulator/\w+)`", (CHECKOUT / "docs" / "simulator.md").read_text()
    )

    assert set(rows) == paths


def test_the_index_of_decisions_names_each_of_them() -> None:
    page = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")
    index = re.search(r"^\| about \| decisions \|\n\|[-|]+\n((?:\|.*\n)+)", page, re.MULTILINE)
    assert index is not None

    named = [title for row in index[1].splitlines() for title in row.split("|")[2].strip().split("; ")]

    assert sorted(named) == sorted(
        title.rstrip(".") for title in re.findall(r"^\*\*(.+?)\*\*", page, re.MULTILINE)
    )


def test_the_page_of_the_simulator_lists_each_fault() -> None:
    page = (CHECKOUT / "docs" / "simulator.md").read_text(encoding="utf-8")
    table = page.split("| `action` |")[1]

    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == list(get_args(Action))
