"""The methods of the API on the simulated world: create, get, list, update, delete, parameters. No HTTP and no JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from .acceptance import (
    accepted_claim,
    accepted_deployment,
    accepted_gateway,
    gateway_zones,
    require_schema,
    require_uuid,
)
from .allocation import instances_counted
from .error_answers import in_use, invalid, not_found, over_quota, precondition, unavailable
from .organisations import Caller
from .records import Record, Spec
from .resource_kinds import ResourceKind
from .world import World

IMMUTABLE_CLAIM_FIELDS = {"instanceId": "instance_id", "capacityType": "capacity_type", "zones": "zones"}


def create(world: World, kind: ResourceKind, caller: Caller, request: Spec) -> Record:
    """Accept a new object; raises an error answer."""
    require_schema(world.behaviour, kind.kind, request, creating=True)
    with world.lock:
        object_id = request.get("id") or str(uuid4())
        spec = _accepted(world, kind, caller, {**request, "id": object_id}, None)
        if world.find(kind.kind, object_id) is not None:
            raise in_use(kind.resource_type, "id", object_id, object_id)
        _require_free_name(world, kind, caller, spec)
        _require_quota(world, kind, caller, spec)
        return world.create(kind.kind, caller.organisation_id, spec)


def get(world: World, kind: ResourceKind, caller: Caller, object_id: str) -> Record:
    """The object; other organisations' objects do not exist for the caller."""
    require_uuid(object_id)
    record = world.find(kind.kind, object_id)
    if record is None or record.organisation_id != caller.organisation_id:
        raise not_found(kind.resource_type, object_id)
    return record


def update(
    world: World,
    kind: ResourceKind,
    caller: Caller,
    object_id: str,
    request: Spec,
    stale_seconds: float | None = None,
) -> Record:
    """Give an object a complete new spec; raises an error answer. The id of the path wins over one in the body."""
    request = {**request, "id": object_id}
    require_schema(world.behaviour, kind.kind, request, creating=False)
    with world.lock:
        record = get(world, kind, caller, object_id)
        if record.deleted_at is not None:
            text = f"{kind.resource_type} '{object_id}' is being deleted and cannot be changed"
            raise precondition("RESOURCE_DELETING", object_id, text)
        spec = _accepted(world, kind, caller, request, record)
        _require_free_name(world, kind, caller, spec)
        _require_quota(world, kind, caller, spec)
        world.update(record, spec, stale_seconds)
        return record


def delete(world: World, kind: ResourceKind, caller: Caller, object_id: str) -> Record:
    """Begin to delete an object; raises an error answer for a gateway that deployments still use."""
    with world.lock:
        record = get(world, kind, caller, object_id)
        users = _users(world, record) if kind.kind == "gateways" else []
        if users:
            text = f"gateway is in use by deployments: {', '.join(users)}"
            raise precondition("GATEWAY_IN_USE", object_id, text)
        world.delete(record)
        return record


def deployment_parameters(world: World, caller: Caller, gateway_ids: list[str]) -> Mapping[str, Any]:
    """Engines, and the instance types of the gateways asked for; of all the caller's where none is."""
    _require_parameters(world)
    gateways = world.records("gateways", caller.organisation_id)
    for index, gateway_id in enumerate(gateway_ids):
        if gateway_id not in [gateway.id for gateway in gateways]:
            raise invalid([(f"gateway_ids[{index}]", f'gateway "{gateway_id}" does not exist')])
    chosen = [gateway for gateway in gateways if not gateway_ids or gateway.id in gateway_ids]
    catalogue = world.behaviour.catalogue
    zones = {zone for gateway in chosen for zone in gateway_zones(world.behaviour, gateway)}
    engines = catalogue.engines.items()
    return {
        "gatewayIds": [gateway.id for gateway in chosen],
        "runtimeParameters": {
            "runtimeVersions": {name: {"versions": list(engine.versions)} for name, engine in engines},
            "runtimeConfigOptions": {
                name: {"allowedKeys": list(engine.config_keys)} for name, engine in engines
            },
            "engineEnvOptions": {
                name: {"allowedNames": list(engine.environment_names)} for name, engine in engines
            },
        },
        "resourceParameters": {"instanceTypes": catalogue.instance_types_in(zones)},
    }


def gateway_parameters(world: World) -> Mapping[str, Any]:
    """The zones."""
    _require_parameters(world)
    return {"zones": world.behaviour.catalogue.zones}


def claim_parameters(world: World) -> Mapping[str, Any]:
    """The instance types of each zone."""
    _require_parameters(world)
    types = world.behaviour.catalogue.instance_types.items()
    return {"zoneInstanceTypes": {zone: {"instanceIds": list(names)} for zone, names in types}}


def _accepted(world: World, kind: ResourceKind, caller: Caller, request: Spec, before: Record | None) -> Spec:
    if kind.kind == "deployments":
        spec = accepted_deployment(world, caller, request)
    elif kind.kind == "gateways":
        spec = accepted_gateway(world.behaviour, request, before.spec if before else None)
    elif before is None:
        spec = accepted_claim(world.behaviour, request)
    else:
        spec = _same_claim(world, request, before)
    return {**spec, "organizationId": caller.organisation_id}


def _same_claim(world: World, request: Spec, before: Record) -> Spec:
    resources = request["resources"]
    same_case = {**resources, "instanceId": resources["instanceId"].lower()}
    old = before.spec["resources"]
    if same_case["capacityType"] in ("CAPACITY_TYPE_SERVERLESS", "CAPACITY_TYPE_MANAGED"):
        same_case["capacityType"] = "CAPACITY_TYPE_MANAGED"
    for field, snake in IMMUTABLE_CLAIM_FIELDS.items():
        held = old[field].lower() if field == "instanceId" else old[field]
        if same_case[field] != held:
            path = f"resources.{snake}"
            raise precondition("FIELD_IMMUTABLE", path, f"{path} cannot be changed")
    return {**accepted_claim(world.behaviour, request), "name": before.name}


def _require_free_name(world: World, kind: ResourceKind, caller: Caller, spec: Spec) -> None:
    for record in world.records(kind.kind, caller.organisation_id):
        if record.name == spec["name"] and record.id != spec["id"]:
            raise in_use(kind.resource_type, "name", record.name, record.id)


def _require_quota(world: World, kind: ResourceKind, caller: Caller, spec: Spec) -> None:
    if kind.kind != "capacityclaims":
        return
    resources = spec["resources"]
    zone, instance_id = resources["zones"][0], resources["instanceId"]
    limit = world.behaviour.quota.get(zone, {}).get(instance_id)
    asked = resources.get("instanceCount", 0)
    now = world.clock.now()
    used = sum(
        instances_counted(record, now)
        for record in world.records("capacityclaims", caller.organisation_id)
        if record.id != spec["id"]
        and record.spec["resources"]["zones"] == [zone]
        and record.spec["resources"]["instanceId"] == instance_id
    )
    if limit is not None and used + asked > limit:
        raise over_quota(zone, asked, used, limit)


def _users(world: World, gateway: Record) -> list[str]:
    deployments = world.records("deployments", gateway.organisation_id)
    return [record.name for record in deployments if gateway.id in record.spec["gatewayIds"]]


def _require_parameters(world: World) -> None:
    if world.behaviour.parameters_fail:
        raise unavailable("parameters are not available at present")
