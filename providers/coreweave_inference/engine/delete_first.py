"""Deleting a part of a stack: which objects go, and a state in which they can go alone. Pure."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable
from typing import Any

from coreweave_inference.errors import StartupError
from coreweave_inference.model.resource_types import TYPES
from coreweave_inference.program.recorded import resources_of

from .events import ACCOUNT, Step, is_shown, label_of, name_of, type_of
from .repair import State
from .selection import Selection

HOLD_CAPACITY = ("Deployment", "CapacityClaim", "Gateway")
"""Kinds that hold something that what is created may need: GPUs, quota, names."""
STAY = (ACCOUNT, TYPES + "Readiness")
"""What a run with targets neither deletes nor counts among the users of its targets."""


def to_remove(steps: Iterable[Step]) -> tuple[str, ...]:
    """URNs of what a preview would delete and what holds something; a replacement is not a removal."""
    names = {TYPES + name for name in HOLD_CAPACITY}
    return tuple(s.urn for s in steps if s.op == "delete" and not s.kept and type_of(s.urn) in names)


def deletion_steps(state: State, selection: Selection) -> tuple[Step, ...]:
    """What a state holds, each as the deletion that a destroy of the selection would make of it. Raises StartupError."""
    targets = to_delete(state, selection) if selection.targets else None
    return tuple(
        Step(r["urn"], "delete", "started", kept=bool(r.get("retainOnDelete")), id=str(r.get("id") or ""))
        for r in resources_of(state)
        if is_shown(r["urn"]) and (targets is None or r["urn"] in targets)
    )


def to_delete(state: State, selection: Selection) -> tuple[str, ...]:
    """URNs of the targets of a destroy. Raises StartupError where something that stays uses one of them.

    Using is depending through a property: a deployment only comes after the claims, and it names its gateways.
    """
    resources = [found for found in resources_of(state) if is_shown(found["urn"])]
    urns = selection.chosen(found["urn"] for found in resources)
    for resource in resources:
        by_property = (resource.get("propertyDependencies") or {}).values()
        used = {urn for urns_of_one in by_property for urn in urns_of_one or ()} & set(urns)
        if used and resource["urn"] not in urns and type_of(resource["urn"]) not in STAY:
            raise StartupError(
                f"{label_of(min(used))}: {label_of(resource['urn'])} uses it and is no target; nothing was deleted; "
                f"add --target {name_of(resource['urn'])}, or change that one first"
            )
    return urns


def without_edges_to(state: State, urns: Collection[str]) -> State:
    """The state, what stays no longer depending on what goes: the engine would refuse, or take it away too.

    The run that follows writes the true dependencies of everything that stays.
    """
    result = copy.deepcopy(state)
    removed = set(urns)
    for resource in resources_of(result):
        if resource["urn"] not in removed:
            _cut(resource, removed)
    return result


def _cut(resource: dict[str, Any], removed: set[str]) -> None:
    if "dependencies" in resource:
        resource["dependencies"] = [urn for urn in resource["dependencies"] or () if urn not in removed]
    by_property = resource.get("propertyDependencies") or {}
    for key, urns in by_property.items():
        by_property[key] = [urn for urn in urns or () if urn not in removed]
