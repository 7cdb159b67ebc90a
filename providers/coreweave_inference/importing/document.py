"""Entries put into the text of a declaration: what is there stays as it is, letter by letter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import TYPE_CHECKING, Any

from coreweave_inference.declaration.yaml_nodes import Loader
from coreweave_inference.errors import CoreWeaveError

from .entries import Entry

if TYPE_CHECKING:
    from ruamel.yaml.nodes import MappingNode, Node

START = "# yaml-language-server: $schema=./inference.schema.json\nversion: 1\n"
ORDER = ("buckets", "gateways", "capacityClaims", "deployments", "existing")
STEP = 2
WIDEST_LINE = 100
PLAIN_TEXT = re.compile(r"[A-Za-z0-9_./:+@%=~ -]*")
"""Texts that readers of YAML agree on, quoted where they have to be; every other text is quoted and escaped."""


def with_entries(text: str, entries: Iterable[Entry]) -> str:
    """`text` with each entry at the end of its section; a section that is missing is added at the end. Comments, order and
    spelling of what is there stay. Raises CoreWeaveError for a text that cannot be extended.
    """
    sections: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        sections.setdefault(entry.section, []).append(entry)
    result = text if text.strip() else START
    for section in sorted(sections, key=lambda names: ORDER.index(names[0])):
        result = _extended(result, section, sections[section])
    _require_same(text, result, sections)
    return result


def _require_same(before: str, after: str, sections: Mapping[tuple[str, ...], list[Entry]]) -> None:
    """Raise CoreWeaveError where the new text says anything else than the old one and the entries."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        data: Any = YAML(typ="safe", pure=True).load(after)
        for section, entries in sections.items():
            found = data
            for name in section:
                found = found[name]
            for entry in entries:
                if found.pop(entry.key) != entry.values:
                    raise KeyError(entry.key)
        same = _bare(data) == _bare(YAML(typ="safe", pure=True).load(before) or {})
    except (YAMLError, KeyError, TypeError, AttributeError):
        same = False
    if not same:
        raise CoreWeaveError(
            "inference.yaml is written in a way that entries cannot be added to; write its sections one entry a line and run again"
        )


def _bare(value: Any) -> Any:
    """Without sections that hold nothing."""
    if not isinstance(value, Mapping):
        return value
    found = {key: _bare(item) for key, item in value.items() if key != "version"}
    return {key: item for key, item in found.items() if item not in (None, {})}


def _extended(text: str, section: tuple[str, ...], entries: list[Entry]) -> str:
    root = _root(text)
    if root is None:  # Comments alone.
        return _extended(f"{text.rstrip()}\nversion: 1\n", section, entries)
    missing = list(section)
    node: Any = root
    while missing:
        found = _value(node, missing[0])
        if found is None:
            break
        key = _key_node(node, missing[0])
        if _is_empty(found):
            return _filled(text, key, found, missing[1:], entries)
        # An alias is the mapping itself, where it is written.
        if type(found).__name__ != "MappingNode" or found.start_mark.index < key.start_mark.index:
            raise CoreWeaveError(f"{'.'.join(section)}: is not a mapping that entries can be added to")
        node = found
        missing.pop(0)
    return _inserted(text, node, missing, entries)


def _inserted(text: str, node: MappingNode, missing: list[str], entries: list[Entry]) -> str:
    """New keys at the end of a mapping that has some."""
    if node.flow_style:
        place = node.end_mark.index - 1
        before = text[:place].rstrip()
        comma = "" if before.endswith(("{", ",")) else ", "
        return f"{before}{comma}{_flow(missing, entries)}{text[place:]}"
    indent = node.value[0][0].start_mark.column
    lines = _lines(text)
    place = _end_of(node, lines, indent)
    if lines and place and not lines[place - 1].endswith(("\n", "\r")):
        lines[place - 1] += "\n"
    added = _block(missing, entries, indent)
    lines.insert(place, ("\n" if missing and indent == 0 else "") + added)
    return _with_line_ends(lines, text)


def _filled(text: str, key: Node, value: Node, missing: list[str], entries: list[Entry]) -> str:
    """A key without a value, or with an empty one, that gets the entries."""
    indent = key.start_mark.column
    added = _block(missing, entries, indent + STEP)
    start, end = value.start_mark.index, value.end_mark.index
    if text[start:end].strip():  # `{}` or `null`
        text = text[:start].rstrip(" ") + text[end:]
    lines = _lines(text)
    place = key.start_mark.line + 1
    if not lines[place - 1].endswith(("\n", "\r")):
        lines[place - 1] += "\n"
    lines.insert(place, added)
    return _with_line_ends(lines, text)


