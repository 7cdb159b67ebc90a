"""The mark for a value that is not known yet: a preview's output of something not created.

Only the mark and the question whether a value holds it belong here; what it means for a rule is the rule's matter.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from .nested import parts


class Unknown(Enum):
    """One member, so that the mark stays itself through copies and pickles."""

    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "(not known yet)"


UNKNOWN: Final = Unknown.UNKNOWN


def has_unknown(value: Any) -> bool:
    """Whether `value` is, or holds at any depth, a value that is not known yet."""
    return any(part is UNKNOWN for part in parts(value))
