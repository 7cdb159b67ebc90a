"""Records as the API shows them: envelopes, specs, statuses, conditions. What is secret never gets further than here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .acceptance import gateway_zones
from .allocation import MANAGED
from .clock import timestamp
from .records import Condition, Record, Shown
from .resource_kinds import KINDS, ResourceKind
from .schema.messages import encode
from .world import World


class Presenter:
    """Turns records into answers. `url`: where gateways' endpoints are, without a slash at its end."""

    def __init__(self, world: World, url: str) -> None:
        self._world = world
        self.url = url

    def one(self, kind: ResourceKind, record: Record) -> dict[str, Any]:
        """The answer to create, get, update and delete."""
        return {kind.envelope: self.object(record)}

    def many(self, kind: ResourceKind, records: list[Record]) -> dict[str, Any]:
        """The answer to list; without objects the key itself is missing, unless zero values are emitted."""
        if not records and not self._zero_values:
            return {}
        return {kind.list_key: [self.object(record) for record in records]}

    def parameters(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to parameters: empty lists are left out, unless zero values are emitted."""
        return dict(found) if self._zero_values else _without_empty_lists(found)

    def object(self, record: Record) -> dict[str, Any]:
        """Spec and status of one object."""
        kind = KINDS[record.kind]
        status = self._status(record, self._world.shown(record))
        return {
            "spec": encode(kind.spec, self._spec(record), self._zero_values),
            "status": encode(kind.status, status, self._zero_values),
        }

    @property
    def _zero_values(self) -> bool:
        return self._world.behaviour.emit_zero_values

    def _spec(self, record: Record) -> dict[str, Any]:
        spec = dict(record.spec)
        if "weightsAndBiasesAuth" in spec:
            settings = spec["weightsAndBiasesAuth"]
            spec["weightsAndBiasesAuth"] = {key: settings[key] for key in settings if key != "apiKey"}
        if record.kind == "capacityclaims" and spec["resources"]["capacityType"] == MANAGED:
            shown = self._world.behaviour.capacity_type_shown
            spec["resources"] = {**spec["resources"], "capacityType": shown}
        return spec

    def _status(self, record: Record, shown: Shown) -> dict[str, Any]:
        status: dict[str, Any] = {
            "createdAt": timestamp(record.created_at),
            "updatedAt": timestamp(self._updated_at(shown)),
            "status": shown.status,
        }
        conditions = self._conditions(record, shown)
        if conditions:
            status["conditions"] = conditions
        if record.kind == "gateways" and record.was_ready:
            status["endpoints"] = [f"{self.url}/gateways/{record.id}"]
        instances = {"allocatedInstances": shown.allocated, "pendingInstances": shown.pending}
        return status | {name: number for name, number in instances.items() if number}

    def _updated_at(self, shown: Shown) -> float:
        """When the status was updated, or the last heartbeat after that."""
        beat, now = self._world.behaviour.heartbeat_seconds, self._world.clock.now()
        passed = now - shown.updated_at
        return shown.updated_at + passed - passed % beat if beat else shown.updated_at

    def _conditions(self, record: Record, shown: Shown) -> list[dict[str, Any]]:
        return [
            _condition(condition, zone, shown.updated_at)
            for condition in shown.conditions
            for zone in ([condition.zone] if condition.zone else self._zones(record) or [""])
        ]

    def _zones(self, record: Record) -> list[str]:
        if record.kind == "gateways":
            return gateway_zones(self._world.behaviour, record)
        if record.kind == "capacityclaims":
            return list(record.spec["resources"]["zones"])
        gateways = [self._world.find("gateways", gateway_id) for gateway_id in record.spec["gatewayIds"]]
        zones = {
            zone for gateway in gateways if gateway for zone in gateway_zones(self._world.behaviour, gateway)
        }
        return sorted(zones)


def _condition(condition: Condition, zone: str, at: float) -> dict[str, Any]:
    shown = {
        "type": condition.type,
        "status": "STATUS_TRUE" if condition.holds else "STATUS_FALSE",
        "lastUpdateTime": timestamp(at),
        "reason": condition.reason,
        "message": condition.message,
        "zone": zone,
    }
    return {name: value for name, value in shown.items() if value}


def _without_empty_lists(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_empty_lists(item) if isinstance(item, Mapping) else item
        for key, item in value.items()
        if item != []
    }
