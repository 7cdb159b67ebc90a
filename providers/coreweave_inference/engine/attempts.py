"""Creations that were begun and are not in the state: a provider that was killed, an answer that was lost for good.

The engine forgets them. Here they become pending operations again, which `repair` looks into before the next run.
Pure: lines and a state go in, a state comes out.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any

from coreweave_inference.spec.identity import salted

from .happenings import TYPES, type_of
from .repair import State

Inputs = dict[str, Any]


def unsettled(lines: Iterable[str], created: Iterable[str]) -> dict[str, Inputs]:
    """By URN what creations were about to send; without those that were crossed out and those that the engine saw done.

    A line that is not whole was never followed by a request.
    """
    found: dict[str, Inputs] = {}
    for line in lines:
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if told["inputs"] is None:
            found.pop(told["urn"], None)
        else:
            found[told["urn"]] = told["inputs"]
    for urn in created:
        found.pop(urn, None)
    return {urn: inputs for urn, inputs in found.items() if urn}


def with_pending(state: State, attempts: Mapping[str, Inputs]) -> State | None:
    """The state with a pending creation for each attempt that it knows nothing of; None where it knows of all."""
    result = copy.deepcopy(state)
    deployment: dict[str, Any] = result.get("deployment") or {}
    resources = deployment.get("resources") or []
    pending = deployment.get("pending_operations") or []
    known = {operation["resource"]["urn"] for operation in pending}
    ours = next((found for found in resources if str(found["type"]).startswith(TYPES)), None)
    missing = [
        _operation(urn, inputs, ours)
        for urn, inputs in attempts.items()
        if ours is not None and urn not in known and not _recorded(urn, inputs, resources)
    ]
    deployment["pending_operations"] = [*pending, *missing]
    return result if missing else None


def _recorded(urn: str, inputs: Inputs, resources: Iterable[Mapping[str, Any]]) -> bool:
    if "apiId" not in inputs:
        return any(found["urn"] == urn for found in resources)
    ids = (inputs["apiId"], salted(inputs["apiId"]))
    return any(found.get("id") in ids for found in resources)


def _operation(urn: str, inputs: Inputs, ours: Mapping[str, Any]) -> dict[str, Any]:
    """As the engine writes one; a resource of ours, which there is, has the same provider and parent."""
    resource = {
        "urn": urn,
        "custom": True,
        "type": type_of(urn),
        "inputs": inputs,
        **{key: ours[key] for key in ("parent", "provider") if key in ours},
    }
    return {"resource": resource, "type": "creating"}
