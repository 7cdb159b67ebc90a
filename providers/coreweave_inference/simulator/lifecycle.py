"""What an object's status is at a moment: a pure function of its record and the time. Nothing is decided or stored here."""

from __future__ import annotations

from .allocation import allocated_instances, instance_count, pending_instances, progress
from .records import Condition, Outcome, Record, Shown

APPLIED_AT = 0.5
"""The share of a deployment's work after which its resources are applied."""


def shown(record: Record, now: float) -> Shown:
    """The status shown at that time; for a settled object the outcome of its last write."""
    if record.deleted_at is not None:
        conditions = (Condition("Ready", False, "Deleting", f"{_noun(record)} is being deleted"),)
        return _with_instances(record, now, Shown("STATUS_DELETING", record.deleted_at, conditions))
    if record.override is not None and now < record.override.until:
        return _with_instances(record, now, record.override.shown)
    write = record.write
    if write.before is not None and now < write.visible_at:
        return write.before
    if record.outcome is None:
        return _with_instances(record, now, _working(record, now))
    settled = Shown(record.outcome.status, write.due_at, record.outcome.conditions)
    return _with_instances(record, now, settled)


def is_due(record: Record, now: float) -> bool:
    """Whether the work of the last write ends now, so that its outcome has to be decided."""
    return record.outcome is None and record.deleted_at is None and now >= record.write.due_at


def is_deleted(record: Record, now: float) -> bool:
    """Whether the object's deletion is over."""
    return now >= record.gone_at


def is_serving(record: Record, now: float) -> bool:
    """Whether a deployment answers requests; replicas go on through an update and through the grace period."""
    if record.spec.get("disabled"):
        return False
    status = shown(record, now).status
    return status == "STATUS_READY" or (
        record.was_serving and status in ("STATUS_UPDATING", "STATUS_DELETING")
    )


def work_status(record: Record) -> str:
    """The status while work goes on: the first write creates, each later one updates."""
    return "STATUS_CREATING" if record.write.before is None else "STATUS_UPDATING"


def ready(record: Record) -> Outcome:
    """All is well."""
    serving = Condition("Ready", True, "Ready", f"{_noun(record)} is ready")
    return Outcome("STATUS_READY", (*_applied(record), serving))


def failed(record: Record, reason: str, message: str) -> Outcome:
    """The object cannot start; condition type and reason are the same word."""
    idle = Condition("Ready", False, reason, message)
    return Outcome("STATUS_FAILED", (*_applied(record), Condition(reason, True, reason, message), idle))


def disabled(record: Record) -> Outcome:
    """A disabled deployment: applied, and never ready."""
    idle = Condition("Ready", False, "Disabled", "Deployment is disabled")
    return Outcome(work_status(record), (*_applied(record), idle))


def _applied(record: Record) -> tuple[Condition, ...]:
    if record.kind != "deployments":
        return ()
    return (Condition("ResourcesApplied", True, "Applied", "all resources are applied"),)


def _working(record: Record, now: float) -> Shown:
    applied = _applied(record) if progress(record, now) >= APPLIED_AT else ()
    if record.kind == "deployments" and not applied:
        applied = (Condition("ResourcesApplied", False, "Reconciling", "resources are being applied"),)
    reason = "WaitingForHardware" if record.queued_seconds is not None else "Reconciling"
    going_on = Condition("Ready", False, reason, f"{_noun(record)} is being reconciled")
    return Shown(work_status(record), record.write.visible_at, (*applied, going_on))


def _with_instances(record: Record, now: float, status: Shown) -> Shown:
    if record.kind != "capacityclaims":
        return status
    if record.deleted_at is not None:
        now = record.deleted_at
    allocated, wanted = allocated_instances(record, now), instance_count(record)
    conditions = status.conditions
    if allocated > wanted:
        text = f"reduction to {wanted} instances is pending, {allocated} are still allocated"
        conditions = (*conditions, Condition("ScaleDownPending", True, "ScaleDownDelayed", text))
    pending = pending_instances(record, now)
    return Shown(status.status, status.updated_at, conditions, allocated, pending)


def _noun(record: Record) -> str:
    return {"deployments": "Deployment", "gateways": "Gateway", "capacityclaims": "CapacityClaim"}[
        record.kind
    ]
