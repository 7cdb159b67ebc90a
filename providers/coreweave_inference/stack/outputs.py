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
        (d.model_name, [g for g in d.gateways if isinstance(g, (Gateway, ExistingGateway))])
        for d in deployments
    ]
    used = {id(gateway): gateway for _, gateways in served for gateway in gateways}
    addresses = {key: _address_of(gateway) for key, gateway in used.items()}
    if all(isinstance(name, str) for name, _ in served):
        behind: dict[str, dict[int, None]] = {}
        for name, gateways in served:
            behind.setdefault(str(name), {}).update(dict.fromkeys(map(id, gateways)))
        return {
            name: {"baseUrls": _urls_of(name, [addresses[g] for g in found])}
            for name, found in behind.items()
        }
    lists = [pulumi.Output.all(name, *[addresses[id(g)] for g in gateways]) for name, gateways in served]
    return pulumi.Output.all(*lists).apply(
        lambda found: {
            name: {
                "baseUrls": _unique(
                    _base_urls(name, one) for item in found if item[0] == name for one in item[1:]
                )
            }
            for name, *_ in found
        }
    )


def _address_of(gateway: Gateway | ExistingGateway) -> pulumi.Output[dict[str, Any]]:
    """One output for each gateway, whatever serves behind it."""
    return pulumi.Output.all(by_path=gateway.by_path, endpoints=gateway.endpoints)


def _urls_of(name: str, gateways: list[pulumi.Output[dict[str, Any]]]) -> pulumi.Output[list[str]]:
    if len(gateways) == 1:
        return gateways[0].apply(lambda found: _unique([_base_urls(name, found)]))
    return pulumi.Output.all(*gateways).apply(lambda found: _unique(_base_urls(name, one) for one in found))


def _unique(groups: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(url for urls in groups for url in urls))


def _base_urls(name: str, gateway: dict[str, Any]) -> list[str]:
    middle = f"/{quote(name, safe='')}" if gateway["by_path"] else ""
    return [f"{endpoint.rstrip('/')}{middle}/v1" for endpoint in gateway["endpoints"] or ()]
