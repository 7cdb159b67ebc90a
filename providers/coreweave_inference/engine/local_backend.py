"""A backend in a folder: what a kill left there that no command of the CLI can read any more.

Beside each file lie its attributes (`dev.json.attrs`). They are not written in one step: a kill at that moment leaves
them empty, and from then on the CLI says no more than `EOF`, also where the state itself is whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from .installation import CommandFailed, PulumiCli

T = TypeVar("T")
SCHEME = "file://"
PLACES = ("stacks", "locks")
CUT_OFF = frozenset({"error: failed to load checkpoint: EOF", "error: EOF"})
"""Of a state and of a lock. A provider that was killed is told with more words before the same."""


def read(act: Callable[[], T], cli: PulumiCli, directory: Path, told: Callable[[str], None]) -> T:
    """Do it; once more after empty attributes were taken away, each of which is told. Raises CommandFailed."""
    try:
        return act()
    except CommandFailed as error:
        if not is_cut_off(error.text):
            raise
        backend = json.loads(cli.run(["whoami", "--json"], str(directory), {}).stdout)
        removed = without_empty_attributes(backend.get("url", ""))
        if not removed:
            raise
    for file in removed:
        told(f"took away {file}: a killed run had left it empty, and the state could not be read")
    return act()


def is_cut_off(text: str) -> bool:
    """Whether this is what the CLI says of a file with empty attributes."""
    return any(line.strip() in CUT_OFF for line in text.splitlines())


def without_empty_attributes(url: str) -> tuple[Path, ...]:
    """Take away empty attributes below a backend's address, and say which; without any, the CLI assumes the usual."""
    if not url.startswith(SCHEME):
        return ()
    root = Path(url.removeprefix(SCHEME)).expanduser() / ".pulumi"
    found = tuple(
        file
        for place in PLACES
        for file in sorted((root / place).rglob("*.attrs"))
        if not file.stat().st_size
    )
    for file in found:
        file.unlink(missing_ok=True)
    return found
