"""Every row of the behaviours has a test, and every test that the index names is there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.behaviours.index import PROMISES, ROWS, TRAPS

TESTS = Path(__file__).parents[1]
BEHAVIOURS, TRAPS_MET = 39, 17


def test_no_row_of_the_index_is_lost() -> None:
    assert (len(ROWS), len(TRAPS)) == (BEHAVIOURS, TRAPS_MET)


@pytest.mark.parametrize(("row", "tests"), [*ROWS.items(), *TRAPS.items(), *PROMISES.items()])
def test_the_tests_of_a_row_exist(row: str, tests: tuple[str, ...]) -> None:
    missing = [test for test in tests if not _exists(test)]

    assert tests
    assert missing == []


def _exists(test: str) -> bool:
    place, _, name = test.partition("::")
    folder, _, stem = place.rpartition("/")
    file = TESTS / folder / f"test_{stem}.py"
    if not file.is_file():
        return False
    found = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return any(isinstance(node, ast.FunctionDef) and node.name == f"test_{name}" for node in found)
