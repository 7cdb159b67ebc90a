"""Is a request accepted, and as which spec? Schema rules first, then what depends on the catalogue and on gateways.

Names in use, quota and the state of the object itself are for `service` to look at.
"""

from __future__ import annotations

from .allocation import CUSTOMER, MANAGED
from .behaviour import Behaviour
from .error_answers import invalid, precondition
from .organisations import Caller
from .records import Kind, Record, Spec
from .schema.claim_rules import check_claim_name, check_claim_resources
from .schema.constraints import Violations
from .schema.deployment_rules import check_deployment
from .schema.gateway_rules import check_gateway
from .world import World


def require_schema(behaviour: Behaviour, kind: Kind, request: Spec, creating: bool) -> None:
    """Raise an error answer with every schema rule that the sparse request breaks."""
    violations = Violations()
    if kind == "deployments":
        engines = list(behaviour.catalogue.engines)
        check_deployment(request, engines, behaviour.version_required, violations)
    elif kind == "gateways":
        check_gateway(request, behaviour.weights_and_biases_instances, violations)
    else:
        _check_claim(behaviour, request, creating, violations)
    _raise_if_any(violations)


def require_uuid(object_id: str) -> None:
    """Raise an error answer for an id in the path that is no UUID."""
    violations = Violations()
    violations.uuid(object_id, "id")
    _raise_if_any(violations)


def accepted_deployment(world: World, caller: Caller, request: Spec) -> Spec:
    """The spec that a deployment request leads to; raises an error answer for what is not offered or does not exist."""
    violations = Violations()
    zones = _zones_of_gateways(world, caller, request["gatewayIds"], violations)
    catalogue = world.behaviour.catalogue
    runtime = request["runtime"]
    engine = catalogue.engines[runtime["engine"]]
    runtime = {**runtime, "version": runtime.get("version") or engine.versions[0]}
    _check_offered(runtime, "version", runtime["version"], engine.versions, violations)
    for key in runtime.get("engineConfig", {}):
        _check_offered(runtime, f'engine_config["{key}"]', key, engine.config_keys, violations)
    for name in runtime.get("engineEnv", {}):
        _check_offered(runtime, f'engine_env["{name}"]', name, engine.environment_names, violations)
    instance_type = request["resources"]["instanceType"]
    if zones and instance_type not in catalogue.instance_types_in(zones):
        text = f'instance type "{instance_type}" is not offered in {", ".join(sorted(zones))}'
        violations.add("resources.instance_type", text)
    _raise_if_any(violations)
    return {**request, "runtime": runtime}


def _check_offered(
    runtime: Spec, field: str, value: str, offered: tuple[str, ...], violations: Violations
) -> None:
    engine = runtime["engine"]
    text = f'version "{value}" is not available for engine "{engine}"'
    if field != "version":
        word = "key" if field.startswith("engine_config") else "name"
        text = f'{word} is not allowed for engine "{engine}"'
    violations.unless(value in offered, f"runtime.{field}", text)


def _zones_of_gateways(
    world: World, caller: Caller, gateway_ids: list[str], violations: Violations
) -> set[str]:
    zones: set[str] = set()
    for index, gateway_id in enumerate(gateway_ids):
        gateway = world.find("gateways", gateway_id)
        if gateway is None or gateway.organisation_id != caller.organisation_id:
            violations.add(f"gateway_ids[{index}]", f'gateway "{gateway_id}" does not exist')
        elif gateway.deleted_at is not None:
            raise precondition("GATEWAY_DELETING", gateway_id, f'gateway "{gateway_id}" is being deleted')
        else:
            zones.update(gateway_zones(world.behaviour, gateway))
    return zones


def gateway_zones(behaviour: Behaviour, gateway: Record) -> list[str]:
    """The zones a gateway is in: none named means all."""
    return list(gateway.spec.get("zones") or behaviour.catalogue.zones)


def accepted_gateway(behaviour: Behaviour, request: Spec, before: Spec | None) -> Spec:
    """The spec that a gateway request leads to: additional DNS names are added to those it has, never taken away."""
    violations = Violations()
    for index, zone in enumerate(request.get("zones", [])):
        known = zone in behaviour.catalogue.zones
        violations.unless(known, f"zones[{index}]", f'zone "{zone}" is not available for gateways')
    _raise_if_any(violations)
    old = (before or {}).get("endpointConfiguration", {}).get("additionalDns", [])
    new = request.get("endpointConfiguration", {}).get("additionalDns", [])
    names = [*old, *(name for name in new if name not in old)]
    return {**request, "endpointConfiguration": {"additionalDns": names}} if names else request


def accepted_claim(behaviour: Behaviour, request: Spec) -> Spec:
    """The spec that a claim request leads to, its instance type spelt as offered, its capacity type by one name."""
    resources = request["resources"]
    zone, asked = resources["zones"][0], resources["instanceId"]
    offered = behaviour.catalogue.offered(zone, asked)
    if offered is None:
        text = f'instance type "{asked}" is not offered in zone "{zone}"'
        raise invalid([("resources.instance_id", text)])
    capacity_type = CUSTOMER if resources["capacityType"] == CUSTOMER else MANAGED
    return {**request, "resources": {**resources, "instanceId": offered, "capacityType": capacity_type}}


def _check_claim(behaviour: Behaviour, request: Spec, creating: bool, violations: Violations) -> None:
    if creating:
        check_claim_name(request, violations)
    refused = [0, 1, 2] if behaviour.customer_claims_refused else [0, 1]
    check_claim_resources(_with_known_type(behaviour, request), refused, violations)


def _with_known_type(behaviour: Behaviour, request: Spec) -> Spec:
    """The request with the managed type by one name; a name that the service does not know counts as unset."""
    resources = request.get("resources", {})
    short = str(resources.get("capacityType", "")).removeprefix("CAPACITY_TYPE_")
    if short not in ("SERVERLESS", "MANAGED"):
        return request
    known = behaviour.managed_name in ("both", short)
    return {**request, "resources": {**resources, "capacityType": MANAGED if known else 0}}


def _raise_if_any(violations: Violations) -> None:
    if violations:
        raise invalid(violations.found)
