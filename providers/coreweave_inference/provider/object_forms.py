"""The specs of one object: as declared, as recorded, as live, and what differs between them.

Pure: nothing here asks the service. A kind with special fields overrides what it needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from coreweave_inference.api.client import ApiObject
from coreweave_inference.errors import Fault
from coreweave_inference.model import Kind
from coreweave_inference.model.normal_form import (
    Difference,
    between,
    differences,
    get_path,
    sparse,
    with_path,
)
from coreweave_inference.model.resource_types import IGNORED
from coreweave_inference.model.shape import is_path, replacing_fields, write_only_paths
from coreweave_inference.model.unknown import UNKNOWN

from .values import ADOPTS, DERIVED_NAME, IDENTITY, hidden


class ObjectForms:
    """Of the objects of one kind."""

    kind: ClassVar[Kind]

    def desired_spec(
        self, old: Mapping[str, Any], declared: dict[str, Any], live: ApiObject
    ) -> dict[str, Any]:
        """What is to be written: as declared, fields left to others at their live value."""
        desired = declared
        for path in declared.get(IGNORED) or ():
            desired = with_path(desired, path, get_path(sparse(self.kind, live.spec), path))
        return desired

    def observed_spec(self, state: Mapping[str, Any], live: ApiObject) -> dict[str, Any]:
        """The live spec in normal form as `state` would record it: what the service never returns is as recorded."""
        form = sparse(self.kind, live.spec)
        for path in (*write_only_paths(self.kind.model), *(state.get(IGNORED) or ())):
            form = with_path(form, path, get_path(state, path))
        return form

    def spec_keys(self) -> frozenset[str]:
        return frozenset(info.alias or name for name, info in self.kind.model.model_fields.items())

    def carried_over(self, before: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
        """Inputs in normal form; id and derived name stay while the fields that replace stay as declared."""
        inputs = {**sparse(self.kind, declared), **hidden(declared)}
        if "apiId" in declared:
            inputs["apiId"] = declared["apiId"]
        if not before and declared.get(ADOPTS):
            inputs[ADOPTS] = declared[ADOPTS]
        if not before or self.is_replaced(before, declared):
            return inputs
        inputs["apiId"] = before.get("apiId", inputs.get("apiId"))
        if DERIVED_NAME in inputs:
            inputs[DERIVED_NAME] = before.get(DERIVED_NAME) or before["name"]
            inputs["name"] = inputs[DERIVED_NAME]
        return inputs

    def is_replaced(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        if IDENTITY in old and new.get(IDENTITY) in (UNKNOWN, old[IDENTITY]):
            return False
        # Imported without the hidden fields, or declared in other words: what is there must be what is declared.
        changed = {difference.path for difference in self.changes_between(old, new)}
        return not changed.isdisjoint(replacing_fields(self.kind.model))

    def changes_between(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Difference, ...]:
        was, wanted = sparse(self.kind, old), sparse(self.kind, new)
        if not new.get(IGNORED):
            return between(self.kind, was, wanted)
        for path in new[IGNORED]:
            wanted = with_path(wanted, path, get_path(was, path))
        return differences(self.kind, was, wanted)

    def recorded_spec(self, state: Mapping[str, Any], live: ApiObject) -> dict[str, Any]:
        """The spec to record: as it was written, but for the fields that mean something else live."""
        recorded, form = sparse(self.kind, state), self.observed_spec(state, live)
        for difference in differences(self.kind, recorded, form):
            recorded = with_path(recorded, difference.path, get_path(form, difference.path))
        return sparse(self.kind, recorded)


def ignored_faults(kind: Kind, declared: Mapping[str, Any]) -> list[Fault]:
    return [
        Fault(
            f'"{path}" is not a field of a {kind.noun}',
            path="ignoreChanges",
            do="write it as in traffic.weight",
        )
        for path in declared.get(IGNORED) or ()
        if not is_path(kind.model, str(path))
    ]


def with_ignored(before: Mapping[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    """Fields left to others stay as the state has them, so that no preview shows them as changed."""
    for path in inputs.get(IGNORED) or () if before else ():
        inputs = with_path(inputs, path, get_path(before, path))
    return inputs
