"""A declaration becomes resources, in order: buckets and policies, gateways, claims, deployments, readiness.

The names and outputs that arise here are part of users' state. Reading the file is `spec.declaration`'s, what a
resource does is `resources`'; nothing here talks to the service.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pulumi

from .errors import Fault, InvalidDeclaration
from .resources.arguments import (
    Autoscaling,
    Block,
    BodyBasedRouting,
    CoreWeaveAuth,
    EndpointConfiguration,
    HeaderBasedRouting,
    Model,
    PathBasedRouting,
    Resources,
    Runtime,
    Traffic,
    WeightsAndBiasesAuth,
    field_of_class,
    of_api,
)
from .resources.capacity_claim import CapacityClaim
from .resources.deployment import Deployment
from .resources.gateway import Gateway
from .resources.inference_bucket_policy import InferenceBucketPolicy
from .resources.program import ApiResource, current_program
from .resources.readiness import Readiness
from .resources.weights_bucket import WeightsBucket
from .spec.declaration import (
    BucketDeclaration,
    Declaration,
    ObjectDeclaration,
    ObjectOptions,
    SecretReference,
    read,
)

FILE = "inference.yaml"
AUTHS: tuple[type[Block], ...] = (CoreWeaveAuth, WeightsAndBiasesAuth)
ROUTINGS: tuple[type[Block], ...] = (BodyBasedRouting, HeaderBasedRouting, PathBasedRouting)


@dataclass(frozen=True)
class Stack:
    """The resources of a declaration by their keys in it."""

    buckets: Mapping[str, WeightsBucket]
    policies: Mapping[str, InferenceBucketPolicy]
    gateways: Mapping[str, Gateway]
    capacity_claims: Mapping[str, CapacityClaim]
    deployments: Mapping[str, Deployment]
    readiness: Readiness


def load(path: str | Path = FILE) -> Stack:
    """Declare everything in `path` (relative to the stack directory) and export the stack's outputs.

    Raises pulumi.RunError with every fault of the file, before any resource is declared.
    """
    try:
        declaration = read(Path(path))
        return declare(declaration, _secrets(declaration))
    except InvalidDeclaration as error:
        count = len(error.faults)
        raise pulumi.RunError(f"{path}: {count} fault{'s' if count != 1 else ''}\n{error}") from None


def declare(declaration: Declaration, secret: Callable[[SecretReference], pulumi.Output[str]]) -> Stack:
    """Resources of a declaration; `secret` gives the value of a reference."""
    buckets = {key: _bucket(bucket) for key, bucket in declaration.buckets.items()}
    gateways = {key: _gateway(item, secret) for key, item in declaration.gateways.items()}
    policies = {
        key: _policy(bucket, buckets[key], gateways.values())
        for key, bucket in declaration.buckets.items()
        if bucket.policy is not None
    }
    claims = {key: _claim(item) for key, item in declaration.capacity_claims.items()}
    weights: dict[str, WeightsBucket | InferenceBucketPolicy] = {**buckets, **policies}
    deployments = {
        key: _deployment(item, gateways, weights, claims.values(), secret)
        for key, item in declaration.deployments.items()
    }
    readiness = Readiness()
    export()
    return Stack(buckets, policies, gateways, claims, deployments, readiness)


def export() -> None:
    """Export the outputs that every stack of this package has, of everything that the program declared so far.

    `gateways.<key>.{apiId, endpoints}`, `models.<name>.baseUrls`, `deployments.<key>.apiId`,
    `capacityClaims.<key>.apiId`. A deployment that no `Readiness` covers is warned about.
    """
    program = current_program()
    gateways = _of(program.objects, Gateway)
    deployments = _of(program.objects, Deployment)
    claims = _of(program.objects, CapacityClaim)
    pulumi.export(
        "gateways", {g.resource_name: {"apiId": g.api_id, "endpoints": g.endpoints} for g in gateways}
    )
    pulumi.export("models", _models(deployments))
    pulumi.export("deployments", {d.resource_name: {"apiId": d.api_id} for d in deployments})
    pulumi.export("capacityClaims", {c.resource_name: {"apiId": c.api_id} for c in claims})
    for deployment in deployments:
        if deployment.resource_name not in program.covered:
            pulumi.log.warn(
                f'deployment "{deployment.resource_name}" is covered by no Readiness: a run will not wait for it, and '
                "will not say when it fails; declare Readiness after it"
            )


def _of(objects: Iterable[ApiResource], kind: type[Any]) -> list[Any]:
    return [resource for resource in objects if isinstance(resource, kind)]


def _models(deployments: Iterable[Deployment]) -> pulumi.Input[dict[str, Any]]:
    """Base URLs by model name; a name may be an output, and then all of them are known only later."""
    served = [
        (d.model_name, [_base_urls(g, d.model_name) for g in d.gateways if isinstance(g, Gateway)])
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


def _base_urls(gateway: Gateway, model_name: pulumi.Input[str]) -> pulumi.Output[list[str]]:
    by_path = isinstance(gateway.routing, PathBasedRouting)

    def of(values: dict[str, Any]) -> list[str]:
        middle = f"/{quote(values['name'], safe='')}" if by_path else ""
        return [f"{endpoint.rstrip('/')}{middle}/v1" for endpoint in values["endpoints"] or ()]

    return pulumi.Output.all(name=model_name, endpoints=gateway.endpoints).apply(of)


def _bucket(bucket: BucketDeclaration) -> WeightsBucket:
    retain = bucket.options.retain_on_delete
    return WeightsBucket(
        bucket.key,
        bucket_name=bucket.name,
        zone=bucket.zone,
        tags=bucket.tags or None,
        force_destroy=bucket.force_destroy,
        adopt=bucket.adopt,
        retain_on_delete=True if retain is None else retain,
        opts=_opts(bucket.options, retain=False),
    )


def _policy(
    bucket: BucketDeclaration, of: WeightsBucket, gateways: Iterable[Gateway]
) -> InferenceBucketPolicy:
    policy = bucket.policy
    assert policy is not None
    asks_for_organization = policy.owner_access == "organization" and not policy.organization_id
    return InferenceBucketPolicy(
        f"{bucket.key}-policy",
        bucket=of,
        prefixes=list(policy.prefixes),
        owner_access=policy.owner_access,
        organization_id=policy.organization_id,
        # In an empty account the first gateway is what tells the organisation's id.
        after=list(gateways) if asks_for_organization else [],
    )


def _gateway(item: ObjectDeclaration, secret: Callable[[SecretReference], pulumi.Output[str]]) -> Gateway:
    spec = _with_secrets(item.spec, secret)
    return Gateway(
        item.key,
        auth=_chosen(AUTHS, spec),
        routing=_chosen(ROUTINGS, spec),
        zones=spec.get("zones"),
        endpoint_configuration=_block(EndpointConfiguration, spec.get("endpointConfiguration")),
        **_shared(item),
    )


def _claim(item: ObjectDeclaration) -> CapacityClaim:
    resources = item.spec["resources"]
    return CapacityClaim(
        item.key,
        instance_id=resources["instanceId"],
        instance_count=resources["instanceCount"],
        capacity_type=resources["capacityType"],
        zones=resources["zones"],
        **_shared(item),
    )


def _deployment(
    item: ObjectDeclaration,
    gateways: Mapping[str, Gateway],
    weights: Mapping[str, WeightsBucket | InferenceBucketPolicy],
    claims: Iterable[CapacityClaim],
    secret: Callable[[SecretReference], pulumi.Output[str]],
) -> Deployment:
    spec = _with_secrets(item.spec, secret)
    return Deployment(
        item.key,
        gateways=[gateways[key] for key in item.gateways],
        model=of_api(Model, spec["model"]),
        runtime=of_api(Runtime, spec["runtime"]),
        resources=of_api(Resources, spec["resources"]),
        autoscaling=of_api(Autoscaling, spec["autoscaling"]),
        traffic=Traffic(weight=(spec.get("traffic") or {}).get("weight", 0)),
        disabled=spec.get("disabled"),
        weights=weights.get(item.bucket or ""),
        capacity_claims=list(claims),
        **_shared(item),
    )


def _shared(item: ObjectDeclaration) -> dict[str, Any]:
    options = item.options
    return {
        "api_name": item.spec.get("name"),
        "wait": options.wait,
        "timeout": options.timeout,
        "ignore_changes": options.ignore_changes,
        "opts": _opts(options),
    }


def _opts(options: ObjectOptions, *, retain: bool = True) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(
        protect=options.protect or None,
        aliases=[_alias(text) for text in options.aliases],
        retain_on_delete=options.retain_on_delete if retain else None,
        delete_before_replace=options.delete_before_replace,
    )


def _alias(text: str) -> str | pulumi.Alias:
    return text if text.startswith("urn:") else pulumi.Alias(name=text)


def _chosen(blocks: Iterable[type[Block]], spec: Mapping[str, Any]) -> Any:
    return next(
        of_api(block, spec[field_of_class(block)]) for block in blocks if field_of_class(block) in spec
    )


def _block(block: type[Any], message: Mapping[str, Any] | None) -> Any:
    return None if message is None else of_api(block, message)


def _with_secrets(value: Any, secret: Callable[[SecretReference], pulumi.Output[str]]) -> Any:
    if isinstance(value, SecretReference):
        return secret(value)
    if isinstance(value, Mapping):
        return {key: _with_secrets(item, secret) for key, item in value.items()}
    return value


def _secrets(declaration: Declaration) -> Callable[[SecretReference], pulumi.Output[str]]:
    """Values of secret references; those that are missing are reported together, before anything is declared."""
    config = pulumi.Config()
    faults = []
    for item in declaration.objects():
        for reference in _references(item.spec):
            if _value(reference, config) is None:
                what = f"{reference.source} names {reference.name}, which is not set"
                do = (
                    f"export {reference.name}"
                    if reference.source == "fromEnv"
                    else _how_to_set(reference.name)
                )
                faults.append(
                    Fault(
                        what,
                        path=f"{item.kind.section}.{item.key}",
                        do=do,
                        file=item.origin.file,
                        line=item.origin.line,
                    )
                )
    if faults:
        raise InvalidDeclaration(faults)
    return lambda reference: pulumi.Output.secret(_value(reference, config) or "")


def _references(value: Any) -> list[SecretReference]:
    if isinstance(value, SecretReference):
        return [value]
    return (
        [found for item in value.values() for found in _references(item)]
        if isinstance(value, Mapping)
        else []
    )


def _value(reference: SecretReference, config: pulumi.Config) -> str | pulumi.Output[str] | None:
    if reference.source == "fromEnv":
        return os.environ.get(reference.name)
    namespace, _, key = reference.name.rpartition(":")
    return (pulumi.Config(namespace) if namespace else config).get_secret(key)


def _how_to_set(name: str) -> str:
    return f"run `pulumi config set --secret {name}`"
