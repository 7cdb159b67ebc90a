"""Reads a declaration, its file and its overlay, whole, and reports everything that is wrong with it at once.

The order of reading is here; what each part means is in its own module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from coreweave_inference.errors import Fault, InvalidDeclaration
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.sentences import shown

from .acceptance import ACCEPT, read_accepted
from .buckets import read_buckets
from .claims import with_flat_claims
from .document import Document, load
from .entries import Entry, check_keys, raw_entries
from .existing import BUCKETS, EXISTING, existing_keys, read_existing
from .inheritance import Inheritance
from .objects import read_capacity_claims, read_deployments, read_gateways
from .origin import Report
from .overlay import laid_over, overlay_path
from .places import Places
from .references import ReferenceScope
from .result import Declaration
from .secrets import with_references
from .smoke import SMOKE, read_smoke

FILE = "inference.yaml"
"""The declaration of a stack directory, by name."""
VERSION = 1
TOP = ("version", BUCKETS, *(kind.section for kind in Kind), EXISTING, ACCEPT, SMOKE)


def read(path: Path, overlay: Path | None = None, *, text: str | None = None) -> Declaration:
    """The declaration in a YAML file, or in the `text` that it is to hold, with what `overlay` says of it laid over it.

    Raises InvalidDeclaration with all faults of both files, each file's in the order of lines.
    """
    report = Report(str(path))
    document = _document(path, overlay, report, text)
    report.origins = document.origins
    _check_top(document.data, report)
    declaration = _declaration(document, report)
    if report.faults:
        raise InvalidDeclaration(_in_order(report.faults))
    return declaration


def read_for_stack(path: Path, stack: str, *, text: str | None = None) -> Declaration:
    """The declaration of a stack: `inference.yaml`, and `inference.<stack>.yaml` over it where there is one."""
    overlay = overlay_path(path, stack)
    return read(path, overlay if overlay.exists() else None, text=text)


def _document(path: Path, overlay: Path | None, report: Report, text: str | None = None) -> Document:
    """Both files as one; the faults of each are reported. Raises InvalidDeclaration if one of them is not YAML."""
    documents: list[Document] = []
    unreadable: list[Fault] = []
    for file in (path, overlay):
        part = Report(str(file))
        try:
            held = text if file == path else None
            documents.append(_of_file(file, part, held) if file else Document({}, {}))
        except InvalidDeclaration as error:
            unreadable.extend(error.faults)
        report.faults.extend(part.faults)
    if unreadable:
        raise InvalidDeclaration(_in_order([*report.faults, *unreadable]))
    base, over = documents
    return laid_over(base, over) if over.data else base


def _of_file(file: Path, report: Report, text: str | None = None) -> Document:
    """One file; raises InvalidDeclaration if it is not YAML, or no mapping."""
    return with_flat_claims(_of_mapping(load(file, report, text), report.file), report)


def _of_mapping(document: Document, file: str) -> Document:
    """The document, which holds a mapping or nothing; else raises InvalidDeclaration."""
    if document.data is None or isinstance(document.data, Mapping):
        return Document(document.data or {}, document.origins)
    what, do = "the file is not a mapping", "start it with version: 1 and the sections"
    raise InvalidDeclaration([Fault(what, do=do, file=file, line=document.origins[()].line)])


def _in_order(faults: list[Fault]) -> list[Fault]:
    return sorted(dict.fromkeys(faults), key=lambda fault: (fault.file, fault.line))


def _check_top(top: Mapping[str, Any], report: Report) -> None:
    """Reports unknown sections, and a version that is not read here."""
    check_keys(top, TOP, (), report)
    version = top.get("version")
    if version is None:
        report.add(("version",), "is required and not given", "start the file with version: 1")
    elif version != VERSION or isinstance(version, bool):
        report.add(
            ("version",), f"{shown(None, version)} is not a version of this format", "write version: 1"
        )


def _declaration(document: Document, report: Report) -> Declaration:
    top = document.data
    entries = {kind: _entries(kind.section, kind, top, report) for kind in Kind}
    bucket_entries = _entries(BUCKETS, None, top, report)
    buckets = read_buckets(bucket_entries, report)
    existing = read_existing(top, report)
    around = ReferenceScope(
        (*_keys(top, Kind.GATEWAY.section), *existing_keys(top, Kind.GATEWAY.section)),
        (*_keys(top, BUCKETS), *existing_keys(top, BUCKETS)),
        buckets,
        existing.buckets,
    )
    return Declaration(
        buckets=buckets,
        gateways=read_gateways(entries[Kind.GATEWAY], report),
        capacity_claims=read_capacity_claims(entries[Kind.CAPACITY_CLAIM], report),
        deployments=read_deployments(entries[Kind.DEPLOYMENT], around, report),
        existing=existing,
        accepted=read_accepted(top, report),
        smoke=read_smoke(top, _keys(top, Kind.DEPLOYMENT.section), report),
        places=Places(report.file, top, document.origins, _chains([*entries.values(), bucket_entries])),
    )


def _chains(sections: Iterable[Mapping[str, Entry]]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Each entry and what it extends, nearest first."""
    found = [entry for entries in sections for entry in entries.values()]
    return {(entry.section, entry.key): (entry.key, *entry.bases) for entry in found}


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
