"""All objects of all organisations, and what happens to them as time passes. No HTTP, no JSON form, no validation."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from . import lifecycle
from .allocation import allocated_instances, instance_count
from .behaviour import Behaviour
from .clock import Clock, moment
from .durations import planned_write, work_seconds
from .records import FOREVER, Condition, Kind, Outcome, Override, Record, Shown, Spec
from .resource_kinds import KINDS
from .schema.messages import decode


class Weights(Protocol):
    """What the world asks of object storage."""

    def holds_objects(self, bucket: str, path: str) -> bool:
        """Whether at least one object lies under the path."""
        ...

    def inference_may_read(self, bucket: str, path: str) -> bool:
        """Whether the bucket's policy lets the inference service list the bucket and get what is under the path."""
        ...


class World:
    """The simulated state. Every public method may be called from any thread; `lock` holds several calls together."""

    def __init__(self, clock: Clock, weights: Weights, behaviour: Behaviour) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self._behaviour = behaviour
        self._followers: list[Callable[[Behaviour], None]] = []
        self._weights = weights
        self._records: dict[tuple[Kind, str], Record] = {}

    @property
    def behaviour(self) -> Behaviour:
        """The knobs; assign a changed copy to turn some of them."""
        return self._behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        for follower in self._followers:
            follower(behaviour)

    def follow_behaviour(self, follower: Callable[[Behaviour], None]) -> None:
        """Tell somebody the knobs, now and whenever they change."""
        self._followers.append(follower)
        follower(self._behaviour)

    def records(self, kind: Kind, organisation_id: str | None = None) -> list[Record]:
        """The live objects of a kind, in the order of their creation; of one organisation, or of all."""
        with self.lock:
            self.settle()
            return [
                record
                for record in self._records.values()
                if record.kind == kind and organisation_id in (None, record.organisation_id)
            ]

    def find(self, kind: Kind, object_id: str) -> Record | None:
        """The live object of that id, whoever owns it."""
        with self.lock:
            self.settle()
            return self._records.get((kind, object_id))

    def shown(self, record: Record) -> Shown:
        """The status that an answer shows now."""
        return lifecycle.shown(record, self.clock.now())

    def create(self, kind: Kind, organisation_id: str, spec: Spec) -> Record:
        """Add an accepted object; `spec` has its id and organisation."""
        with self.lock:
            now = self.clock.now()
            record = Record(kind, organisation_id, spec, now, planned_write(now, 0, 0))
            self._start_work(record, now, stale_seconds=0)
            self._records[kind, record.id] = record
            return record

    def update(self, record: Record, spec: Spec, stale_seconds: float | None = None) -> None:
        """Give an object its new spec; `stale_seconds` overrides the behaviour's for this write.

        A status that was put by hand ends with the write.
        """
        with self.lock:
            now = self.clock.now()
            if self.behaviour.identical_patch_is_silent and self._is_settled_on(record, spec):
                return
            record.was_serving = record.kind == "deployments" and lifecycle.is_serving(record, now)
            before = lifecycle.shown(record, now)
            held = allocated_instances(record, now) if record.kind == "capacityclaims" else 0
            record.spec, record.override = spec, None
            stale = self.behaviour.stale_status_seconds if stale_seconds is None else stale_seconds
            self._start_work(record, now, stale, before, held)

    def delete(self, record: Record) -> None:
        """Begin to delete an object; a second time changes nothing."""
        with self.lock:
            if record.deleted_at is not None:
                return
            now = self.clock.now()
            record.was_serving = record.kind == "deployments" and lifecycle.is_serving(record, now)
            record.deleted_at = now
            record.gone_at = moment(now + work_seconds(self.behaviour, record, "delete"))

    def revive(self, object_id: str) -> None:
        """Give a deletion up that is not over yet: the object is there again as it was. Raises KeyError."""
        with self.lock:
            record = self._known(object_id)
            record.deleted_at, record.gone_at = None, FOREVER

    def edit(
        self,
        object_id: str,
        changes: Mapping[str, Any],
        require: Callable[[Kind, Spec], None] = lambda kind, spec: None,
    ) -> None:
        """Change a live object's spec as somebody else would: merged deeply, None removes, effective at once.

        Raises KeyError for an unknown id, UnknownField or Unparsable for a value of the wrong type, and what `require`
        raises for a spec that no object can have.
        """
        with self.lock:
            record = self._known(object_id)
            merged = json.dumps(_merged(record.spec, changes))
            spec = decode(KINDS[record.kind].spec, merged, strict=True)
            require(record.kind, spec)
            record.spec = spec
            now = self.clock.now()
            if record.outcome is not None:
                record.write = replace(record.write, at=now, visible_at=now, due_at=now)

    def set_status(
        self,
        object_id: str,
        status: str,
        conditions: Iterable[Condition] = (),
        for_seconds: float = FOREVER,
    ) -> None:
        """Show a status and conditions for so many simulated seconds, or until the next write: e.g. a blip of
        STATUS_ERROR.
        """
        with self.lock:
            now = self.clock.now()
            put = Shown(status, now, tuple(conditions))
            self._known(object_id).override = Override(put, moment(now + for_seconds))

    def release_hardware(self, claim_id: str | None = None) -> None:
        """Give waiting claims (all, or one) their hardware: their work begins now."""
        with self.lock:
            now = self.clock.now()
            for record in self.records("capacityclaims"):
                if record.queued_seconds is not None and claim_id in (None, record.id):
                    due_at = moment(now + record.queued_seconds)
                    visible_at = min(record.write.visible_at, now)
                    record.queued_seconds = None
                    record.write = replace(record.write, at=now, visible_at=visible_at, due_at=due_at)

    def kept(self) -> list[Record]:
        """All objects of all organisations, in the order of their creation."""
        with self.lock:
            self.settle()
            return list(self._records.values())

    def restore(self, records: Iterable[Record]) -> None:
        """Put objects back as they were."""
        with self.lock:
            self._records.update({(record.kind, record.id): record for record in records})

    def clear(self) -> None:
        """Forget all objects of all organisations, as if they had never been."""
        with self.lock:
            self._records.clear()

    def settle(self) -> None:
        """Decide what became due, and forget what is deleted; called before anything is read."""
        with self.lock:
            now = self.clock.now()
            for record in list(self._records.values()):
                if lifecycle.is_deleted(record, now):
                    del self._records[record.kind, record.id]
                elif lifecycle.is_due(record, now):
                    self._decide(record)

    def weights_readable(self, record: Record) -> bool:
        """Whether a deployment's replicas have their weights; once loaded they stay, through updates too."""
        with self.lock:
            location = record.model_location
            if record.loaded_model == location or (record.loaded_model and record.outcome is None):
                return True
            if not (self._weights.holds_objects(*location) and self._weights.inference_may_read(*location)):
                return False
            record.loaded_model = location
            return True

    def _decide(self, record: Record) -> None:
        outcome = (
            self._deployment_outcome(record) if record.kind == "deployments" else lifecycle.ready(record)
        )
        record.outcome = outcome
        record.was_ready = record.was_ready or outcome.status == "STATUS_READY"

    def _deployment_outcome(self, record: Record) -> Outcome:
        if record.spec.get("disabled") and not self.behaviour.disabled_reaches_ready:
            return lifecycle.disabled(record)
        bucket, path = record.model_location
        if not self._weights.holds_objects(bucket, path):
            text = f'model not found: bucket "{bucket}" holds no objects under path "{path}"'
            return lifecycle.failed(record, "ModelNotFound", text)
        if self._weights.inference_may_read(bucket, path):
            record.loaded_model = (bucket, path)
        elif self.behaviour.missing_policy == "failed":
            text = f'the inference service may not read path "{path}" of bucket "{bucket}": see its bucket policy'
            return lifecycle.failed(record, "WeightsNotReadable", text)
        return lifecycle.ready(record)

    def _start_work(
        self, record: Record, now: float, stale_seconds: float, before: Shown | None = None, held: int = 0
    ) -> None:
        seconds = work_seconds(self.behaviour, record, "create" if before is None else "update")
        delay = self.behaviour.scale_down_delay_seconds
        record.write = planned_write(
            now, stale_seconds, seconds, before, held, _shrinks_at(record, now, delay)
        )
        record.outcome = None
        record.queued_seconds = None
        grows = record.kind == "capacityclaims" and instance_count(record) > held
        if grows and self.behaviour.claims_wait_for_hardware:
            record.queued_seconds = seconds
            record.write = replace(record.write, due_at=FOREVER)

    def _is_settled_on(self, record: Record, spec: Spec) -> bool:
        return record.spec == spec and self.shown(record).status == "STATUS_READY"

    def _known(self, object_id: str) -> Record:
        self.settle()
        for record in self._records.values():
            if record.id == object_id:
                return record
        raise KeyError(f"no object with id {object_id!r}")


def _shrinks_at(record: Record, now: float, delay: float) -> float:
    managed = (
        record.kind == "capacityclaims"
        and record.spec["resources"]["capacityType"] != "CAPACITY_TYPE_CUSTOMER"
    )
    return moment(now + delay) if managed else now


def _merged(spec: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(spec)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged
