"""Both readers of YAML make the same nodes of what the quick one is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from coreweave_inference.declaration.yaml_nodes import READ_ALIKE, Loader, node_of, quick_node_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st

PARTS = (
    *(
        "a",
        "k",
        "x: y",
        "b: ",
        "c:",
        "- ",
        "true",
        "1",
        "-1",
        "0x1f",
        "1e3",
        "null",
        "~",
        "é",
        "=",
        "@",
        "`",
        "\\",
    ),
    *(
        '"q"',
        "'s'",
        '"a\\nb"',
        '"',
        "'",
        "#",
        " # c",
        '"\\u00e9"',
        '"\\x',
        '"multi\n  line"',
        "a#b",
        "http://x:1/y",
    ),
    *(
        "[",
        "]",
        ", ",
        "{",
        "}",
        ":",
        ": ",
        "{a: b}",
        "[1, 2]",
        "{a: 1,b}",
        "|\n  ",
        ">-\n  ",
        "|+\n",
        "|2\n",
        "|",
        ">",
    ),
    *(
        "&a ",
        "*a",
        "*a ",
        "&b",
        "<<: ",
        "<<",
        "---",
        "...",
        "---\n",
        " ",
        "  ",
        "\n",
        "\n\n",
        "\n  ",
        "\n    ",
    ),
    *("key: value\n", "  key: value\n", "- item\n", "  - item\n", "? ", "! ", "!!str ", "%YAML 1.2\n", "\t"),
)
ROOT = Path(__file__).parents[3]


def as_data(node: Any, around: tuple[Any, ...] = ()) -> Any:
    """Tag, value and line of a node and of all in it."""
    if node is None or any(node is one for one in around):
        return None
    inside, line = (*around, node), node.start_mark.line
    if isinstance(node, yaml.ScalarNode):
        return node.tag, node.value, line
    if isinstance(node, yaml.SequenceNode):
        return node.tag, [as_data(one, inside) for one in node.value], line
    return node.tag, [(as_data(key, inside), as_data(one, inside)) for key, one in node.value], line


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PARTS), max_size=20).map("".join).map("{}\n".format))
def test_what_both_are_said_to_read_alike_they_do(text: str) -> None:
    assume(READ_ALIKE.fullmatch(text))
    try:
        quick = as_data(quick_node_of(text))
    except (yaml.YAMLError, ValueError, OverflowError):
        return  # Then the other one reads it, or says what is wrong.

    assert quick == as_data(Loader(text).get_single_node())


@pytest.mark.parametrize(
    "text",
    [
        "? a\n",
        "! a\n",
        "a: !!int x\n",
        "%YAML 1.2\n---\na\n",
        "a\t\n",
        "|#\n",
        ">1#\n",
        "{b: \n}\n",
        "a: 1\n---\n",
        "a: 1",
    ],
)
def test_what_they_read_differently_is_left_to_one(text: str) -> None:
    assert READ_ALIKE.fullmatch(text) is None


def test_every_declaration_here_is_read_alike() -> None:
    files = [*ROOT.glob("stacks/*/inference*.yaml"), *ROOT.glob("examples/*/inference*.yaml")]

    assert files
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert READ_ALIKE.fullmatch(text), file
        assert as_data(node_of(text)) == as_data(Loader(text).get_single_node())


def test_a_command_and_its_program_read_the_same_text_once() -> None:
    assert node_of("version: 1\n") is node_of("version: 1\n")
