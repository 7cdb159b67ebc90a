"""A YAML file as plain data, with the line of every value, and nothing in it that could surprise.

Scalars are read as YAML 1.2 does: `yes` and `on` are text, dates are text. Anchors, aliases and merge keys work;
files that are too large, too deep, or unfold into too much are refused. What the data means is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from coreweave_inference.errors import Fault, InvalidDeclaration
from coreweave_inference.model.nested import Location
from coreweave_inference.model.written import as_written

from .origin import Origin, Report, dotted
from .yaml_nodes import DEEPEST, PLAIN_SCALARS, TAG, TooDeep, node_of

MOST_BYTES = 1_000_000
MOST_NODES = 100_000
LONGEST_NUMBER = 100

MERGE = TAG + "merge"

Entries = dict[str, tuple[yaml.Node, yaml.Node]]
"""A mapping's key and value nodes by key."""


@dataclass(frozen=True)
class Document:
    """A file's data (mappings, lists, text, numbers, booleans, `None`) and where each value is."""

    data: Any
    origins: dict[Location, Origin]


def load(path: Path, report: Report, text: str | None = None) -> Document:
    """The data of the file, or of the `text` that it is to hold; raises InvalidDeclaration if it cannot be read as YAML at
    all, else adds its faults.
    """
    root = _compose(_text(path, report.file) if text is None else text, report.file)
    reading = _Reading(report)
    data = reading.value(root, ()) if root is not None else None
    return Document(data, reading.origins)


