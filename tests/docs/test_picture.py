"""The picture of the README is what the command line draws today."""

from __future__ import annotations

import html
import importlib.util
import re
from pathlib import Path
from types import ModuleType

CHECKOUT = Path(__file__).resolve().parents[2]
EVENTS, PICTURE = Path(__file__).with_name("live_table.jsonl"), CHECKOUT / "docs" / "live-table.svg"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, CHECKOUT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def words(svg: str) -> list[str]:
    """What a picture says; how it is drawn depends on the version of rich."""
    return " ".join(html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)).split()


def test_the_picture_shows_the_live_table_of_the_recorded_run_as_it_is_drawn_now() -> None:
    picture = script("picture")

    shown = words(PICTURE.read_text(encoding="utf-8"))

    assert shown == words(picture.drawn(picture.read(EVENTS)))
    assert {"object", "what", "status", "age", "message", "ready", "READY", "CREATING"} <= set(shown)
    assert "docs/live-table.svg" in (CHECKOUT / "README.md").read_text(encoding="utf-8")


def test_a_package_index_shows_the_readme_with_no_link_that_leads_nowhere() -> None:
    for_index = script("package_readme").for_index
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    link = re.compile(r"\]\(([^)\s]+)\)")

    alone, linked = for_index(readme, ""), for_index(readme, "https://git.example/acme/inference/")

    outside = re.sub(r"(?ms)^```.*?^```$", "", alone)
    assert [found for found in link.findall(outside) if not found.startswith("https://")] == []
    assert "![" not in alone
    assert "checks (`docs/checks.md`)" in alone
    assert "source distribution" in alone
    assert "source distribution" not in linked
    assert ":\n\n\n" not in alone, "words that lead to a picture"
    paths = [found.partition("/HEAD/")[2] for found in link.findall(linked) if "git.example" in found]
    paths = [path for path in paths if path]
    assert "docs/live-table.svg" in paths
    assert [path for path in paths if not (CHECKOUT / path).exists()] == []
    assert [found for found in link.findall(linked) if not found.startswith("https://")] == []
    assert re.findall(r"(?ms)^```.*?^```$", linked) == re.findall(r"(?ms)^```.*?^```$", readme)
