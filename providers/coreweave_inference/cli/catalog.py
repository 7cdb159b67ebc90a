"""`catalog`: what the service offers, as tables or as one JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coreweave_inference.api.client import InferenceApi
from coreweave_inference.errors import CoreWeaveError, is_failure
from coreweave_inference.fleet.catalogue import Catalogue
from coreweave_inference.model.kinds import Kind

from .context import settings_at, stack_at
from .exits import code_of_failure, print_error, report_errors
from .output import print_document, print_lines


def catalog(directory: Path, stack: str | None, *, as_json: bool) -> None:
    """Ask the three parameter calls, and print what they tell."""
    with report_errors(as_json=as_json, document=document(Catalogue())):
        settings = settings_at(directory, stack_at(directory, stack))
        with InferenceApi.of(settings) as api:
            found, errors = read(api)
    if len(found.unread) == len(Kind):
        import typer

        print_error(str(errors[0]), as_json=as_json, document=document(found))
        raise typer.Exit(code_of_failure(refused=not any(map(is_failure, errors))))
    if as_json:
        print_document(document(found))
    else:
        print_lines(text(found))


def read(api: InferenceApi) -> tuple[Catalogue, Sequence[CoreWeaveError]]:
    """The catalogue, and why parts of it are left out."""
    answers: dict[Kind, dict[str, Any]] = {}
    unread, errors = [], []
    for kind in Kind:
        try:
            answers[kind] = api.parameters(kind)
        except CoreWeaveError as error:
            errors.append(error)
            unread.append(f"what is offered for {kind.noun}s: {error}")
    return Catalogue.of_answers(answers, tuple(unread)), errors


def document(found: Catalogue) -> dict[str, Any]:
    """As JSON; versions in the service's order, everything else sorted."""
    return {
        "ok": True,
        "errors": [],
        "findings": [],
        "zones": _zones(found),
        "instanceTypes": {zone: sorted(types) for zone, types in sorted(found.claim_types.items())},
        "deploymentInstanceTypes": sorted(found.instance_types),
        "engines": {
            engine: {
                "versions": list(found.versions.get(engine, ())),
                "configKeys": sorted(found.config_keys.get(engine, ())),
                "environmentNames": sorted(found.environment_names.get(engine, ())),
            }
            for engine in sorted({*found.versions, *found.config_keys, *found.environment_names})
        },
        "notRead": list(found.unread),
    }


def text(found: Catalogue) -> list[str]:
    """As lines."""
    names = document(found)
    types, engines, offered = names["instanceTypes"], names["engines"], names["deploymentInstanceTypes"]
    lines = ["zones and the instance types that can be claimed there"]
    lines += [f"  {zone:<14} {', '.join(types.get(zone, ())) or '-'}" for zone in names["zones"]]
    unknown = "- (the service lists them once there is a gateway)"
    if engines or offered:
        lines += ["instance types of deployments", f"  {', '.join(offered) or unknown}"]
    for name, engine in engines.items():
        lines += [
            f"engine {name}",
            f"  versions       {', '.join(engine['versions']) or '-'}",
            f"  engineConfig   {', '.join(engine['configKeys']) or '-'}",
            f"  engineEnv      {', '.join(engine['environmentNames']) or '-'}",
        ]
    return [*lines, *(f"could not be read: {reason}" for reason in found.unread)]


def _zones(found: Catalogue) -> list[str]:
    """Those of gateways, and those in which something can be claimed."""
    return sorted({*found.zones, *found.claim_types})
