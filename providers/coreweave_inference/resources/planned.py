"""What of a program's plan a run creates anew: the account looks at all of that before anything else is declared. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreweave_inference.model.identity import place_in
from coreweave_inference.model.kinds import BY_NOUN
from coreweave_inference.model.resource_types import BUCKET, KINDS, POLICY, own_type
from coreweave_inference.program.recorded import resources_of
from coreweave_inference.program.targets import Targets
from coreweave_inference.provider import in_use


def of_run(
    planned: dict[str, list[Any]], last: Mapping[str, Any] | None, targets: Targets | None, *, whole: bool
) -> dict[str, list[Any]]:
    """What of a plan is new: not in the last state, and a target where the run has some.

    `whole`: nothing else limits the run. Plain `pulumi` does not tell a program its targets, so what the state of such a run
    lacks may not be what it makes, and only the first run of a stack is judged as a whole.
    """
    types = ((own_type(str(found.get("type"))), found) for found in resources_of(last))
    recorded = [(type_name, found) for type_name, found in types if type_name]
    ids = {str(found.get("id") or "") for type_name, found in recorded if type_name in KINDS}
    places = {(type_name, place_in(str(found["urn"]))) for type_name, found in recorded}
    names = {
        (type_name, str((found.get("outputs") or {}).get(key)))
        for type_name, found in recorded
        for key in ("name", "bucket")
    }

    def selected(type_name: str, one: Mapping[str, Any]) -> bool:
        return targets is None or targets.covers(type_name, place_in(str(one["key"])).name)

    new = {
        in_use.OBJECTS: [
            one
            for one in planned[in_use.OBJECTS]
            if selected(BY_NOUN[one["kind"]].type_name, one)
            and one["id"] not in ids
            and (one["explicit"] or (BY_NOUN[one["kind"]].type_name, place_in(str(one["key"]))) not in places)
        ],
        in_use.BUCKETS: [
            one
            for one in planned[in_use.BUCKETS]
            if selected(BUCKET, one) and (BUCKET, one["name"]) not in names
        ],
        in_use.POLICIES: [
            one
            for one in planned[in_use.POLICIES]
            if selected(POLICY, one) and (POLICY, one["bucket"]) not in names
        ],
    }
    return {**new, in_use.RECORDED: sorted(ids - {""})} if whole and last is not None else new
