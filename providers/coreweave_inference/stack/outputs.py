"""The outputs that every stack of this package has; what others read of a stack.

Their names and shapes are part of users' state. What is declared is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import pulumi

from coreweave_inference.model.identity import labels
from coreweave_inference.program.context import current_program
from coreweave_inference.program.existing import ExistingGateway
from coreweave_inference.resources.api_resource import ApiResource
from coreweave_inference.resources.capacity_claim import CapacityClaim
from coreweave_inference.resources.deployment import Deployment
from coreweave_inference.resources.gateway import Gateway


def export() -> None:
    """Export the outputs that every stack of this package has, of everything that the program declared so far.

    `buckets.<key>.{name, zone}`, `gateways.<key>.{apiId, endpoints}`, `models.<name>.baseUrls`,
    `deployments.<key>.apiId`, `capacityClaims.<key>.apiId`. A deployment that no `Readiness` covers is warned about.
    """
    program = current_program()
    gateways = _of(program.objects, Gateway)
    deployments = _of(program.objects, Deployment)
    claims = _of(program.objects, CapacityClaim)
    pulumi.export(
        "buckets",
        {key: {"name": b.bucket_name, "zone": b.zone} for key, b in _by_key(program.buckets).items()},
    )
    pulumi.export(
        "gateways",
        {key: {"apiId": g.api_id, "endpoints": g.endpoints} for key, g in _by_key(gateways).items()},
    )
    pulumi.export("models", _models(deployments))
    pulumi.export("deployments", {key: {"apiId": d.api_id} for key, d in _by_key(deployments).items()})
    pulumi.export("capacityClaims", {key: {"apiId": c.api_id} for key, c in _by_key(claims).items()})
    for deployment in deployments:
        if deployment not in program.covered:
            pulumi.log.warn(
                f'deployment "{deployment.place.key}" is covered by no Readiness: a run will not wait for it, and '
                "will not say when it fails; declare Readiness after it"
            )


def _of(objects: Iterable[ApiResource], kind: type[Any]) -> list[Any]:
    return [resource for resource in objects if isinstance(resource, kind)]


def _by_key(resources: Iterable[Any]) -> dict[str, Any]:
    found = list(resources)
    return dict(zip(labels([resource.place for resource in found]), found, strict=True))


def _models(deployments: Iterable[Deployment]) -> pulumi.Input[dict[str, Any]]:
    """Base URLs by model name; a name may be an output, and then all of them are known only later."""
    served = [
        (
            d.model_name,
            [_base_urls(g, d.model_name) for g in d.gateways if isinstance(g, (Gateway, ExistingGateway))],
        )
        for d in deployments
    ]
    if all(isinstance(name, str) for name, _ in served):
        names = dict.fromkeys(str(name) for name, _ in served)
        return {
            name: {"baseUrls": _joined([urls for other, urls in served if other == name])} for name in names
        }
    return pulumi.Output.all(*[pulumi.Output.all(name, *urls) for name, urls in served]).apply(
        lambda found: {
            name: {"baseUrls": _unique([item[1:] for item in found if item[0] == name])} for name, *_ in found
        }
    )


def _joined(groups: list[list[pulumi.Output[list[str]]]]) -> pulumi.Output[list[str]]:
    return pulumi.Output.all(*[pulumi.Output.all(*urls) for urls in groups]).apply(_unique)


def _unique(groups: Iterable[Iterable[Iterable[str]]]) -> list[str]:
    return list(dict.fromkeys(url for group in groups for urls in group for url in urls))


def _base_urls(gateway: Gateway | ExistingGateway, model_name: pulumi.Input[str]) -> pulumi.Output[list[str]]:
    def of(values: dict[str, Any]) -> list[str]:
        middle = f"/{quote(values['name'], safe='')}" if values["by_path"] else ""
        return [f"{endpoint.rstrip('/')}{middle}/v1" for endpoint in values["endpoints"] or ()]

    return pulumi.Output.all(name=model_name, by_path=gateway.by_path, endpoints=gateway.endpoints).apply(of)
