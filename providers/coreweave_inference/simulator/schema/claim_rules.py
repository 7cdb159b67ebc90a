"""The schema's rules for a capacity claim request. Quota, and which zone has which type, are not checked here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .constraints import Violations
from .messages import enum

CAPACITY_TYPE = enum("CapacityType")
NAME_PATTERN = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"


def check_claim_name(spec: Mapping[str, Any], violations: Violations) -> None:
    """Add a violation for each rule that the identity of a new claim breaks; an update has none."""
    if "id" in spec:
        violations.uuid(spec["id"], "id")
    name = spec.get("name", "")
    violations.length(name, "name", 1, 100)
    violations.pattern(name, "name", NAME_PATTERN)


def check_claim_resources(
    spec: Mapping[str, Any], refused_types: Sequence[int], violations: Violations
) -> None:
    """Add a violation for each rule that `resources` breaks; `refused_types` are numbers of CapacityType.

    A missing instanceCount is allowed: the schema has no lower limit.
    """
    resources = spec.get("resources")
    if resources is None:
        violations.add("resources", "value is required")
        return
    violations.required(resources.get("instanceId"), "resources.instance_id")
    violations.enum(resources.get("capacityType", 0), "resources.capacity_type", CAPACITY_TYPE, refused_types)
    zones = resources.get("zones", [])
    violations.count(zones, "resources.zones", least=1, most=1)
    violations.unique(zones, "resources.zones")
    for index, zone in enumerate(zones):
        violations.zone(zone, f"resources.zones[{index}]")
