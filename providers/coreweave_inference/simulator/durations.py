"""How long the work of a write takes, and the moments that follow from it. Pure; nothing is remembered here."""

from __future__ import annotations

from typing import Literal

from .allocation import CUSTOMER
from .behaviour import Behaviour
from .clock import moment
from .records import Record, Shown, Write

Operation = Literal["create", "update", "delete"]


def work_seconds(behaviour: Behaviour, record: Record, operation: Operation) -> float:
    """Simulated seconds until the object is ready, or deleted; nodes of a customer's own quota take longer to join."""
    if record.kind == "deployments":
        return {
            "create": behaviour.deployment_create_seconds,
            "update": behaviour.deployment_update_seconds,
            "delete": behaviour.deployment_delete_seconds,
        }[operation]
    if record.kind == "gateways":
        return {
            "create": behaviour.gateway_create_seconds,
            "update": behaviour.gateway_update_seconds,
            "delete": behaviour.gateway_delete_seconds,
        }[operation]
    customer = record.spec["resources"]["capacityType"] == CUSTOMER
    return {
        "create": behaviour.customer_claim_create_seconds if customer else behaviour.claim_create_seconds,
        "update": behaviour.claim_update_seconds,
        "delete": behaviour.claim_delete_seconds,
    }[operation]


def planned_write(
    now: float,
    stale_seconds: float,
    seconds: float,
    before: Shown | None = None,
    held: int = 0,
    shrinks_at: float = 0.0,
) -> Write:
    """A write accepted now: shown after `stale_seconds`, done `seconds` after that; `held` instances stay meanwhile."""
    visible_at = moment(now + stale_seconds)
    return Write(now, visible_at, moment(visible_at + seconds), before, held, shrinks_at)
