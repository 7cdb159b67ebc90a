"""Creations that were begun and are not in the state: a provider that was killed, an answer that was lost for good.

The engine forgets them. Here they are noted in the state and resumed by the next run's `repair`.
Pure: lines and a state go in, a state comes out.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from coreweave_inference.json_text import whole_lines
from coreweave_inference.model.identity import salted
from coreweave_inference.model.resource_types import TYPES
from coreweave_inference.program.recorded import resources_of
from coreweave_inference.provider.values import KEPT, NOTED

from .events import ACCOUNT, label_of, type_of
from .repair import State

Inputs = dict[str, Any]


def unresolved_attempts(lines: Iterable[str], created: Iterable[str]) -> dict[str, Inputs]:
    """By URN what creations were about to send; without those that were crossed out and those that the engine saw done.

    A line that is not whole was never followed by a request.
    """
    found: dict[str, Inputs] = {}
    for entry in whole_lines(lines):
        if entry["inputs"] is None:
            found.pop(entry["urn"], None)
        else:
            found[entry["urn"]] = entry["inputs"]
    for urn in created:
        found.pop(urn, None)
    return {urn: inputs for urn, inputs in found.items() if urn}


def persist_attempts(state: State, attempts: Mapping[str, Inputs]) -> State | None:
    """The state with each attempt that it knows nothing of; None where it knows of all.

    They lie with the account, which is there before anything else is made: an import of a state drops what is pending.
    What was noted before stays noted.
    """
    missing = _unknown(state, attempts)
    result = copy.deepcopy(state)
    account = account_in(result)
    if account is None or not missing:
        return None
    outputs = account.setdefault("outputs", {})
    outputs[NOTED] = {**(outputs.get(NOTED) or {}), **missing}
    return result


def with_attempts_pending(state: State) -> State:
    """The state with what was noted as pending creations."""
    result = copy.deepcopy(state)
    account = account_in(result)
    attempts = (account.get("outputs") or {}).pop(NOTED, None) if account is not None else None
    if account is None or not attempts:
        return result
    deployment: dict[str, Any] = result["deployment"]
    pending = deployment.get("pending_operations") or []
    added = [
        {"resource": resource_of(urn, inputs, account), "type": "creating"}
        for urn, inputs in _unknown(result, attempts).items()
    ]
    deployment["pending_operations"] = [*pending, *added]
    return result


def restore_pending(state: State) -> State:
    """The state with its pending creations noted, so that they outlive an import."""
    operations = (state.get("deployment") or {}).get("pending_operations") or ()
    attempts = {
        found["resource"]["urn"]: found["resource"].get("inputs") or {}
        for found in operations
        if found["type"] == "creating" and str(found["resource"]["type"]).startswith(TYPES)
    }
    bare = {**state, "deployment": {**state["deployment"], "pending_operations": []}}
    return persist_attempts(bare, attempts) or state


def perhaps_made(urns: Iterable[str]) -> str:
    """The warning where nothing can be noted."""
    names = ", ".join(label_of(urn) for urn in urns)
    return f"perhaps made, and not in the state: {names}"


def _unknown(state: State, attempts: Mapping[str, Inputs]) -> dict[str, Inputs]:
    resources, deployment = resources_of(state), state.get("deployment") or {}
    pending = {found["resource"]["urn"] for found in deployment.get("pending_operations") or ()}
    return {
        urn: inputs
        for urn, inputs in attempts.items()
        if urn not in pending and not _recorded(urn, inputs, resources)
    }


def account_in(state: State) -> dict[str, Any] | None:
    """The entry of the account in a state."""
    return next((found for found in resources_of(state) if found["type"] == ACCOUNT), None)


def _recorded(urn: str, inputs: Inputs, resources: Iterable[Mapping[str, Any]]) -> bool:
    """By its id and not by its URN alone, which the predecessor of a replacement has too."""
    ids = _ids(inputs)
    return any(found["type"] == type_of(urn) and found.get("id") in ids for found in resources)


def _ids(inputs: Inputs) -> tuple[str, ...]:
    """What the engine would have recorded as the id: of an API object, of a bucket's policy, of a bucket."""
    if "apiId" in inputs:
        return inputs["apiId"], salted(inputs["apiId"])
    return (inputs["bucket"] if "bucket" in inputs else inputs["name"],)


def resource_of(urn: str, inputs: Inputs, account: Mapping[str, Any]) -> dict[str, Any]:
    """As the engine writes it; the account has the same provider and parent."""
    return {
        "urn": urn,
        "custom": True,
        "type": type_of(urn),
        "inputs": inputs,
        **({"retainOnDelete": True} if inputs.get(KEPT) else {}),
        **{key: account[key] for key in ("parent", "provider") if key in account},
    }
