"""The engine's steps for one resource: check, diff, then create, update or replace; state is kept in between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi.dynamic import DiffResult, ResourceProvider
from pulumi.output import Unknown


def with_floats(value: Any) -> Any:
    """Numbers as Pulumi hands them over."""
    if isinstance(value, Mapping):
        return {key: with_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_floats(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@dataclass
class Resource:
    """One resource of a stack; `steps` are what the last `up` did."""

    provider: ResourceProvider
    id: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    def checked(self, news: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs as the provider wants them; fails the test for a fault."""
        result = self.provider.check(dict(self.inputs), dict(news))
        assert [failure.reason for failure in result.failures] == []
        return result.inputs

    def check_faults(self, news: Mapping[str, Any]) -> list[str]:
        """What check says against them."""
        return [failure.reason for failure in self.provider.check(dict(self.inputs), dict(news)).failures]

    def planned(self, news: Mapping[str, Any]) -> DiffResult:
        """The diff of a preview."""
        return self.provider.diff(self.id, on_the_wire(self.outputs), self.checked(news))

    def up(self, news: Mapping[str, Any]) -> str:
        """Bring the resource to these inputs; says `create`, `same`, `update` or `replace`."""
        if not self.id:
            return self._create(self.checked(news), "create")
        inputs = self.checked(news)
        diff = self.provider.diff(self.id, on_the_wire(self.outputs), inputs)
        if diff.replaces:
            return self._replace(news, delete_first=bool(diff.delete_before_replace))
        if diff.changes is False:
            self.inputs = on_the_wire(inputs)
            return "same"
        answer = self.provider.update(self.id, on_the_wire(self.outputs), on_the_wire(inputs))
        self.inputs, self.outputs = on_the_wire(inputs), on_the_wire(answer.outs or {})
        return "update"

    def refresh(self) -> bool:
        """Adopt what is live; False when it was deleted."""
        answer = self.provider.read(self.id, on_the_wire(self.outputs))
        assert answer.outs is not None
        if not answer.id:
            self.id = ""
            return False
        self.outputs = on_the_wire(answer.outs)
        self.inputs = on_the_wire(answer.inputs if answer.inputs is not None else self.inputs)
        return True

    def destroy(self) -> None:
        """Delete it."""
        self.provider.delete(self.id, on_the_wire(self.outputs))
        self.id = ""

    def _create(self, inputs: Mapping[str, Any], step: str) -> str:
        answer = self.provider.create(on_the_wire(inputs))
        self.id, self.inputs, self.outputs = answer.id, on_the_wire(inputs), on_the_wire(answer.outs or {})
        return step

    def _replace(self, news: Mapping[str, Any], *, delete_first: bool) -> str:
        old_id, old_outputs = self.id, on_the_wire(self.outputs)
        inputs = self.provider.check({}, dict(news)).inputs
        if delete_first:
            self.provider.delete(old_id, old_outputs)
        self._create(inputs, "replace")
        if not delete_first:
            self.provider.delete(old_id, old_outputs)
        return "replace"


def on_the_wire(value: Any) -> Any:
    """What is left of a value after the engine had it: floats, no None, and never an unknown."""
    return with_floats(_without_none(value))


def _without_none(value: Any) -> Any:
    assert not isinstance(value, Unknown), "an unknown never reaches the state"
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, (list, tuple)) else value
