"""A fault of what a user wrote, in the form of a finding of the checks."""

from __future__ import annotations

from typing import Any

from coreweave_inference.errors import Fault

from .kinds import Kind

INVALID = "invalid-declaration"
"""Code of a fault of the declaration: there is nothing to plan."""
KINDS = {"buckets": "bucket", **{kind.section: kind.noun for kind in Kind}}
"""What a finding calls an object, by the section of a declaration that has it."""


def as_finding(fault: Fault, code: str = INVALID) -> dict[str, Any]:
    """The fault as JSON data."""
    section, _, rest = fault.path.removeprefix("existing.").partition(".")
    kind, key = KINDS.get(section, ""), rest.partition(".")[0]
    return {
        "code": code,
        "severity": "error",
        "object": f'{kind} "{key}"' if kind and key else "",
        "kind": kind,
        "key": key if kind else "",
        "path": fault.path,
        "origin": {"file": fault.file, "line": fault.line} if fault.file else None,
        "what": fault.what,
        "why": "",
        "do": fault.do,
    }