def _lines(text: str) -> list[str]:
    """The lines with their ends; other characters that Python takes for a line's end are none here."""
    *whole, rest = text.replace("\r\n", "\n").split("\n")
    return [*(f"{line}\n" for line in whole), *([rest] if rest else [])]


def _with_line_ends(lines: list[str], text: str) -> str:
    found = "".join(lines)
    return found.replace("\r\n", "\n").replace("\n", "\r\n") if "\r\n" in text else found


def _root(text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML().compose(text)
    except YAMLError as error:  # Our own reader has read it before.
        raise CoreWeaveError(f"the file cannot be extended: {' '.join(str(error).split())}") from error


def _value(node: MappingNode, name: str) -> Any:
    return next((value for key, value in node.value if key.value == name), None)


def _key_node(node: MappingNode, name: str) -> Any:
    return next(key for key, _ in node.value if key.value == name)


def _is_empty(node: Node) -> bool:
    kind = type(node).__name__
    if kind == "MappingNode":
        return not node.value
    return kind == "ScalarNode" and str(node.tag).endswith(":null")


def _end_of(node: MappingNode, lines: list[str], indent: int) -> int:
    """The number of the line after a block mapping, with the comments that belong to its last entry."""
    place = _last_line(node) + 1
    while place > 1 and not lines[place - 1].strip():
        place -= 1
    while place < len(lines):
        line = lines[place]
        bare = line.strip()
        if not bare.startswith("#") or len(line) - len(line.lstrip()) <= indent:
            break
        place += 1
    return place


def _last_line(node: Any) -> int:
    if type(node).__name__ == "ScalarNode" or node.flow_style or not node.value:
        end = node.end_mark
        # A text in `|` or `>` ends where the next line begins.
        return int(end.line - 1 if end.column == 0 and end.line > node.start_mark.line else end.line)
    last = node.value[-1]
    if isinstance(last, tuple):
        key, value = last
        # A value that is left out is where the next one begins, an alias where its mapping is written.
        start, end = value.start_mark.index, value.end_mark.index
        return _last_line(key) if start == end or start < key.start_mark.index else _last_line(value)
    return _last_line(last)


def _block(missing: list[str], entries: list[Entry], indent: int) -> str:
    """The entries as lines, below the keys of the sections that are missing around them."""
    lines = [f"{' ' * (indent + STEP * depth)}{name}:\n" for depth, name in enumerate(missing)]
    inner = indent + STEP * len(missing)
    for entry in entries:
        lines += [f"{' ' * inner}# {comment}\n" for comment in map(_one_line, entry.comments)]
        lines += [f"{' ' * inner}{line}\n" for line in _dumped({entry.key: entry.values}).splitlines()]
    return "".join(lines)


def _flow(missing: list[str], entries: list[Entry]) -> str:
    value: dict[str, Any] = {entry.key: dict(entry.values) for entry in entries}
    for name in reversed(missing):
        value = {name: value}
    return _dumped(value, flow=True).strip()[1:-1]


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _dumped(value: Mapping[str, Any], *, flow: bool = False) -> str:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 100_000
    yaml.indent(mapping=STEP, sequence=STEP * 2, offset=STEP)
    stream = StringIO()
    yaml.dump(_styled(value, flow=flow), stream)
    return stream.getvalue()


def _styled(value: Any, depth: int = 0, *, flow: bool = False) -> Any:
    """What is short and has nothing below it on one line, as people write it."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, Mapping):
        mapping = CommentedMap((_styled(key), _styled(item, depth + 1)) for key, item in value.items())
        if flow or (depth > 1 and _fits_a_line(value)):
            mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, (list, tuple)):
        sequence = CommentedSeq(_styled(item) for item in value)
        sequence.fa.set_flow_style()
        return sequence
    if isinstance(value, str) and not _is_plain(value):
        return DoubleQuotedScalarString(value)
    return value


def _is_plain(text: str) -> bool:
    """Whether every reader takes the text without quotes for that text: `yes`, `12:30` and `1e3` are something else to some."""
    from yaml import SafeLoader

    if not PLAIN_TEXT.fullmatch(text):
        return False
    for readers in (SafeLoader.yaml_implicit_resolvers, Loader.yaml_implicit_resolvers):
        if any(form.match(text) for _, form in readers.get(text[:1], ())):
            return False
    return True


def _fits_a_line(value: Mapping[str, Any]) -> bool:
    return (
        all(not isinstance(item, Mapping) or len(item) <= 1 for item in value.values())
        and len(str(value)) < WIDEST_LINE
    )
