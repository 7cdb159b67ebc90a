"""What a stack's state records of its objects, as far as a status compares it with the account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from coreweave_inference.model.kinds import Kind


@dataclass(frozen=True)
class Recorded:
    """An object in a state. `spec` is what was declared at the last run; `ignored` are fields that are left to others.

    `reduced_from` is the count that a claim had when the stack reduced it, while the service showed that one still.
    """

    kind: Kind
    key: str
    id: str
    name: str = ""
    spec: Mapping[str, Any] | None = None
    ignored: tuple[str, ...] = ()
    reduced_from: int | None = None

    @property
    def label(self) -> str:
        """`deployment "chat"`."""
        return f'{self.kind.noun} "{self.key}"'


@dataclass(frozen=True)
class RecordedBucket:
    """A weights bucket in a state."""

    key: str
    name: str
    zone: str = ""
