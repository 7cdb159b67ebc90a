"""Whether an `up` could find anything to do: what is kept on this machine of the last one that ended well."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from .directory import StackDirectory
from .engine_processes import state_folder
from .plans import Plan, declaration_digest, state_digest
from .repair import State


def note(
    directory: StackDirectory, stack: str, state: State | None, environ: Mapping[str, str] = os.environ
) -> None:
    """Keep the digests of what was declared and of the state that an `up` of the whole stack left."""
    file = _file(directory, stack, environ)
    with contextlib.suppress(OSError):  # Then the next `up` runs the engine.
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([declaration_digest(directory, stack), state_digest(state)]), "utf-8")


def is_noted(
    plan: Plan, directory: StackDirectory, stack: str, environ: Mapping[str, str] = os.environ
) -> bool:
    """Whether the last `up` left the very declaration and state that `plan` was made of. A preview does not show everything
    that an `up` records: of an order between two resources that is declared anew it says nothing.
    """
    try:
        noted = json.loads(_file(directory, stack, environ).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return bool(noted == [plan.declaration, plan.state])


def _file(directory: StackDirectory, stack: str, environ: Mapping[str, str]) -> Path:
    name = hashlib.sha256(f"{directory.project}/{stack}".encode()).hexdigest()[:32]
    return state_folder(environ) / "settled" / f"{name}.json"
