"""Pulumi's values become plain data and back."""

from __future__ import annotations

from typing import Any

from coreweave_inference.host.dynamic import for_engine, plain
from coreweave_inference.model import UNKNOWN
from coreweave_inference.model.resource_types import IGNORED
from coreweave_inference.provider.values import (
    DERIVED_NAME,
    IDENTITY,
    URN,
    hidden,
)
from hypothesis import given
from hypothesis import strategies as st
from pulumi.output import UNKNOWN as PULUMI_UNKNOWN
from pulumi.output import Unknown

from tests.resources.engine_steps import with_floats

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=5), st.just(UNKNOWN)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(max_size=5), inner)),
    max_leaves=10,
)


@given(VALUES)
def test_plain_data_survives_the_way_to_the_engine_and_back_as_floats(value: Any) -> None:
    assert plain(with_floats(for_engine(value))) == value


def test_unknowns_of_either_side_are_translated_at_any_depth() -> None:
    assert plain({"a": [Unknown(), {"b": PULUMI_UNKNOWN}]}) == {"a": [UNKNOWN, {"b": UNKNOWN}]}
    assert for_engine({"a": (UNKNOWN,)}) == {"a": [PULUMI_UNKNOWN]}


def test_whole_floats_become_ints_and_nothing_else_changes() -> None:
    found = plain({"count": 3.0, "share": 0.5, "on": True, "text": "3.0"})

    assert found == {"count": 3, "share": 0.5, "on": True, "text": "3.0"}
    assert [type(value) for value in found.values()] == [int, float, bool, str]


def test_hidden_inputs_are_those_that_are_there() -> None:
    props = {IDENTITY: "i", DERIVED_NAME: "d", URN: "u", IGNORED: ["traffic"], "__provider": "p", "name": "n"}

    assert hidden(props) == {IDENTITY: "i", DERIVED_NAME: "d", URN: "u", IGNORED: ["traffic"]}
    assert hidden({}) == {}
