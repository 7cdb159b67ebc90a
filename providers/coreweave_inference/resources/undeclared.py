"""What a `Readiness` of the last run recorded, where the program no longer declares that `Readiness`.

Under its former URN it would judge a removal in its `diff`, before the first write. Renamed or taken out it is only deleted,
after everything that the run writes; so the account judges in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreweave_inference.model import Kind, resource_types
from coreweave_inference.model.identity import place_in
from coreweave_inference.model.resource_types import TYPES
from coreweave_inference.program.context import Program
from coreweave_inference.program.recorded import resources_of
from coreweave_inference.provider.deletion_guard import FORMER, KEYS, OWNED
from coreweave_inference.provider.session import RUN_DIRECTORY

READINESS = TYPES + resource_types.READINESS


def undeclared(program: Program) -> dict[str, Any]:
    """Objects that a former `Readiness` recorded and the program does not declare, for `refuse_undeclared`; empty for a run
    of `cw-inference`, which reads the state itself, and knows what it is limited to.

    An object counts as declared under its kind and name. Where one of its kind has an alias, its former name is not known
    here, and that kind is left to the deletion of the former `Readiness`.
    """
    former = [] if RUN_DIRECTORY in program.environ else _former(program)
    recorded = [dict(entry) for outputs in former for entry in outputs.get(OWNED) or ()]
    declared: dict[tuple[Any, Any], Any] = {
        (entry["kind"], entry["name"]): resource for resource, entry in program.owned
    }
    recorded_names = {(entry.get("kind"), entry.get("name")) for entry in recorded}
    new = {name: resource for name, resource in declared.items() if name not in recorded_names}
    renamed = {kind for (kind, _), resource in new.items() if getattr(resource, "_aliases", None)}
    removed = [
        {key: value for key, value in entry.items() if key in KEYS}
        for entry in recorded
        if (entry.get("kind"), entry.get("name")) not in declared and entry.get("kind") not in renamed
    ]
    if not removed:
        return {}
    own = [entry.get("id") for entry in recorded]
    own += [id_ for outputs in former for id_ in outputs.get(FORMER) or ()]
    claims = [found for (kind, _), found in new.items() if kind == Kind.CAPACITY_CLAIM.noun]
    coming = [
        {
            "kind": Kind.CAPACITY_CLAIM.noun,
            "name": claim.resource_name,
            "id": claim.planned_id,
            "resources": claim.declared["resources"],
        }
        for claim in claims
        if claim.planned_id
    ]
    return {"removed": removed, "own": own, "coming": coming}


def _former(program: Program) -> list[Mapping[str, Any]]:
    """The outputs of each `Readiness` of the last state that the program declares nowhere."""
    if None in program.readiness:
        return []
    return [
        found.get("outputs") or {}
        for found in resources_of(program.last)
        if found.get("type") == READINESS and place_in(found["urn"]) not in program.readiness
    ]
