"""A comment never passes its limit, and says how much is missing."""

from __future__ import annotations

import pytest
from coreweave_inference.review.views.fitting import Section, complete, fitted
from hypothesis import given
from hypothesis import strategies as st

REST = "{count} more"
sections = st.lists(
    st.builds(
        Section,
        opening=st.just(("### Heading", "")),
        items=st.lists(st.text("ab\n", min_size=1, max_size=40), max_size=30).map(tuple),
        closing=st.sampled_from([(), ("", "</details>")]),
        short=st.booleans(),
    ),
    max_size=5,
)


@given(sections, st.integers(60, 2000))
def test_the_limit_holds_whatever_there_is_to_say(found: list[Section], limit: int) -> None:
    text = fitted("head", found, "foot", REST, limit)

    assert len(text) <= limit
    assert text.startswith("head\n")
    assert text.endswith("foot\n")


@given(sections)
def test_what_fits_is_shown_whole(found: list[Section]) -> None:
    whole = complete("head", found, "foot")

    assert fitted("head", found, "foot", REST, len(whole)) == whole


def test_the_first_items_stay_and_the_others_are_counted() -> None:
    section = Section(("open",), tuple(f"item {n}" for n in range(10)), ("close",))

    text = fitted("head", [section], "foot", REST, 60)

    assert text == "head\n\nopen\nitem 0\nitem 1\nitem 2\nitem 3\nclose\n\n6 more\n\nfoot\n"


def test_a_short_section_has_its_room_before_a_long_one_above_it() -> None:
    long = Section((), tuple("x" * 9 for _ in range(100)))
    short = Section((), ("sum",), short=True)

    text = fitted("head", [long, short], "foot", REST, 100)

    assert text.index("xxx") < text.index("sum")
    assert "more" in text


def test_a_limit_below_the_first_line_is_an_error() -> None:
    with pytest.raises(ValueError, match="10 characters"):
        fitted("a long first line", [Section((), ("x" * 50,))], "foot", REST, 10)
