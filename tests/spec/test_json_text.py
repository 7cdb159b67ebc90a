"""JSON that is nested too deeply is refused before it is read; everything else is read as the standard library does."""

from __future__ import annotations

import json
import sys
import time

import pytest
from coreweave_inference.json_text import DEEPEST, read_json
from hypothesis import given
from hypothesis import strategies as st

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('[]{}"\\ab,', max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('[{"\\', max_size=4), inner, max_size=4)
    ),
    max_leaves=400,
)


def nested(levels: int, inside: object = 1) -> str:
    return "[" * levels + json.dumps(inside) + "]" * levels


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32-le"])
def test_depth_is_counted_up_to_the_limit_and_refused_beyond_it(encoding: str) -> None:
    assert read_json(nested(DEEPEST).encode(encoding)) == json.loads(nested(DEEPEST))
    with pytest.raises(json.JSONDecodeError, match=f"nested more than {DEEPEST} deep"):
        read_json(nested(DEEPEST + 1).encode(encoding))


@pytest.mark.parametrize(
    "text",
    ["[" * 200_000, '{"a":' * 200_000, '["\\\\",' * 200_000, '["[\\"",' + "[" * 200_000, "[" * 101 + '"'],
)
def test_no_depth_reaches_the_limit_of_the_interpreter(text: str) -> None:
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(10**6)  # A reader that goes down would take the whole process with it.
        with pytest.raises(ValueError, match="nested more"):
            read_json(text)
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize(
    "inside", ["[" * 500, '"[' * 500, "\\" * 501 + "[" * 500, '\\"{' * 500, "{" * 500 + "\\"]
)
def test_brackets_in_strings_are_no_depth(inside: str) -> None:
    assert read_json(nested(3, inside)) == [[[inside]]]
    assert read_json(json.dumps({inside: [inside] * 200})) == {inside: [inside] * 200}


@given(ANYTHING)
def test_what_is_json_is_read_as_it_is(value: object) -> None:
    text = json.dumps(value)

    assert read_json(text) == json.loads(text)


@pytest.mark.parametrize(
    "text", ["", b"", "[1", b"\xff\xfe\xff", "]" * 300 + "[" * 300, "NaN 1", '"' + "[" * 300]
)
def test_what_is_no_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- the standard library's own messages
        read_json(text)


def test_a_large_header_is_measured_in_little_time() -> None:
    text = json.dumps({f"model.layers.{n}": {"shape": [1, 2], "data_offsets": [0, n]} for n in range(50_000)})
    started = time.process_time()

    assert len(read_json(text)) == 50_000
    assert time.process_time() - started < 3
