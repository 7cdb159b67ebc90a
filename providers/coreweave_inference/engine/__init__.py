"""Runs a stack directory: the same program on the same state as `pulumi up` there, in this process.

Nothing here prints or asks; a caller watches what happens and gets a result. What resources do is `resources`',
how it looks on a terminal is `cli`'s.
"""

from __future__ import annotations

from .directory import StackDirectory
from .happenings import Change, Happening, Message, Progress, Step
from .installation import PulumiCli
from .operations import Engine
from .results import Result

__all__ = [
    "Change",
    "Engine",
    "Happening",
    "Message",
    "Progress",
    "PulumiCli",
    "Result",
    "StackDirectory",
    "Step",
]
