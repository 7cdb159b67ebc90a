"""The sections of API objects: from entries to declared gateways, capacity claims and deployments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from coreweave_inference.errors import Fault
from coreweave_inference.model.capacity_claim import CapacityClaimResources
from coreweave_inference.model.deployment import WEIGHT_ALONE, DeploymentSpec
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.nested import Location
from coreweave_inference.model.normal_form import UNKNOWN, get_path, sparse, with_path
from coreweave_inference.model.shape import fields_of

from .entries import Entry, check_keys, check_names, model_faults, options_of, place_faults
from .inheritance import EXTENDS
from .origin import Report
from .references import (
    ReferenceScope,
    TrafficGroups,
    Weights,
    gateways_of,
    weights_of,
)
from .result import ObjectDeclaration

RESOURCES = "resources"
DEPLOYMENT_FIELDS = tuple(name for name in fields_of(DeploymentSpec) if name != "gatewayIds")
"""The API's fields that a deployment of a file has; its gateways are named by key instead."""


def read_gateways(entries: dict[str, Entry], report: Report) -> dict[str, ObjectDeclaration]:
    """Gateways by key, those with faults too; what is wrong goes into `report`."""
    kind = Kind.GATEWAY
    specs = {key: _api_part(entry, fields_of(kind.model)) for key, entry in entries.items()}
    _check_entries(kind, entries, specs, (EXTENDS, "options", *fields_of(kind.model)), report)
    return {
        key: ObjectDeclaration(
            key, kind, sparse(kind, specs[key]), entry.origin, options=options_of(entry, kind.model, report)
        )
        for key, entry in entries.items()
    }


def read_capacity_claims(entries: dict[str, Entry], report: Report) -> dict[str, ObjectDeclaration]:
    """The capacity claims; what was under `resources` is in the entry itself by now."""
    kind = Kind.CAPACITY_CLAIM
    fields = tuple(fields_of(CapacityClaimResources))
    specs = {
        key: {**_api_part(entry, ("name",)), RESOURCES: _api_part(entry, fields)}
        for key, entry in entries.items()
    }
    known = (EXTENDS, "options", "name", *fields)
    _check_entries(kind, entries, specs, known, report, within=RESOURCES)
    return {
        key: ObjectDeclaration(
            key,
            kind,
            sparse(kind, specs[key]),
            entry.origin,
            options=options_of(entry, kind.model, report, within=RESOURCES),
        )
        for key, entry in entries.items()
    }


def read_deployments(
    entries: dict[str, Entry], around: ReferenceScope, report: Report
) -> dict[str, ObjectDeclaration]:
    """The deployments, with their references resolved and their traffic weight filled in."""
    kind = Kind.DEPLOYMENT
    weights = {key: weights_of(entry, around, report) for key, entry in entries.items()}
    judged = {key: _judged_deployment(entry, weights[key]) for key, entry in entries.items()}
    known = (EXTENDS, "options", "gateways", *DEPLOYMENT_FIELDS)
    _check_entries(kind, entries, judged, known, report)
    gateways = {key: gateways_of(entry, around, report) for key, entry in entries.items()}
    groups = TrafficGroups()
    for key, entry in entries.items():
        groups.join(entry, gateways[key])
    for entry in entries.values():
        groups.check(entry, report)
    return {key: _deployment(entry, gateways[key], weights[key], report) for key, entry in entries.items()}


def _check_entries(
    kind: Kind,
    entries: Mapping[str, Entry],
    specs: Mapping[str, Any],
    known: tuple[str, ...],
    report: Report,
    *,
    within: str = "",
) -> None:
    """Reports unknown keys, names that are there twice, and every broken limit, inherited ones once."""
    check_names(entries.values(), kind.noun, report)
    for entry in entries.values():
        check_keys(entry.own, known, entry.location, report)
    faults = {
        key: [_without(within, fault) for fault in model_faults(kind.model, specs[key])] for key in entries
    }
    for key, entry in entries.items():
        inherited = {_meaning(fault) for base in entry.bases for fault in faults[base]}
        place_faults(
            [fault for fault in faults[key] if _meaning(fault) not in inherited], entry.location, report
        )


def _without(message: str, located: tuple[Location, Fault]) -> tuple[Location, Fault]:
    """The fault as of a file that holds the message's fields one level higher."""
    location, fault = located
    if not message or location[0] != message:
        return located
    return location[1:], replace(fault, path=fault.path.removeprefix(f"{message}."))


def _meaning(fault: tuple[Location, Fault]) -> tuple[str, str]:
    return fault[1].path, fault[1].what


def _api_part(entry: Entry, names: Iterable[str]) -> dict[str, Any]:
    """What the entry says of the API's fields of these names."""
    return {name: entry.values[name] for name in names if name in entry.values}


def _judged_deployment(entry: Entry, weights: Weights) -> dict[str, Any]:
    """The deployment as far as its own limits go; what it refers to is judged elsewhere."""
    spec = {**_api_part(entry, DEPLOYMENT_FIELDS), "gatewayIds": UNKNOWN}
    if isinstance(spec.get("model"), Mapping):
        return with_path(spec, "model.bucket", weights.name or UNKNOWN)
    return spec


def _deployment(
    entry: Entry, gateways: tuple[str, ...], weights: Weights, report: Report
) -> ObjectDeclaration:
    kind = Kind.DEPLOYMENT
    weight = get_path(entry.values, "traffic.weight")
    spec = sparse(kind, with_path(_api_part(entry, DEPLOYMENT_FIELDS), "model.bucket", weights.name))
    return ObjectDeclaration(
        key=entry.key,
        kind=kind,
        spec={**spec, "traffic": spec.get("traffic") or {"weight": WEIGHT_ALONE if weight is None else 0}},
        origin=entry.origin,
        gateways=gateways,
        bucket=weights.key,
        options=options_of(entry, kind.model, report),
    )