def _text(path: Path, file: str) -> str:
    if path.exists() and not path.is_file():
        raise _syntax_error(
            file, 0, "the file cannot be read: it is not a regular file", "write the declaration there"
        )
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it cannot be opened"
        raise _syntax_error(
            file, 0, f"the file cannot be read: {reason}", "check its path and permissions"
        ) from error
    if len(content) > MOST_BYTES:
        raise _syntax_error(
            file, 0, "the file is larger than 1 MB", "a declaration is small: is it the right file?"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _syntax_error(file, line, "the file is not UTF-8 text", "save it as UTF-8") from error


def _compose(text: str, file: str) -> yaml.Node | None:
    try:
        return node_of(text)
    except TooDeep as error:
        raise _syntax_error(file, 0, f"values are nested more than {DEEPEST} deep", "flatten them") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        reason = " ".join(part for part in (error.context, error.problem) if part)
        raise _syntax_error(
            file, line, f"not valid YAML: {reason}", "correct the syntax at this line"
        ) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise _syntax_error(file, 0, "not valid YAML: a character is not allowed", "remove it") from error


def _syntax_error(file: str, line: int, what: str, do: str) -> InvalidDeclaration:
    return InvalidDeclaration([Fault(what=what, do=do, file=file, line=line)])


@dataclass
class _Reading:
    """One walk over the nodes; aliases are unfolded and counted as often as they are used."""

    report: Report
    origins: dict[Location, Origin] = field(default_factory=dict)
    nodes: int = 0

    def value(self, node: yaml.Node, location: Location) -> Any:
        self._count(node, location)
        if isinstance(node, yaml.MappingNode) and node.tag == TAG + "map":
            return dict(self._values(node, location))
        if isinstance(node, yaml.SequenceNode) and node.tag == TAG + "seq":
            return [self.value(inner, (*location, place)) for place, inner in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, location)
        return self._fault(node, location, f"the tag {node.tag} is not supported", "remove the tag")

    def _values(self, node: yaml.MappingNode, location: Location) -> Iterator[tuple[str, Any]]:
        """Each key with its value; the place of an entry is where its key is."""
        for key, (key_node, inner) in self._entries(node, location).items():
            value = self.value(inner, (*location, key))
            self.origins[(*location, key)] = Origin(self.report.file, key_node.start_mark.line + 1)
            yield key, value

    def _count(self, node: yaml.Node, location: Location) -> None:
        origin = Origin(self.report.file, node.start_mark.line + 1)
        self.origins[location] = origin
        self.nodes += 1
        if len(location) > DEEPEST:
            what = f"values are nested more than {DEEPEST} deep"
            raise _syntax_error(origin.file, origin.line, what, "an alias may not contain itself")
        if self.nodes > MOST_NODES:
            what = f"aliases unfold into more than {MOST_NODES} values"
            raise _syntax_error(origin.file, origin.line, what, "use fewer aliases")

    def _entries(self, node: yaml.MappingNode, location: Location) -> Entries:
        """The nodes of a mapping by key; its own entries win over merged ones, and each key comes once."""
        own: Entries = {}
        for key_node, inner in node.value:
            if key_node.tag == MERGE:
                continue
            key = self._key(key_node, location)
            if key in own:
                self._fault(key_node, (*location, key), f'duplicate key "{key}"', "keep one of them")
            elif key is not None:
                own[key] = (key_node, inner)
        return {**self._merged(node, location), **own}

    def _merged(self, node: yaml.MappingNode, location: Location) -> Entries:
        merged: Entries = {}
        for key_node, inner in node.value:
            if key_node.tag != MERGE:
                continue
            sources = inner.value if isinstance(inner, yaml.SequenceNode) else [inner]
            for source in sources:
                if isinstance(source, yaml.MappingNode):
                    self._count(source, (*location, "<<"))
                    merged = {**self._entries(source, (*location, "<<")), **merged}
                else:
                    self._fault(source, location, "<< needs a mapping", "give it an alias of a mapping")
        return merged

    def _key(self, node: yaml.Node, location: Location) -> str | None:
        if isinstance(node, yaml.ScalarNode) and _is_text(node.value):
            return str(node.value)
        self._fault(node, location, "a key is not plain text", "write keys as words")
        return None

    def _scalar(self, node: yaml.ScalarNode, location: Location) -> Any:
        if not _is_text(node.value):
            return self._fault(node, location, "contains a character that is not valid text", "remove it")
        try:
            return _of_tag(node.tag, node.value)
        except KeyError:
            return self._fault(node, location, f"the tag {node.tag} is not supported", "remove the tag")
        except ValueError:
            return self._fault(node, location, *MISNAMED.get(node.tag, NO_NUMBER))

    def _fault(self, node: yaml.Node, location: Location, what: str, do: str) -> None:
        line = node.start_mark.line + 1
        self.report.faults.append(Fault(what, dotted(location), do, self.report.file, line))


HALVES = re.compile("[\ud800-\udfff]")


def _is_text(text: str) -> bool:
    """Whether it can be written as UTF-8: an escape may represent half a character."""
    return text.isascii() or not HALVES.search(text)


NO_NUMBER = ("is not the number it claims to be", "write a plain number")
MISNAMED = {
    TAG + "bool": ("is tagged !!bool and is not a boolean", "write true or false"),
    TAG + "null": ("is tagged !!null and is not null", "write null, or remove the tag"),
}


def _of_tag(tag: str, text: str) -> Any:
    """The value of a scalar. Raises KeyError for an unknown tag, ValueError for text that the tag does not fit."""
    read, form = SCALARS[tag], FORMS.get(tag)
    if form and not form.match(text):
        raise ValueError(text)
    return read(text)


def _number(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(text)
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text, base)


FORMS = {TAG + name: re.compile(pattern) for name, (pattern, _) in PLAIN_SCALARS.items() if name != "merge"}
"""What a scalar looks like that a tag calls so; text may look like anything."""

SCALARS: dict[str, Callable[[str], Any]] = {
    TAG + "null": lambda _: None,
    TAG + "bool": lambda text: text.lower() == "true",
    TAG + "int": lambda text: as_written(_number(text), text),
    TAG + "float": lambda text: as_written(float(text), text),
    TAG + "str": str,
}
