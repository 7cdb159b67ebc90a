"""A declaration becomes resources, in order: buckets and policies, gateways, claims, deployments, readiness.

The names and outputs that arise here are part of users' state. Reading the file is `declaration`'s, what a
resource does is `resources`'; nothing here talks to the service, but what the declaration calls existing is resolved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pulumi

from coreweave_inference.checks import UNREADABLE_CODES
from coreweave_inference.declaration import (
    FILE,
    BucketDeclaration,
    Declaration,
    Existing,
    ObjectDeclaration,
    ObjectOptions,
    read_for_stack,
)
from coreweave_inference.errors import CoreWeaveError, InvalidDeclaration
from coreweave_inference.model.findings import as_finding
from coreweave_inference.model.gateway import AUTH, ROUTING
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.unknown import UNKNOWN
from coreweave_inference.program.data_sources import bucket_of, capacity_claim_of, check, gateway_of
from coreweave_inference.program.existing import ExistingBucket, ExistingCapacityClaim, ExistingGateway
from coreweave_inference.resources.capacity_claim import CapacityClaim
from coreweave_inference.resources.deployment import Deployment, Weights
from coreweave_inference.resources.gateway import Gateway
from coreweave_inference.resources.inference_bucket_policy import InferenceBucketPolicy
from coreweave_inference.resources.readiness import Readiness
from coreweave_inference.resources.weights_bucket import WeightsBucket

from .checks import check_declaration, record, record_places
from .outputs import export
from .secrets import Secrets, secrets_of, with_secrets


@dataclass(frozen=True)
class ExistingObjects:
    """What a stack uses and does not own, by its keys in the declaration."""

    gateways: Mapping[str, ExistingGateway]
    capacity_claims: Mapping[str, ExistingCapacityClaim]
    buckets: Mapping[str, ExistingBucket]


@dataclass(frozen=True)
class Stack:
    """The resources of a declaration by their keys in it."""

    buckets: Mapping[str, WeightsBucket]
    policies: Mapping[str, InferenceBucketPolicy]
    gateways: Mapping[str, Gateway]
    capacity_claims: Mapping[str, CapacityClaim]
    deployments: Mapping[str, Deployment]
    readiness: Readiness
    existing: ExistingObjects


def load(path: str | Path = FILE) -> Stack:
    """Declare everything in `path` (relative to the stack directory) and export the stack's outputs.

    `inference.<stack>.yaml` beside it is laid over it, where there is one. Raises pulumi.RunError with every fault of
    the files, with every existing object that is not there, and with every finding that cannot work, before any
    resource is declared.
    """
    try:
        declaration = read_for_stack(Path(path), pulumi.get_stack())
        record_places(declaration.origin)
        secret = secrets_of(declaration)
        check(list(declaration.existing.objects()))
        check_declaration(declaration)
        return declare(declaration, secret)
    except InvalidDeclaration as error:
        record(as_finding(fault) for fault in error.faults)
        raise pulumi.RunError(error.report(str(path))) from None
    except CoreWeaveError as error:
        raise pulumi.RunError(str(error)) from error


def declare(declaration: Declaration, secret: Secrets) -> Stack:
    """Resources of a declaration; `secret` gives the value of a reference."""
    existing = _existing(declaration.existing)
    buckets = {key: _bucket(bucket) for key, bucket in declaration.buckets.items()}
    gateways = {key: _gateway(item, secret) for key, item in declaration.gateways.items()}
    policies = {
        key: _policy(bucket, buckets[key], gateways.values())
        for key, bucket in declaration.buckets.items()
        if bucket.policy is not None
    }
    claims = {key: _claim(item) for key, item in declaration.capacity_claims.items()}
    all_gateways: dict[str, Gateway | ExistingGateway] = {**existing.gateways, **gateways}
    weights: dict[str, Weights] = {**existing.buckets, **buckets, **policies}
    deployments = {
        key: _deployment(item, all_gateways, weights, claims.values(), secret)
        for key, item in declaration.deployments.items()
    }
    readiness = Readiness(unreadable=[deployments[key] for key in accepted_unreadable(declaration)])
    export()
    return Stack(buckets, policies, gateways, claims, deployments, readiness, existing)


def accepted_unreadable(declaration: Declaration) -> list[str]:
    """Keys of the deployments of which the declaration accepts that their weights cannot be read."""
    kind = Kind.DEPLOYMENT.noun
    keys = {
        entry.key
        for entry in declaration.accepted
        if entry.code in UNREADABLE_CODES
        and entry.kind in (None, kind)
        and not (entry.until and entry.until < datetime.now(timezone.utc).date())
    }
    return [key for key in declaration.deployments if key in keys]


def _existing(existing: Existing) -> ExistingObjects:
    return ExistingObjects(
        gateways={key: gateway_of(item) for key, item in existing.gateways.items()},
        capacity_claims={key: capacity_claim_of(item) for key, item in existing.capacity_claims.items()},
        buckets={key: bucket_of(item) for key, item in existing.buckets.items()},
    )


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
        # In an empty account the first gateway is what tells the organization's id.
        after=list(gateways) if asks_for_organization else [],
    )


def _gateway(item: ObjectDeclaration, secret: Secrets) -> Gateway:
    spec = with_secrets(item.spec, secret)
    return Gateway(
        item.key,
        auth={field: spec[field] for field in AUTH if field in spec},
        routing={field: spec[field] for field in ROUTING if field in spec},
        zones=spec.get("zones"),
        endpoint_configuration=spec.get("endpointConfiguration"),
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
    gateways: Mapping[str, Gateway | ExistingGateway],
    weights: Mapping[str, Weights],
    claims: Iterable[CapacityClaim],
    secret: Secrets,
) -> Deployment:
    spec = with_secrets(item.spec, secret)
    return Deployment(
        item.key,
        gateways=[gateways[key] for key in item.gateways],
        model={name: value for name, value in spec["model"].items() if value is not UNKNOWN},
        runtime=spec["runtime"],
        resources=spec["resources"],
        autoscaling=spec["autoscaling"],
        traffic={"weight": 0, **(spec.get("traffic") or {})},
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
        "adopt": options.adopt,
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
