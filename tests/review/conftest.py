"""The stack directories of the command line's tests."""

from __future__ import annotations

from tests.running.conftest import simulator, stack, stack_of

__all__ = ["simulator", "stack", "stack_of"]
