"""What of a program's plan a run creates anew: the account looks at all of that before anything else is declared. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreweave_inference.model.identity import place_in
from coreweave_inference.program.last_state import OURS, resources_of
from coreweave_inference.provider import in_use
from coreweave_inference.provider.targets import Targets


def of_run(
    planned: dict[str, list[Any]], last: Mapping[str, Any] | None, targets: Targets | None, *, whole: bool
) -> dict[str, list[Any]]:
    """What of a plan is new: not in the last state, and a target where the run has some.

    `whole`: nothing else limits the run. Plain `pulumi` does not tell a program its targets, so what the state of such a run
    lacks may not be what it makes, and only the first run of a stack is judged as a whole.
    """
    recorded = [
        (str(found["type"]).removeprefix(OURS), found)
        for found in resources_of(last)
        if str(found.get("type", "")).startswith(OURS)
    ]
    ids = {
        str(found.get("id") or "") for type_name, found in recorded if type_name in in_use.TYPE_NAMES.values()
    }
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
            if selected(in_use.TYPE_NAMES[one["kind"]], one)
            and one["id"] not in ids
            and (one["explicit"] or (in_use.TYPE_NAMES[one["kind"]], place_in(str(one["key"]))) not in places)
        ],
        in_use.BUCKETS: [
            one
            for one in planned[in_use.BUCKETS]
            if selected(in_use.BUCKET_TYPE, one) and (in_use.BUCKET_TYPE, one["name"]) not in names
        ],
        in_use.POLICIES: [
            one
            for one in planned[in_use.POLICIES]
            if selected(in_use.POLICY_TYPE, one) and (in_use.POLICY_TYPE, one["bucket"]) not in names
        ],
    }
    return {**new, in_use.RECORDED: sorted(ids - {""})} if whole and last is not None else new
