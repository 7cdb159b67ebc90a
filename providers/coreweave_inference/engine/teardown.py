"""What a deletion of a state's objects would meet, by a destroy or by an `up` that no longer declares them: the state itself
shows what is protected and what is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from coreweave_inference.errors import single_line
from coreweave_inference.fleet.deletions import BUCKET, POLICY, Deletion, Owned, deletion_errors, evictions
from coreweave_inference.model import Kind
from coreweave_inference.model.identity import place_in
from coreweave_inference.program.recorded import resources_of
from coreweave_inference.provider.bucket_policies import OF_OTHERS
from coreweave_inference.provider.deletion_guard import review
from coreweave_inference.provider.memory import STACK_IDS
from coreweave_inference.provider.session import Session
from coreweave_inference.settings.resolution import Settings

from .events import Message, Step, is_shown, kind_of
from .repair import State
from .results import Result, place_of


@dataclass(frozen=True)
class DestroyPlan:
    """What happens to each object, in the order in which they go, and why it must not happen; `warnings` name who loses GPUs."""

    deletions: tuple[Deletion, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def plan_destroy(
    state: State, urns: Collection[str], settings: Settings, coming: Sequence[Owned] | None = None
) -> DestroyPlan:
    """The plan for the resources `urns` of a state; `coming` is made in the same run, None for a run that only deletes.

    Raises CoreWeaveError where the account cannot be listed.
    """
    going = sorted((found for found in _resources(state) if found["urn"] in urns), key=_order)
    items = [_owned(found) for found in going]
    session = Session(settings)
    try:
        plan = review(session, items, ids_in(state), coming or ())
    finally:
        session.api.close()
    found = deletion_errors(plan, destroy_used=settings.destroy_used, destroys=coming is None)
    return DestroyPlan(plan, tuple(map(single_line, found)), tuple(map(single_line, evictions(plan))))


def guarded(preview: Result, state: State, settings: Callable[[], Settings]) -> Result:
    """A preview, failed where something that it would delete must not be deleted. Raises as `plan_destroy`.

    `Readiness` refuses too, but only under its name of the last run, and only what it recorded there. A replacement is no
    deletion.
    """
    going = {step.urn for step in preview.steps if step.op == "delete" and not step.kept}
    if not preview.ok or not going:
        return preview
    plan = plan_destroy(state, going, settings(), _coming_claims(preview.steps))
    shown = {message.text for message in preview.messages}
    messages = [Message("warning", text) for text in plan.warnings if text not in shown]
    return replace(
        preview,
        ok=not plan.errors,
        refused=bool(plan.errors),
        plan_made=True,
        errors=plan.errors,
        messages=(*preview.messages, *messages),
    )


def _coming_claims(steps: Iterable[Step]) -> list[Owned]:
    noun = Kind.CAPACITY_CLAIM.noun
    return [
        Owned(
            noun,
            place_in(step.urn).key,
            step.urn,
            resources={change.path.removeprefix("resources."): change.after for change in step.changes},
        )
        for step in steps
        if step.op == "create" and step.kind == noun
    ]


def ids_in(state: State) -> frozenset[str]:
    """Ids of all that a state holds, also of what a replacement left to be deleted."""
    return frozenset(str(found["id"]) for found in _resources(state) if found.get("id"))


def known_ids(state: State) -> dict[str, str]:
    """The variable that tells the providers of a run what is this stack's."""
    ids = [os.environ[STACK_IDS]] if os.environ.get(STACK_IDS) else []
    return {STACK_IDS: ",".join([*ids, *sorted(ids_in(state))])}


def _resources(state: State) -> list[Mapping[str, Any]]:
    return [resource for resource in resources_of(state) if is_shown(resource["urn"])]


def _order(resource: Mapping[str, Any]) -> tuple[int, str]:
    tier, urn = place_of(resource["urn"])
    return (-tier, urn)


def _owned(resource: Mapping[str, Any]) -> Owned:
    kind, values = kind_of(resource["urn"]), resource.get("outputs") or {}
    bucket, policy = kind == BUCKET, kind == POLICY
    return Owned(
        kind,
        place_in(resource["urn"]).key,
        str(resource.get("id") or ""),
        protect=bool(resource.get("protect")),
        keep=bool(resource.get("retainOnDelete")) or (policy and bool(values.get(OF_OTHERS))),
        force=bucket and bool(values.get("forceDestroy")),
        zone=str(values.get("zone") or "") if bucket else "",
        sid=str(values.get("sid") or "") if policy else "",
    )
