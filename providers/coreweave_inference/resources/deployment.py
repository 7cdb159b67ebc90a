"""A deployment: one model served by an engine on dedicated GPUs behind one or several gateways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi

from coreweave_inference.host.dynamic import DynamicProvider
from coreweave_inference.model import Kind
from coreweave_inference.model.deployment import WEIGHT_ALONE
from coreweave_inference.model.resource_types import MODULE
from coreweave_inference.program.arguments import (
    Autoscaling,
    Message,
    Model,
    Resources,
    Runtime,
    Traffic,
    to_api,
)
from coreweave_inference.program.existing import ExistingBucket, ExistingCapacityClaim, ExistingGateway
from coreweave_inference.provider.deployment_lifecycle import DeploymentLifecycle

from .api_resource import ApiResource
from .gateway import Gateway
from .inference_bucket_policy import InferenceBucketPolicy
from .weights_bucket import WeightsBucket

Weights = WeightsBucket | InferenceBucketPolicy | ExistingBucket


class DeploymentProvider(DynamicProvider):
    """State format: the module and the name of this class are part of it."""

    lifecycle = DeploymentLifecycle()


class Deployment(ApiResource, module=MODULE, name="Deployment"):
    """One model, served.

    `gateways` takes resources, existing gateways, ids or outputs. `weights` is the bucket (own or existing) or the policy
    that the service reads through: it gives `model.bucket` where that is left out, and the order. `capacity_claims` only order.
    """

    def __init__(
        self,
        name: str,
        *,
        gateways: Sequence[Gateway | ExistingGateway | pulumi.Input[str]],
        model: Model | Message,
        runtime: Runtime | Message,
        resources: Resources | Message,
        autoscaling: Autoscaling | Message,
        traffic: Traffic | Message | None = None,
        disabled: pulumi.Input[bool] | None = None,
        weights: Weights | None = None,
        capacity_claims: Sequence[pulumi.Resource | ExistingCapacityClaim] = (),
        api_name: pulumi.Input[str] | None = None,
        wait: bool = True,
        timeout: str | float | None = None,
        ignore_changes: Sequence[str] = (),
        adopt: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        self.gateways = tuple(gateways)
        self.weights = weights
        message = _with_bucket(to_api(model), weights)
        self.model_name = message["name"]
        spec = {
            "name": api_name,
            "gatewayIds": [g.api_id if isinstance(g, (Gateway, ExistingGateway)) else g for g in gateways],
            "runtime": to_api(runtime),
            "resources": to_api(resources),
            "model": message,
            "autoscaling": to_api(autoscaling),
            "traffic": to_api(traffic or Traffic(weight=WEIGHT_ALONE)),
            "disabled": disabled,
        }
        before = [r for r in (*gateways, weights, *capacity_claims) if isinstance(r, pulumi.Resource)]
        super().__init__(
            Kind.DEPLOYMENT,
            DeploymentProvider(),
            name,
            spec,
            dependencies=before,
            wait=wait,
            timeout=timeout,
            ignore_changes=ignore_changes,
            adopt=adopt,
            opts=opts,
        )


def _with_bucket(model: dict[str, Any], weights: Weights | None) -> dict[str, Any]:
    if model.get("bucket") is not None:
        return model
    if weights is None:
        raise pulumi.RunError(
            "a deployment needs to know its bucket: set model.bucket, or pass the bucket or its policy as weights"
        )
    return {**model, "bucket": weights.bucket_name}
