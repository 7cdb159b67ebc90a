"""YAML text as nodes: PyYAML's own reader, and libyaml's where both are known to read alike.

Scalars are those of YAML 1.2. What nodes mean, and words for what is wrong, are not known here.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.resolver import Resolver

DEEPEST = 40
TAG = "tag:yaml.org,2002:"
PLAIN_SCALARS = {
    "null": (r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    "bool": (r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    "int": (r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    "float": (r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
    "merge": (r"^<<$", ["<"]),
}
READ_ALIKE = re.compile(
    r"(?:---\n)?(?!---|\.\.\.)(?!.*(?:[|>][-+0-9]*#|\n---|\n\.\.\.|\n *[\]},]))[^?!%\t\r\x85\u2028\u2029\ufeff]*\n",
    re.DOTALL,
)
"""Text that PyYAML and libyaml read alike. They do not: explicit keys, tags, directives, tabs, marks of documents, a comment
at the head of a block of text, and the line of a value that is left out in braces.
"""


class TooDeep(yaml.YAMLError):
    """Values are nested deeper than any declaration."""


class _Nodes(Composer, Resolver):
    """Composes events to nodes, with YAML 1.2's plain scalars and a limit on depth."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 -- PyYAML's own attribute
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """As PyYAML does, but refusing to recurse without end."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise TooDeep
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _name, (_pattern, _first) in PLAIN_SCALARS.items():
    _Nodes.add_implicit_resolver(TAG + _name, re.compile(_pattern), _first)


class Loader(_Nodes, yaml.SafeLoader):
    """PyYAML's reader."""


@lru_cache(maxsize=2)
def node_of(text: str) -> yaml.Node | None:
    """The only document of a text; None for none. libyaml takes a third of the time and has no say in what is wrong.

    A command and the program that it runs read the same files; the nodes are read and never changed. Raises yaml.YAMLError (TooDeep is one), ValueError and OverflowError.
    """
    if yaml.__with_libyaml__ and READ_ALIKE.fullmatch(text):
        with suppress(yaml.YAMLError, ValueError, OverflowError):
            return quick_node_of(text)
    return _only(Loader(text))


def quick_node_of(text: str) -> yaml.Node | None:
    """The same by libyaml. Raises the same, with other words, and is more lenient outside of `READ_ALIKE`."""
    from yaml.cyaml import CParser  # type: ignore[attr-defined]

    class QuickLoader(_Nodes, CParser):
        def __init__(self) -> None:
            CParser.__init__(self, text)
            Composer.__init__(self)
            Resolver.__init__(self)

    return _only(QuickLoader())


def _only(loader: Any) -> yaml.Node | None:
    found: yaml.Node | None = loader.get_single_node()
    return found
