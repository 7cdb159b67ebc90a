"""Plain `pulumi`: the same engine and program, without what `cw-inference` adds around a run.

Nothing is noted, repaired or found again between two runs; an interrupt goes to the engine at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from coreweave_inference.engine.installation import CommandFailed
from coreweave_inference.engine.operations import Engine
from coreweave_inference.engine.results import Record


class PlainEngine(Engine):
    """What a killed run left in the backend (a lock, empty attributes) is still taken away, as its user has to."""

    def repair(self) -> tuple[str, ...]:
        """Pulumi repairs nothing."""
        return ()

    def _keep_in_mind(self, attempts: Sequence[str], record: Record) -> None:
        """Pulumi notes nothing beside its state."""

    def _interruptible(
        self, first: Callable[[], None], act: Callable[[], object], more: Sequence[str]
    ) -> CommandFailed | None:
        return super()._interruptible(self._cli.interrupt, act, more)
