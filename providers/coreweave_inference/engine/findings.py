"""What providers refused before a run, as findings: the same data as those of the checks. Pure.

The engine reports a provider's validation error as one line: the object, the field where one is at fault, what is wrong, what to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from coreweave_inference.declaration import Origin
from coreweave_inference.errors import Fault
from coreweave_inference.model import resource_types
from coreweave_inference.model.findings import as_finding
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.resource_types import NOUNS

from .events import Message

REFUSED = "refused"
"""Code of a finding that only a look at the account or the buckets gives."""
POLICY = NOUNS[resource_types.POLICY]
SECTIONS = {
    NOUNS[resource_types.BUCKET]: "buckets",
    POLICY: "buckets",
    **{kind.noun: kind.section for kind in Kind},
}
LINE = re.compile(
    rf'^(?P<kind>{"|".join(SECTIONS)}) "(?P<key>[^"]*)": (?:(?P<field>[A-Za-z]\w*(?:[.\[][^\s:]*)?): )?(?P<what>.*)$',
    re.DOTALL,
)

Places = Callable[[str], Origin]
"""Where the declaration has the value at a path."""


def validation_findings(messages: Iterable[Message], places: Places | None) -> tuple[Mapping[str, Any], ...]:
    """A finding for each validation error; without `places`, as in a Python program, they have no file and line."""
    faults = (_fault(message.text, places) for message in messages if message.refused)
    return tuple(as_finding(fault, REFUSED) for fault in dict.fromkeys(faults))


def located(errors: Iterable[str], places: Places | None) -> tuple[str, ...]:
    """The errors, each that names an object with the file and line of its declaration after what is wrong."""
    return tuple(_located(text, places) if places else text for text in errors)


def _located(text: str, places: Places) -> str:
    found = LINE.match(text)
    fault = _fault(text, places) if found and "\n" not in text else None
    what, sign, do = text.partition("; ")
    place = f"{fault.file}:{fault.line}" if fault and fault.line else ""
    return f"{what} ({place}){sign}{do}" if place and place not in text else text


def _fault(text: str, places: Places | None) -> Fault:
    found = LINE.match(text)
    if found is None:
        what, _, do = text.partition("; ")
        return Fault(what, do=do)
    path = ".".join(part for part in (_path(found["kind"], found["key"]), found["field"]) if part)
    what, _, do = found["what"].partition("; ")
    origin = places(path) if places else Origin("", 0)
    return Fault(what, path, do, origin.file, origin.line)


def _path(kind: str, key: str) -> str:
    if kind == POLICY:
        return f"{SECTIONS[kind]}.{key.removesuffix('-policy')}.policy"
    return f"{SECTIONS[kind]}.{key}"
