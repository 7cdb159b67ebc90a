"""A capacity claim's lifecycle.

Only its count can change. A reduced managed claim may keep its count for a while (documentation), which is neither
drift nor an error. SERVERLESS and MANAGED are two names of one type; the service may know only one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from coreweave_inference.api.client import ApiObject
from coreweave_inference.errors import Refused
from coreweave_inference.model import Kind
from coreweave_inference.model.capacity_claim import NEWER_NAME, OLDER_NAME
from coreweave_inference.model.normal_form import get_path, with_path
from coreweave_inference.model.resource_types import REDUCED_FROM
from coreweave_inference.waiting import pending_counts, reduction_pending

from .messages import subject
from .object_lifecycle import ObjectLifecycle
from .session import Session
from .users import references, wait_for_users
from .values import URN

COUNT = "resources.instanceCount"
OTHER_NAME = {OLDER_NAME: NEWER_NAME, NEWER_NAME: OLDER_NAME}


class CapacityClaimLifecycle(ObjectLifecycle):
    """Knows both names of a managed claim's type, and the count that a reduction began with."""

    kind = Kind.CAPACITY_CLAIM

    def post(self, run: Session, declared: Mapping[str, Any], body: dict[str, Any]) -> ApiObject:
        """Under the type's other name where the service refuses this one."""
        return _under_either_name(run, declared, body, super().post)

    def patch(self, run: Session, declared: Mapping[str, Any], id_: str, body: dict[str, Any]) -> ApiObject:
        """Under the type's other name where the service refuses this one."""

        def send(run: Session, declared: Mapping[str, Any], body: dict[str, Any]) -> ApiObject:
            return super(CapacityClaimLifecycle, self).patch(run, declared, id_, body)

        return _under_either_name(run, declared, body, send)

    def before_delete(self, run: Session, id_: str, old: Mapping[str, Any]) -> None:
        """Deployments that are being deleted keep their GPUs until their last request is answered."""
        instance = str(get_path(old, "resources.instanceId") or "").lower()

        def uses(live: ApiObject) -> bool:
            classes = references(live, "autoscaling", "capacityClasses") or ()
            on_claims = not classes or "CAPACITY_CLASS_RESERVED" in classes
            going = live.status == "DELETING" or live.id in run.memory.deleted
            return (
                going and on_claims and str(references(live, "resources", "instanceType")).lower() == instance
            )

        wait_for_users(run, subject(self.kind, old), old.get(URN, ""), uses, refuse_live=False)

    def desired_spec(
        self, old: Mapping[str, Any], declared: dict[str, Any], live: ApiObject
    ) -> dict[str, Any]:
        """Remember what a reduction came from, for as long as the service shows it."""
        desired = super().desired_spec(old, declared, live)
        held, asked = references(live, *COUNT.split(".")) or 0, get_path(declared, COUNT) or 0
        return {**desired, REDUCED_FROM: held} if held > asked else desired

    def observed_spec(self, state: Mapping[str, Any], live: ApiObject) -> dict[str, Any]:
        """A count that a reduction has not reached yet is as recorded."""
        form = super().observed_spec(state, live)
        reduced_from = state.get(REDUCED_FROM)
        if reduced_from and get_path(form, COUNT) == reduced_from:
            return with_path(form, COUNT, get_path(state, COUNT))
        return form

    def observed(self, state: Mapping[str, Any], live: ApiObject) -> dict[str, Any]:
        """`reducedFrom`, while the service still shows the former count."""
        held = references(live, *COUNT.split("."))
        return {REDUCED_FROM: held} if held and held == state.get(REDUCED_FROM) else {}

    def report_live(self, run: Session, old: Mapping[str, Any], live: ApiObject) -> None:
        """Say in a preview and a refresh how many instances are pending, or still billed after a reduction."""
        # A count that somebody raised is drift, and no reduction of this stack.
        ours = bool(self.observed(old, live))
        text = reduction_pending(self.kind, live, old if ours else None) or pending_counts(self.kind, live)
        if text:
            run.log.note(old.get(URN, ""), f"{subject(self.kind, old)}: {text}")


Send = Callable[[Session, Mapping[str, Any], dict[str, Any]], ApiObject]


def _under_either_name(
    run: Session, declared: Mapping[str, Any], body: dict[str, Any], send: Send
) -> ApiObject:
    try:
        return send(run, declared, body)
    except Refused as error:
        name = body["resources"]["capacityType"]
        other = OTHER_NAME.get(name)
        if other is None or not _refuses_capacity_type(error):
            raise
        run.log.note(declared.get(URN, ""), f"the service refuses {name}, so its other name {other} was sent")
        return send(run, declared, {**body, "resources": {**body["resources"], "capacityType": other}})


def _refuses_capacity_type(error: Refused) -> bool:
    return any("capacity_type" in field for field, _ in error.violations) or "capacity_type" in error.message
