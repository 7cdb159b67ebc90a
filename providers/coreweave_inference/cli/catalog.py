"""`catalog`: what the service offers, as tables or as one JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coreweave_inference.api.client import InferenceApi
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.model.kinds import Kind

from .context import settings_at, stack_at
from .exits import FAILED, report_errors
from .output import print_document, print_lines


@dataclass(frozen=True)
class Engine:
    """One runtime engine; names are sorted, versions as the service orders them."""

    versions: tuple[str, ...] = ()
    config_keys: tuple[str, ...] = ()
    environment_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalog:
    """What is offered; `not_read` says what could not be read, and why."""

    zones: tuple[str, ...] = ()
    instance_types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    for_deployments: tuple[str, ...] = ()
    """Instance types that a deployment behind one of the account's gateways may have; empty until there is one."""
    engines: Mapping[str, Engine] = field(default_factory=dict)
    not_read: tuple[str, ...] = ()


def catalog(directory: Path, stack: str | None, *, as_json: bool) -> None:
    """Ask the three parameter calls, and print what they tell."""
    with report_errors(as_json=as_json, document=document(Catalog())):
        settings = settings_at(directory, stack_at(directory, stack))
        with InferenceApi.of(settings) as api:
            found = read(api)
    if as_json:
        print_document(document(found))
    else:
        print_lines(text(found))
    if len(found.not_read) == len(Kind):
        import typer

        raise typer.Exit(FAILED)


def read(api: InferenceApi) -> Catalog:
    """The catalogue; a call that fails leaves its part out."""
    answers: dict[Kind, dict[str, Any]] = {}
    not_read = []
    for kind in Kind:
        try:
            answers[kind] = api.parameters(kind)
        except CoreWeaveError as error:
            not_read.append(f"what is offered for {kind.noun}s: {error}")
    types = _instance_types(answers)
    zones = {zone for answer in answers.values() for zone in _zones(answer)} | set(types)
    deployments = answers.get(Kind.DEPLOYMENT) or {}
    offered = (deployments.get("resourceParameters") or {}).get("instanceTypes") or ()
    return Catalog(
        tuple(sorted(zones)), types, tuple(sorted(offered)), _engines(deployments), tuple(not_read)
    )


def document(found: Catalog) -> dict[str, Any]:
    """As JSON."""
    return {
        "ok": len(found.not_read) < len(Kind),
        "errors": list(found.not_read) if len(found.not_read) == len(Kind) else [],
        "findings": [],
        "zones": list(found.zones),
        "instanceTypes": {zone: list(names) for zone, names in found.instance_types.items()},
        "deploymentInstanceTypes": list(found.for_deployments),
        "engines": {
            name: {
                "versions": list(engine.versions),
                "configKeys": list(engine.config_keys),
                "environmentNames": list(engine.environment_names),
            }
            for name, engine in found.engines.items()
        },
        "notRead": list(found.not_read),
    }


def text(found: Catalog) -> list[str]:
    """As lines."""
    lines = ["zones and the instance types that can be claimed there"]
    lines += [f"  {zone:<14} {', '.join(found.instance_types.get(zone, ())) or '-'}" for zone in found.zones]
    unknown = "- (the service lists them once there is a gateway)"
    if found.engines or found.for_deployments:
        lines += ["instance types of deployments", f"  {', '.join(found.for_deployments) or unknown}"]
    for name, engine in found.engines.items():
        lines += [
            f"engine {name}",
            f"  versions       {', '.join(engine.versions) or '-'}",
            f"  engineConfig   {', '.join(engine.config_keys) or '-'}",
            f"  engineEnv      {', '.join(engine.environment_names) or '-'}",
        ]
    return [*lines, *(f"could not be read: {reason}" for reason in found.not_read)]


def _zones(answer: Mapping[str, Any]) -> list[str]:
    return [zone for zone in answer.get("zones") or () if isinstance(zone, str)]


def _instance_types(answers: Mapping[Kind, Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    by_zone = (answers.get(Kind.CAPACITY_CLAIM) or {}).get("zoneInstanceTypes") or {}
    return {
        zone: tuple(sorted((types or {}).get("instanceIds") or ())) for zone, types in sorted(by_zone.items())
    }


def _engines(answer: Mapping[str, Any]) -> dict[str, Engine]:
    runtime = answer.get("runtimeParameters") or {}
    versions, keys, names = (
        runtime.get(part) or {} for part in ("runtimeVersions", "runtimeConfigOptions", "engineEnvOptions")
    )
    return {
        engine: Engine(
            tuple((versions.get(engine) or {}).get("versions") or ()),
            tuple(sorted((keys.get(engine) or {}).get("allowedKeys") or ())),
            tuple(sorted((names.get(engine) or {}).get("allowedNames") or ())),
        )
        for engine in sorted({*versions, *keys, *names})
    }
