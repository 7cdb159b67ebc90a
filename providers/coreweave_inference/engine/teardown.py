"""What a destroy would do with each object of a state: the state itself shows what is protected and what is kept."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from coreweave_inference.deletions import BUCKET, POLICY, Deletion, Owned, evictions, refusals
from coreweave_inference.resources.deletion_guard import STACK_IDS, review
from coreweave_inference.resources.inference_bucket_policy import OF_OTHERS
from coreweave_inference.resources.session import Session
from coreweave_inference.settings import Settings
from coreweave_inference.spec.identity import place_in

from .happenings import is_shown, kind_of
from .repair import State


@dataclass(frozen=True)
class DestroyPlan:
    """What happens to each object, in the order of the state, and why it must not happen; `warnings` name who loses GPUs."""

    deletions: tuple[Deletion, ...] = ()
    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def plan_destroy(state: State, urns: Collection[str], settings: Settings) -> DestroyPlan:
    """The plan for the resources `urns` of a state. Raises CoreWeaveError where the account cannot be listed."""
    items = [_owned(found) for found in _resources(state) if found["urn"] in urns]
    session = Session(settings)
    try:
        plan = review(session, items, ids_in(state))
    finally:
        session.api.close()
    found = refusals(plan, destroy_used=settings.destroy_used)
    return DestroyPlan(plan, found, evictions(plan))


def ids_in(state: State) -> frozenset[str]:
    """Ids of all that a state holds, also of what a replacement left to be deleted."""
    return frozenset(str(found["id"]) for found in _resources(state) if found.get("id"))


def known_ids(state: State) -> dict[str, str]:
    """The variable that tells the providers of a run what is this stack's."""
    ids = [os.environ[STACK_IDS]] if os.environ.get(STACK_IDS) else []
    return {STACK_IDS: ",".join([*ids, *sorted(ids_in(state))])}


def _resources(state: State) -> list[Mapping[str, Any]]:
    found = (state.get("deployment") or {}).get("resources") or ()
    return [resource for resource in found if is_shown(resource["urn"])]


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
