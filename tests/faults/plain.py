"""Plain `pulumi`: the same engine and program, without what `cw-inference` adds around a run.

Nothing is noted, repaired or found again between two runs; an interrupt goes to the engine at once.
"""

from __future__ import annotations

from collections.abc import Callable

from coreweave_inference.engine.interruption import RunDirectory
from coreweave_inference.engine.operations import Engine


class PlainEngine(Engine):
    """What a killed run left in the backend (a lock, empty attributes) is still taken away, as its user has to."""

    def repair(self) -> tuple[str, ...]:
        """Pulumi repairs nothing."""
        return ()

    def _variables(self, variables: dict[str, str]) -> dict[str, str]:
        """Program and providers get no targets, no directory for notes, and nothing of the state."""
        return {}

    def _stop(self, directory: RunDirectory) -> Callable[[], None]:
        return self._cli.interrupt
