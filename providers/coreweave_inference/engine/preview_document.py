"""The document that `pulumi preview --json --show-sames` prints, made of a run's events: for a review, and for drift. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .events import PROVIDER_TYPES
from .properties import changed_paths

if TYPE_CHECKING:
    from pulumi.automation import EngineEvent
    from pulumi.automation.events import StepEventMetadata, StepEventStateMetadata


class PreviewDocument:
    """Collects the events of one run. Unlike the CLI's own document, its refresh steps show what the refresh found.

    `refreshing`: the run is a `refresh`, whose events call what was found an update or a deletion.
    """

    def __init__(self, *, refreshing: bool = False) -> None:
        self._refreshing = refreshing
        self._steps: list[dict[str, Any]] = []
        self._refreshes: dict[str, dict[str, Any]] = {}
        self._diagnostics: list[dict[str, str]] = []

    def add(self, event: EngineEvent) -> None:
        """Take one in."""
        started, done, diagnostic = event.resource_pre_event, event.res_outputs_event, event.diagnostic_event
        if diagnostic is not None and not diagnostic.ephemeral:
            self._diagnostics.append({"severity": diagnostic.severity, "message": str(diagnostic.message)})
        elif started is not None and not started.metadata.type.startswith(PROVIDER_TYPES):
            self._begin(started.metadata)
        elif done is not None and done.metadata.urn in self._refreshes:
            self._end(done.metadata)

    def data(self) -> dict[str, Any]:
        """What `review.reading` reads."""
        return {"steps": list(self._steps), "diagnostics": list(self._diagnostics)}

    def _begin(self, metadata: StepEventMetadata) -> None:
        step = {
            "op": metadata.op.value,
            "urn": metadata.urn,
            **_states(metadata),
            "detailedDiff": changed_paths(metadata),
        }
        if step["op"] == "refresh":
            self._refreshes[metadata.urn] = step
        self._steps.append(step)

    def _end(self, metadata: StepEventMetadata) -> None:
        if metadata.op.value != "refresh" and not self._refreshing:
            return
        found = {"newState": _state(metadata.new), "detailedDiff": changed_paths(metadata)}
        self._refreshes.pop(metadata.urn).update(found)
        if self._refreshing and metadata.new is not None:
            state = found["newState"]
            self._steps.append({"op": "same", "urn": metadata.urn, "oldState": state, "newState": state})


def _states(metadata: StepEventMetadata) -> dict[str, Any]:
    sides = {"oldState": _state(metadata.old), "newState": _state(metadata.new)}
    return {side: state for side, state in sides.items() if state is not None}


def _state(state: StepEventStateMetadata | None) -> dict[str, Any] | None:
    if state is None:
        return None
    return {
        "urn": state.urn,
        "id": state.id,
        "type": state.type,
        "inputs": state.inputs or {},
        "outputs": state.outputs or {},
        **({"retainOnDelete": True} if state.retain_on_delete else {}),
    }
