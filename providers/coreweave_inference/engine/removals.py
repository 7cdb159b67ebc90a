"""Taking removals before creations: which objects go, and a state in which they can go alone. Pure."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable
from typing import Any

from .happenings import TYPES, Step, type_of
from .repair import State

HOLD_CAPACITY = ("Deployment", "CapacityClaim", "Gateway")
"""Kinds that hold something that what is created may need: GPUs, quota, names."""


def to_remove(steps: Iterable[Step]) -> tuple[str, ...]:
    """URNs of what a preview would delete and what holds something; a replacement is not a removal."""
    names = {TYPES + name for name in HOLD_CAPACITY}
    return tuple(s.urn for s in steps if s.op == "delete" and not s.kept and type_of(s.urn) in names)


def without_edges_to(state: State, urns: Collection[str]) -> State:
    """The state, what stays no longer depending on what goes: the engine would refuse, or take it away too.

    The run that follows writes the true dependencies of everything that stays.
    """
    result = copy.deepcopy(state)
    gone = set(urns)
    for resource in (result.get("deployment") or {}).get("resources") or ():
        if resource["urn"] not in gone:
            _cut(resource, gone)
    return result


def _cut(resource: dict[str, Any], gone: set[str]) -> None:
    if "dependencies" in resource:
        resource["dependencies"] = [urn for urn in resource["dependencies"] or () if urn not in gone]
    by_property = resource.get("propertyDependencies") or {}
    for key, urns in by_property.items():
        by_property[key] = [urn for urn in urns or () if urn not in gone]
