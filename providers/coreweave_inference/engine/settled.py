"""Whether an `up` could find anything to do: what is kept on this machine of the last one that ended well."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coreweave_inference.model.engine_secrets import without_secrets
from coreweave_inference.version import __version__

from .directory import StackDirectory
from .engine_processes import state_folder
from .plans import Plan, declaration_digest
from .repair import State

PACKAGE = "coreweave_inference"


def note(
    directory: StackDirectory, stack: str, state: State | None, environ: Mapping[str, str] = os.environ
) -> None:
    """Keep the digest of what was declared and of the state that an `up` of the whole stack left."""
    file = _file(directory, stack, environ)
    with contextlib.suppress(OSError):  # Then the next `up` runs the engine.
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_digest(declaration_digest(directory, stack), state), "utf-8")


def is_noted(
    plan: Plan,
    state: State | None,
    directory: StackDirectory,
    stack: str,
    environ: Mapping[str, str] = os.environ,
) -> bool:
    """Whether the last `up` left the very `state`, and was of the declaration that `plan` was made of. A preview does not show
    everything that an `up` records: of an order between two resources that is declared anew it says nothing.
    """
    try:
        noted = _file(directory, stack, environ).read_text("utf-8")
    except (OSError, ValueError):
        return False
    return noted == _digest(plan.declaration, state) and _reads_files_alone(directory.program)


def _digest(declaration: str, state: State | None) -> str:
    """All that the engine recorded counts, the order between resources included."""
    recorded: Any = without_secrets((state or {}).get("deployment"))
    return hashlib.sha256(
        json.dumps([__version__, declaration, recorded], sort_keys=True).encode()
    ).hexdigest()


def _reads_files_alone(program: Path) -> bool:
    """Whether it is nothing but a call of `load()`. What another program reads is not known: a variable may decide what it
    protects or exports, and in a preview it may leave out what it does in a run.
    """
    try:
        body = ast.parse(program.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return False
    match [part for part in body if not _is_text(part)]:
        case [ast.Import(names=[ast.alias(name=name)]), ast.Assign(value=value) | ast.Expr(value=value)]:
            return name == PACKAGE and _loads(value)
    return False


def _is_text(part: ast.stmt) -> bool:
    return isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)


def _loads(value: ast.expr) -> bool:
    match value:
        case ast.Call(func=ast.Attribute(value=ast.Name(), attr="load"), args=[], keywords=[]):
            return True
    return False


def _file(directory: StackDirectory, stack: str, environ: Mapping[str, str]) -> Path:
    name = hashlib.sha256(f"{directory.project}/{stack}".encode()).hexdigest()[:32]
    return state_folder(environ) / "settled" / f"{name}.json"
