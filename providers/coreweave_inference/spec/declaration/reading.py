"""Reads a declaration file, whole, and reports everything that is wrong with it at once.

The order of reading stands here; what each part means stands in its own module.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coreweave_inference.errors import Fault, InvalidDeclaration
from coreweave_inference.spec.kinds import Kind
from coreweave_inference.spec.sentences import shown

from .buckets import read_buckets
from .document import load
from .entries import Entry, check_keys, raw_entries
from .inheritance import Inheritance
from .objects import read_capacity_claims, read_deployments, read_gateways
from .origin import Report
from .references import Surroundings
from .result import Declaration
from .secrets import with_references

VERSION = 1
BUCKETS = "buckets"
TOP = ("version", BUCKETS, *(kind.section for kind in Kind))


def read(path: Path) -> Declaration:
    """The declaration in a YAML file; raises InvalidDeclaration with all its faults, in the order of lines."""
    report = Report(str(path))
    document = load(path, report)
    report.origins = document.origins
    declaration = _declaration(_top(document.data, report), report)
    if report.faults:
        raise InvalidDeclaration(_in_order(report.faults))
    return declaration


def _in_order(faults: list[Fault]) -> list[Fault]:
    return sorted(dict.fromkeys(faults), key=lambda fault: (fault.file, fault.line))


def _top(data: Any, report: Report) -> Mapping[str, Any]:
    """The file's top level, if it is one and of the version that is read here."""
    if data is not None and not isinstance(data, Mapping):
        report.add((), "the file is not a mapping", "start it with version: 1 and the sections")
        return {}
    top = data or {}
    check_keys(top, TOP, (), report)
    version = top.get("version")
    if version is None:
        report.add(("version",), "is required and not given", "start the file with version: 1")
    elif version != VERSION or isinstance(version, bool):
        report.add(
            ("version",), f"{shown(None, version)} is not a version of this format", "write version: 1"
        )
    return top


def _declaration(top: Mapping[str, Any], report: Report) -> Declaration:
    entries = {kind: _entries(kind.section, kind, top, report) for kind in Kind}
    bucket_entries = _entries(BUCKETS, None, top, report)
    buckets = read_buckets(bucket_entries, report)
    around = Surroundings(_keys(top, Kind.GATEWAY.section), _keys(top, BUCKETS), buckets)
    return Declaration(
        buckets=buckets,
        gateways=read_gateways(entries[Kind.GATEWAY], report),
        capacity_claims=read_capacity_claims(entries[Kind.CAPACITY_CLAIM], report),
        deployments=read_deployments(entries[Kind.DEPLOYMENT], around, report),
    )


def _keys(top: Mapping[str, Any], section: str) -> tuple[str, ...]:
    """The keys of a section, those of faulty entries too: a reference to one of them is no second fault."""
    entries = top.get(section)
    return tuple(entries) if isinstance(entries, Mapping) else ()


def _entries(section: str, kind: Kind | None, top: Mapping[str, Any], report: Report) -> dict[str, Entry]:
    """The section's entries with secrets turned into references and everything inherited filled in."""
    raw = raw_entries(top, section, report)
    if kind:
        raw = {key: with_references(kind, entry, (section, key), report) for key, entry in raw.items()}
    inheritance = Inheritance(section, raw, report)
    return {
        key: Entry(
            section, key, inheritance.resolved(chain), raw[key], report.origin((section, key)), chain[1:]
        )
        for key, chain in inheritance.chains().items()
    }
