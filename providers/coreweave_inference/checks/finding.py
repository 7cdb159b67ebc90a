"""What a rule says: one thing that cannot work or will surprise, as data and as a line of text.

Nothing here decides what is worth saying.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from coreweave_inference.declaration import Origin
from coreweave_inference.errors import single_line


class Severity(str, Enum):
    """An error stops a run, a warning is shown by it, a note only by `cw-inference check`."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return tuple(Severity).index(self)


@dataclass(frozen=True)
class About:
    """The object a finding is about: its kind in words (`deployment`, `bucket`) and its key in the declaration."""

    kind: str = ""
    key: str = ""

    def __str__(self) -> str:
        return f'{self.kind} "{self.key}"' if self.kind else ""


NOTHING = About()
"""For what is about no single object."""


@dataclass(frozen=True)
class Problem:
    """What a rule found, before it is known where that is in a file.

    `path` leads to the value (`deployments.chat.traffic.weight`); `severity` is set only where it differs from the
    rule's own.
    """

    about: About
    path: str
    what: str
    why: str
    do: str
    severity: Severity | None = None


@dataclass(frozen=True)
class Finding:
    """One finding; `code` is stable, so that a file can accept it by its code.

    `inherited_by` are the keys of the entries that have the value by `extends`.
    """

    code: str
    severity: Severity
    about: About
    path: str
    what: str
    why: str
    do: str
    origin: Origin | None = field(default=None)
    inherited_by: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.severity.value} {self.line}"

    @property
    def line(self) -> str:
        """`traffic-lone-zero deployment "chat" (inference.yaml:31): what is wrong; why; what to do`."""
        place = f" ({self.place})" if self.place else ""
        about = f" {self.subject}" if self.about.kind else ""
        return single_line(f"{self.code}{about}{place}: {self.sentence}")

    @property
    def subject(self) -> str:
        """`deployment "chat", inherited by "chat-b"`."""
        heirs = ", ".join(f'"{key}"' for key in self.inherited_by)
        return f"{self.about}, inherited by {heirs}" if heirs else str(self.about)

    @property
    def place(self) -> str:
        """`inference.yaml:31`; empty where no file says it."""
        if self.origin is None or not self.origin.file:
            return ""
        return f"{self.origin.file}:{self.origin.line}" if self.origin.line else self.origin.file

    @property
    def sentence(self) -> str:
        """What, why and what to do."""
        return "; ".join(part for part in (self.what, self.why, self.do) if part)

    @property
    def order(self) -> tuple[Any, ...]:
        """Worst first, then in the order of the file."""
        origin = self.origin or Origin("", 0)
        return (self.severity.rank, origin.file, origin.line, self.path, self.code, self.what)

    def as_data(self) -> dict[str, Any]:
        """The finding as JSON data."""
        origin = {"file": self.origin.file, "line": self.origin.line} if self.origin else None
        return {
            "code": self.code,
            "severity": self.severity.value,
            "object": str(self.about),
            "kind": self.about.kind,
            "key": self.about.key,
            "path": self.path,
            "inheritedBy": list(self.inherited_by),
            "origin": origin,
            "what": self.what,
            "why": self.why,
            "do": self.do,
        }
