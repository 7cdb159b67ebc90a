"""The schema's rules for a deployment request. What depends on gateways or the catalogue is not checked here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .constraints import Violations
from .messages import enum

CAPACITY_CLASS = enum("DeploymentAutoscaling.CapacityClass")
MAP_VALUE_LIMIT = 1024
MAP_KEY_LIMIT = 253
ENVIRONMENT_LIMIT = 100
GPU_COUNTS = (1, 2, 4, 8, 16)


def check_deployment(
    spec: Mapping[str, Any], engines: Sequence[str], version_required: bool, violations: Violations
) -> None:
    """Add a violation for each rule that a sparse deployment request breaks."""
    _check_identity(spec, violations)
    for block in ("runtime", "resources", "model", "autoscaling", "traffic"):
        if not violations.required(spec.get(block), block):
            continue
        if block == "runtime":
            _check_runtime(spec[block], engines, version_required, violations)
        else:
            BLOCKS[block](spec[block], violations)


def _check_identity(spec: Mapping[str, Any], violations: Violations) -> None:
    if "id" in spec:
        violations.uuid(spec["id"], "id")
    violations.host_label(spec.get("name", ""), "name")
    gateway_ids = spec.get("gatewayIds", [])
    violations.count(gateway_ids, "gateway_ids", least=1)
    violations.unique(gateway_ids, "gateway_ids")
    for index, gateway_id in enumerate(gateway_ids):
        violations.uuid(gateway_id, f"gateway_ids[{index}]")


def _check_runtime(
    runtime: Mapping[str, Any], engines: Sequence[str], version_required: bool, violations: Violations
) -> None:
    violations.one_of(runtime.get("engine", ""), "runtime.engine", engines)
    version = runtime.get("version", "")
    if (version or version_required) and violations.required(version, "runtime.version"):
        violations.version(version, "runtime.version")
    _check_map(runtime.get("engineConfig", {}), "runtime.engine_config", "^[A-Za-z0-9_.-]+$", 0, violations)
    environment = runtime.get("engineEnv", {})
    too_many = f"map must be at most {ENVIRONMENT_LIMIT} entries"
    violations.unless(len(environment) <= ENVIRONMENT_LIMIT, "runtime.engine_env", too_many)
    _check_map(environment, "runtime.engine_env", "^[A-Za-z_][A-Za-z0-9_]*$", 1, violations)


def _check_map(
    entries: Mapping[str, str], path: str, pattern: str, least: int, violations: Violations
) -> None:
    for key, value in entries.items():
        entry = f'{path}["{key}"]'
        violations.length(key, entry, least, MAP_KEY_LIMIT)
        violations.pattern(key, entry, pattern)
        violations.length(value, entry, most=MAP_VALUE_LIMIT)
        violations.unless("$(" not in value, entry, "contains substring `$(`")


def _check_resources(resources: Mapping[str, Any], violations: Violations) -> None:
    violations.required(resources.get("instanceType"), "resources.instance_type")
    violations.one_of(resources.get("gpuCount", 0), "resources.gpu_count", GPU_COUNTS)


def _check_model(model: Mapping[str, Any], violations: Violations) -> None:
    name = model.get("name", "")
    violations.length(name, "model.name", 4, 63)
    violations.pattern(name, "model.name", "^[a-zA-Z0-9._:/_-]+$")
    violations.host_label(model.get("bucket", ""), "model.bucket")
    path = model.get("path", "")
    if violations.required(path, "model.path"):
        traversal = "/../" in path or path.startswith("../") or path.endswith("/..") or path == ".."
        violations.unless(not traversal, "model.path", "must not contain path traversal (..) segments")


def _check_autoscaling(autoscaling: Mapping[str, Any], violations: Violations) -> None:
    least, most = autoscaling.get("min", 0), autoscaling.get("max", 0)
    violations.unless(most >= least, "autoscaling", "max must be greater than or equal to min")
    violations.at_least(least, "autoscaling.min", 1)
    violations.at_least(most, "autoscaling.max", 1)
    violations.between(autoscaling.get("priority", 0), "autoscaling.priority", 0, 1000)
    classes = autoscaling.get("capacityClasses", [])
    violations.unique(classes, "autoscaling.capacity_classes")
    for index, capacity_class in enumerate(classes):
        violations.enum(capacity_class, f"autoscaling.capacity_classes[{index}]", CAPACITY_CLASS, [0])


def _check_traffic(traffic: Mapping[str, Any], violations: Violations) -> None:
    violations.between(traffic.get("weight", 0), "traffic.weight", 0, 1000)


BLOCKS = {
    "resources": _check_resources,
    "model": _check_model,
    "autoscaling": _check_autoscaling,
    "traffic": _check_traffic,
}
