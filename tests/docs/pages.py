"""The commands that the pages show: fenced blocks of `bash` and `console`, each with the remark above it.

The remark says how a block is tested: `<!-- run in: SITUATION -->`, or `<!-- not run: REASON -->`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    page
    for place in ("*.md", "docs/**/*.md", "examples/**/*.md", "stacks/**/*.md")
    for page in CHECKOUT.glob(place)
)
GENERATED = {"docs/commands.md", "docs/checks.md", "docs/doctor.md"}
"""Their blocks are examples of single commands, one for each."""

BLOCK = re.compile(
    r"(?:^[ ]*<!-- (?P<kind>run in|not run): (?P<remark>[^\n]*) -->\n)?^[ ]*```(?P<language>bash|console)\n(?P<text>.*?)^[ ]*```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block; `kind` is empty where nothing above it says how it is tested."""

    page: str
    kind: str
    remark: str
    text: str

    @property
    def commands(self) -> list[str]:
        """What is typed; in a console block the lines after a prompt."""
        lines = self.text.splitlines()
        prompts = [line[2:] for line in lines if line.startswith("$ ")]
        return prompts or [line for line in lines if line.strip()]

    @property
    def printed(self) -> list[str]:
        """What a console block shows between its prompts; `…` is anything."""
        lines = self.text.splitlines()
        return (
            [line for line in lines if not line.startswith("$ ")] if len(lines) > len(self.commands) else []
        )


def blocks() -> Iterator[Block]:
    """Every block of every page."""
    for page in PAGES:
        for found in BLOCK.finditer(page.read_text(encoding="utf-8")):
            name = str(page.relative_to(CHECKOUT))
            yield Block(name, found["kind"] or "", found["remark"] or "", found["text"])


def arguments(command: str) -> list[str] | None:
    """The words that `cw-inference` gets in a line; `None` where the line does not call it."""
    found = re.search(r"(?:^|&& )(?:[A-Z_]+=\S+ )*cw-inference (?P<rest>.*)", command)
    if found is None:
        return None
    words = shlex.split(found["rest"], comments=True)
    end = next((at for at, word in enumerate(words) if word in ("&&", "||", ">", "&", "|", ";")), len(words))
    return words[:end]
