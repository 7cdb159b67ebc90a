"""What engines logged and refused: the verdict never contradicts them, and its figures agree."""

from __future__ import annotations

import pytest
from coreweave_inference.fit import GIB, Verdict, fit

from tests.fit.published import ROWS, cases, question_of

CASES = [case for case in cases() if case.fit]
LOGGED = [case for case in CASES if case.measured and "kv" in case.row]
MISSES = {"21b": 3.1}
"""GiB, where replicas share experts: the buffers for each other's tokens are in no log of that version."""
COUNTED = [case for case in CASES if case.row.get("tokens")]
ROUNDED = {15: 0.012}
"""A row whose tokens are of another rank than its GiB."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_case_that_an_engine_refused_fits_and_none_that_started_does_not(case):
    impossible = {"refused": Verdict.FITS, "started": Verdict.NO, "predicted": None}[case.row["result"]]

    assert case.fit.verdict is not impossible
    assert case.fit.verdict is not Verdict.UNKNOWN


@pytest.mark.parametrize("case", LOGGED, ids=lambda case: case.name)
def test_what_is_left_for_the_cache_is_within_3_gib_or_5_percent_of_the_log(case):
    logged = case.row["kv"]

    assert abs(case.predicted - logged) <= MISSES.get(case.row["row"], max(3, 0.05 * logged))
    assert case.fit.available.low <= logged * GIB <= case.fit.available.high


@pytest.mark.parametrize("case", COUNTED, ids=lambda case: case.name)
def test_bytes_for_each_token_are_those_of_the_log(case):
    logged = case.row["kv"] * GIB / case.row["tokens"]

    assert case.fit.per_token == pytest.approx(logged, rel=ROUNDED.get(case.row["row"], 0.001))


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.row.get("needs")], ids=lambda case: case.name
)
def test_what_one_request_needs_is_what_the_error_says(case):
    assert case.fit.request.expected / GIB == pytest.approx(case.row["needs"], abs=0.01)


@pytest.mark.parametrize("row", [row for row in ROWS if "concurrency" in row], ids=lambda row: row["model"])
def test_requests_at_once_are_as_many_as_the_log_says(row):
    found = fit(question_of(row))

    assert row["kv"] * GIB / found.request.low == pytest.approx(row["concurrency"], abs=0.01)


def test_the_table_has_the_cases_it_should():
    assert len(CASES) >= 20
    assert len(LOGGED) >= 10
