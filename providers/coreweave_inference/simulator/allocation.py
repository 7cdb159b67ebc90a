"""How many instances a claim has and waits for at a moment. Pure arithmetic; quota limits come in as numbers."""

from __future__ import annotations

from .records import Record

MANAGED = "CAPACITY_TYPE_MANAGED"
CUSTOMER = "CAPACITY_TYPE_CUSTOMER"


def instance_count(record: Record) -> int:
    """The number of instances asked for."""
    return int(record.spec["resources"].get("instanceCount", 0))


def allocated_instances(record: Record, now: float) -> int:
    """The number of instances that the claim holds: growing step by step, shrinking at once when its delay is over."""
    wanted, held = instance_count(record), record.write.allocated_before
    if wanted < held:
        return held if now < record.write.shrinks_at else wanted
    return held + int((wanted - held) * progress(record, now))


def pending_instances(record: Record, now: float) -> int:
    """The number of instances that the claim still waits for."""
    return max(instance_count(record) - allocated_instances(record, now), 0)


def progress(record: Record, now: float) -> float:
    """How much of the work of the last write is done, from 0 to 1."""
    write = record.write
    if now >= write.due_at:
        return 1.0
    if now <= write.at or record.queued_seconds is not None:
        return 0.0
    return (now - write.at) / (write.due_at - write.at)


def instances_counted(record: Record, now: float) -> int:
    """What the claim takes of a quota: what it asks for, or what it still holds if that is more."""
    return max(instance_count(record), allocated_instances(record, now))
