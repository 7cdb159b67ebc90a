"""What the benchmarks make of what they measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.growth import growth_of
from benchmarks.life import base_of
from benchmarks.tables import Section, Table, against, spread, write_page

CHECKOUT = Path(__file__).resolve().parents[2]
ORDER = ["One", "Two", "Three"]


def section(title: str, figure: str) -> Section:
    return Section(title, "today", [Table(["what", "figure"], [["it", figure]], ["A note."])])


def test_growth_with_the_square_is_told_from_growth_by_the_count() -> None:
    square = growth_of({count: 1.5 + 0.01 * count + 0.0002 * count**2 for count in (1, 10, 100, 500)})
    straight = growth_of({count: 2.0 + 0.03 * count for count in (1, 10, 100)})

    assert square is not None
    assert straight is not None
    assert (square.fixed, square.each, square.pairs) == pytest.approx((1.5, 0.01, 0.0002))
    assert square.share_of_pairs(500) == pytest.approx(50 / 56.5)
    assert (straight.fixed, straight.each, straight.pairs) == pytest.approx((2.0, 0.03, 0.0))
    assert straight.error == pytest.approx(0.0, abs=1e-6)


def test_no_part_of_growth_is_negative_and_two_counts_tell_none() -> None:
    falling = growth_of({1: 3.0, 10: 2.9, 100: 2.8})

    assert falling is not None
    assert (falling.each, falling.pairs) == (0.0, 0.0)
    assert growth_of({1: 1.0, 10: 2.0}) is None


def test_an_up_that_shows_its_plan_is_compared_with_a_preview_and_an_up() -> None:
    known = {
        (1, "first preview", "floor"): {"seconds": [1.0, 2.0]},
        (1, "up", "floor"): {"seconds": [10.0, 20.0]},
    }

    assert base_of(known, 1, "up", "cw-inference", "seconds") == [11.0, 22.0]
    assert base_of(known, 1, "up", "pulumi", "seconds") == [10.0, 20.0]


def test_a_figure_shows_its_range_and_whether_its_aim_holds() -> None:
    assert spread([1.0, 1.2, 1.1]) == "1.10 (1.00 to 1.20)"
    assert spread([1.0]) == "1.00"
    assert (against([1.0, 1.2], 1.1), against([1.2], 1.1), against([1.2], None)) == (
        "≤ 1.1 ✓",
        "≤ 1.1 ✗",
        "-",
    )


def test_a_run_of_a_part_writes_that_part_anew_and_leaves_the_others(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    write_page(page, [section("Three", "3"), section("One", "1")], ORDER)
    before = page.read_text()

    write_page(page, [section("Two", "2"), section("One", "11")], ORDER)

    assert [line for line in page.read_text().splitlines() if line.startswith("## ")] == [
        "## One",
        "## Two",
        "## Three",
    ]
    assert page.read_text().replace("| it | 11 |", "| it | 1 |").replace(part(page, "Two"), "") == before


def part(page: Path, title: str) -> str:
    text = page.read_text()
    start = text.index(f"## {title}")
    return text[start : text.index("## ", start + 3)]


def test_a_part_that_there_is_not_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", "lives"], cwd=CHECKOUT, capture_output=True, text=True
    )

    assert done.returncode == 2
    assert "no part lives; parts: life" in done.stderr


@pytest.mark.thorough
def test_counts_are_measured_without_times() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--counts", "--json"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    parts = json.loads(done.stdout)["parts"]
    acts = {(entry["act"], entry["runner"]): entry for entry in parts["life"]}
    assert acts["up", "pulumi"]["requests"]["POST deployments"] == 3
    assert acts["up", "cw-inference"]["pulumi"][-1] == "up"
    assert {"program of a preview by pulumi", "provider of a preview by pulumi", "cw-inference --help"} <= {
        entry["process"] for entry in parts["imports"]["processes"]
    }
