"""When a request is repeated, and after how long."""

from __future__ import annotations

import pytest
from coreweave_inference.api.retries import Outcome, retry_after, retry_delay


def delay(method="GET", attempt=1, outcome=None, *, repeatable=True, elapsed=0.0, budget=60.0, draw=0.0):
    return retry_delay(
        method,
        attempt,
        outcome or Outcome(),
        repeatable=repeatable,
        elapsed=elapsed,
        budget=budget,
        draw=draw,
    )


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE", "POST"])
@pytest.mark.parametrize("status", [0, 429, 500, 502, 503, 504, 520, 524])
def test_what_may_pass_is_repeated(method, status):
    assert delay(method, outcome=Outcome(status)) == 0.25


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 405, 409, 412, 415, 422, 501, 505])
def test_what_will_not_pass_is_not_repeated(status):
    assert delay(outcome=Outcome(status)) is None


@pytest.mark.parametrize("status", [0, 429, 500])
def test_an_answer_that_says_that_a_repeat_changes_nothing_is_not_repeated(status):
    assert delay(outcome=Outcome(status, final=True)) is None


@pytest.mark.parametrize("status", [0, 429, 503])
def test_a_post_without_an_id_of_ours_is_never_repeated(status):
    assert delay("POST", outcome=Outcome(status), repeatable=False) is None


@pytest.mark.parametrize(
    ("attempt", "shortest", "longest"),
    [(1, 0.25, 0.5), (2, 0.5, 1.0), (3, 1.0, 2.0), (5, 4.0, 8.0), (6, 5.0, 10.0), (2000, 5.0, 10.0)],
)
def test_pauses_double_up_to_ten_seconds_and_are_jittered_by_half(attempt, shortest, longest):
    assert delay(attempt=attempt, draw=0.0) == shortest
    assert delay(attempt=attempt, draw=1.0) == pytest.approx(longest)


def test_a_longer_retry_after_wins_and_a_shorter_one_does_not_hurry():
    assert delay(outcome=Outcome(429, retry_after=7.0)) == 7.0
    assert delay(outcome=Outcome(429, retry_after=0.0)) == 0.25


def test_a_pause_that_would_end_after_the_budget_is_not_begun():
    assert delay(elapsed=59.75) == 0.25
    assert delay(elapsed=59.76) is None
    assert delay(outcome=Outcome(503, retry_after=61.0)) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        (" 120 ", 120.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header, seconds):
    assert retry_after({"retry-after": header}, now=1_800_000_000.0) == seconds


def test_no_retry_after_is_none():
    assert retry_after({}, now=0.0) is None
