"""The faults of a stack directory's declaration, found before anything is started and asked."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from coreweave_inference.declaration import FILE, read_for_stack
from coreweave_inference.errors import InvalidDeclaration
from coreweave_inference.model.findings import as_finding

from .directory import StackDirectory
from .results import Result

LOADS = re.compile(r"\bload\(\s*\)")
"""In a program that declares what the file says. Another one may leave a file of that name aside."""


def refused_declaration(directory: StackDirectory, stack: str) -> Result | None:
    """The preview of a declaration with faults, as the program itself would refuse it; None where there are none."""
    path = directory.path / FILE
    if not path.exists() or not directory.program.is_file():
        return None
    if not LOADS.search(directory.program.read_text(encoding="utf-8", errors="replace")):
        return None
    try:
        read_for_stack(path, stack.rsplit("/", 1)[-1])
    except InvalidDeclaration as error:
        faults = [replace(fault, file=Path(fault.file).name if fault.file else "") for fault in error.faults]
        return Result(
            "preview",
            directory.project,
            stack,
            ok=False,
            refused=True,
            errors=(InvalidDeclaration(faults).report(FILE),),
            findings=tuple(as_finding(fault) for fault in faults),
        )
    return None
