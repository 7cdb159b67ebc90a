"""A revision travels as one text through the state."""

from __future__ import annotations

import pytest
from coreweave_inference.waiting import Revision
from hypothesis import given
from hypothesis import strategies as st

MOMENTS = st.integers(0, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000)
NONCES = st.text("0123456789abcdef", min_size=1, max_size=12)
TIMES = st.one_of(
    st.just(""), st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"), st.just("2027-01-15 08:00:00Z")
)


@given(NONCES, MOMENTS, TIMES)
def test_a_revision_comes_back_from_its_text(nonce: str, written_at: float, updated_before: str) -> None:
    revision = Revision(nonce, written_at, updated_before)

    assert Revision.parse(str(revision)) == revision


def test_two_writes_of_the_same_spec_are_two_revisions() -> None:
    assert Revision.of_write(1.0, "x") != Revision.of_write(1.0, "x")


def test_a_revision_reads_as_nonce_time_of_the_write_and_what_was_there_before() -> None:
    revision = Revision("f00", 1_800_000_000.25, "2027-01-15T07:59:00Z")

    assert str(revision) == "f00 2027-01-15T08:00:00.250+00:00 2027-01-15T07:59:00Z"


@pytest.mark.parametrize("text", ["", "imported", "f00 yesterday", "f00 0000-00-00T00:00:00+00:00"])
def test_what_is_no_revision_is_a_write_long_ago(text: str) -> None:
    assert Revision.parse(text) == Revision(text.split(" ")[0], 0.0, "")
