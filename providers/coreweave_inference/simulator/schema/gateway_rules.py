"""The schema's rules for a gateway request. Whether a zone is offered is for the catalogue to say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .constraints import Violations
from .messages import enum, message

REQUEST = message("CreateGatewayRequest")
API_TYPE = enum("BodyBasedRouting.APIType")
NOT_AVAILABLE = (
    "Custom W&B Instance support is not available yet, contact support if you are interested in this feature"
)


def check_gateway(spec: Mapping[str, Any], custom_instances: bool, violations: Violations) -> None:
    """Add a violation for each rule that a sparse gateway request breaks.

    `custom_instances`: whether the service accepts apiKey and serverUrl of Weights & Biases.
    """
    for choice in REQUEST.oneofs:
        chosen = any(member.json_name in spec for member in choice.fields)
        violations.unless(chosen, choice.name, "exactly one field is required in oneof")
    if "id" in spec:
        violations.uuid(spec["id"], "id")
    violations.host_label(spec.get("name", ""), "name")
    zones = spec.get("zones", [])
    violations.unique(zones, "zones")
    for index, zone in enumerate(zones):
        violations.zone(zone, f"zones[{index}]")
    _check_weights_and_biases(spec.get("weightsAndBiasesAuth", {}), custom_instances, violations)
    _check_dns(spec.get("endpointConfiguration", {}), violations)
    _check_routing(spec, violations)


def _check_weights_and_biases(
    settings: Mapping[str, Any], custom_instances: bool, violations: Violations
) -> None:
    path = "weights_and_biases_auth"
    api_key, server_url = settings.get("apiKey"), settings.get("serverUrl")
    violations.unless(server_url or not api_key, path, "server_url requires api_key to be set")
    violations.unless(custom_instances or not (api_key or server_url), path, NOT_AVAILABLE)
    if server_url:
        violations.uri(server_url, f"{path}.server_url")


def _check_dns(endpoints: Mapping[str, Any], violations: Violations) -> None:
    names = endpoints.get("additionalDns", [])
    path = "endpoint_configuration.additional_dns"
    violations.unique(names, path)
    for index, name in enumerate(names):
        violations.hostname(name, f"{path}[{index}]")


def _check_routing(spec: Mapping[str, Any], violations: Violations) -> None:
    if "bodyBasedRouting" in spec:
        api_type = spec["bodyBasedRouting"].get("apiType", 0)
        violations.enum(api_type, "body_based_routing.api_type", API_TYPE, [0])
    if "headerBasedRouting" in spec:
        name = spec["headerBasedRouting"].get("headerName", "")
        violations.length(name, "header_based_routing.header_name", 1, 100)
