"""Plain `pulumi`: the same engine and program, without what `cw-inference` adds around a run.

Nothing is noted, repaired or found again between two runs; an interrupt goes to the engine at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from coreweave_inference.engine.installation import CommandFailed
from coreweave_inference.engine.interruption import RunDirectory
from coreweave_inference.engine.operations import Engine


class PlainEngine(Engine):
    """What a killed run left in the backend (a lock, empty attributes) is still taken away, as its user has to."""

    def repair(self) -> tuple[str, ...]:
        """Pulumi repairs nothing."""
        return ()

    def _watched(
        self,
        directory: RunDirectory,
        act: Callable[[], object],
        more: Sequence[str],
    ) -> CommandFailed | None:
        return self._interruptible(self._cli.interrupt, act, more)
