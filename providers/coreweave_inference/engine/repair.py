"""What a crash left in a state: operations that were begun and not recorded.

Pure: a state goes in with a way to look an object up, a state comes out. Nothing here talks to the service.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from coreweave_inference.model.identity import salted
from coreweave_inference.model.resource_types import TYPES
from coreweave_inference.provider.values import bucket_in_state, managed_id

from .events import label_of

State = dict[str, Any]
"""What `pulumi stack export` writes."""

Resource = dict[str, Any]
GROUND = ("Account", "WeightsBucket", "InferenceBucketPolicy", "Gateway", "CapacityClaim")
"""Kinds in their order: the first two carry everything, all of them carry deployments."""


@dataclass(frozen=True)
class Found:
    """The object of a pending creation exists: what the state would have recorded of it."""

    id: str
    outputs: Mapping[str, Any]


@dataclass(frozen=True)
class Unresolved:
    """There is nothing to record, and why; `keep` leaves the operation pending, since that is not certain."""

    why: str
    keep: bool = False


LookUp = Callable[[Resource], Found | Unresolved]


@dataclass(frozen=True)
class Repaired:
    """A state without pending operations of ours, and one line on each that it had."""

    state: State
    lines: tuple[str, ...]
    changed: bool


def pending(state: State) -> list[Resource]:
    """Pending operations on resources of ours: `{"resource": …, "type": "creating"}`."""
    return [
        operation for operation in _deployment(state).get("pending_operations") or () if _is_ours(operation)
    ]


def repaired(state: State, look_up: LookUp) -> Repaired:
    """The state with what exists recorded, and the operations of ours no longer pending."""
    result = copy.deepcopy(state)
    deployment = _deployment(result)
    lines, left = [], []
    for operation in deployment.get("pending_operations") or ():
        if not _is_ours(operation):
            left.append(operation)
            continue
        line, keeps = _settle(deployment, operation, look_up)
        lines.append(line)
        left.extend([operation] if keeps else [])
    changed = len(left) != len(deployment.get("pending_operations") or ())
    deployment["pending_operations"] = left
    return Repaired(result, tuple(lines), changed)


def own_ids(state: State) -> tuple[str, ...]:
    """Ids of what this stack made and may meet again: what a replacement left standing, to be deleted at the end of a run
    that has not come yet, what pending creations were about to make, and buckets and statements in policies, which a
    resource that was moved without an alias meets.
    """
    aside = [found for found in _deployment(state).get("resources") or () if found.get("delete")]
    begun = [found["resource"].get("inputs") or {} for found in pending(state)]
    wanted = [str(inputs["apiId"]) for inputs in begun if inputs.get("apiId")]
    ids = [str(found["id"]) for found in aside if found.get("id") and found["type"].startswith(TYPES)]
    return (*ids, *(id_ for one in wanted for id_ in (one, salted(one))), *_in_state(state))


def _in_state(state: State) -> list[str]:
    found = [one for one in _deployment(state).get("resources") or () if one.get("id")]
    buckets = [one["id"] for one in found if one["type"] == f"{TYPES}WeightsBucket"]
    policies = [one for one in found if one["type"] == f"{TYPES}InferenceBucketPolicy"]
    return [
        *map(bucket_in_state, buckets),
        *(managed_id(one["id"], str((one.get("outputs") or {}).get("sid"))) for one in policies),
    ]


def _settle(deployment: dict[str, Any], operation: Mapping[str, Any], look_up: LookUp) -> tuple[str, bool]:
    resource, kind = operation["resource"], operation["type"]
    what = label_of(resource["urn"])
    if kind != "creating":
        return f"{what}: {kind} it was interrupted; this run reads it again", False
    found = look_up(resource)
    if isinstance(found, Unresolved):
        return f"{what}: its creation was interrupted; {found.why}", found.keep
    record(deployment, {**resource, "id": found.id, "outputs": dict(found.outputs)})
    return f"{what}: recovered after an interrupted creation ({found.id}); added to the state", False


def record(deployment: dict[str, Any], made: Resource) -> None:
    """Put a resource where the engine would have: after its predecessor, which then waits for its deletion."""
    resources: list[Resource] = deployment.setdefault("resources", [])
    ground = _ground_of(made, resources)
    made = {**({"dependencies": ground} if ground else {}), **made}
    # The engine renames whatever an alias names; the predecessor under its former name is still a resource of its own.
    made.pop("aliases", None)
    for place, entry in enumerate(resources):
        if entry["urn"] != made["urn"] or entry.get("delete"):
            continue
        if entry.get("id") == made["id"]:
            return
        if entry.get("pendingReplacement"):
            resources.pop(place)
        else:
            entry["delete"] = True
        break
    resources.append(made)


def _ground_of(made: Resource, resources: list[Resource]) -> list[str]:
    """What a resource of unknown dependencies depends on: so that it goes before that, should both go."""
    kinds = GROUND if made["type"] == f"{TYPES}Deployment" else GROUND[:2]
    types = {TYPES + kind for kind in kinds}
    return [found["urn"] for found in resources if found["type"] in types and not found.get("delete")]


def _deployment(state: State) -> dict[str, Any]:
    deployment: dict[str, Any] = state.get("deployment") or {}
    return deployment


def _is_ours(operation: Mapping[str, Any]) -> bool:
    return str(operation.get("resource", {}).get("type", "")).startswith(TYPES)
