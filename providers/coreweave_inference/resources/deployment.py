"""A deployment: one model served by an engine on dedicated GPUs behind one or several gateways.

It may be declared without an engine version: then it gets the newest (or its traffic group's) at creation and keeps
it until the engine changes. Neither create nor update waits for it to serve; `Readiness` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pulumi

from coreweave_inference.errors import BucketMissing, CoreWeaveError
from coreweave_inference.model import Kind
from coreweave_inference.model.normal_form import get_path, has_unknown, with_path
from coreweave_inference.model.resource_types import MODULE
from coreweave_inference.model.unknown import UNKNOWN
from coreweave_inference.program.arguments import Autoscaling, Model, Resources, Runtime, Traffic, to_api
from coreweave_inference.program.existing import ExistingBucket, ExistingCapacityClaim, ExistingGateway
from coreweave_inference.provider import versions
from coreweave_inference.provider.messages import subject
from coreweave_inference.provider.object_provider import ObjectProvider
from coreweave_inference.provider.session import Session
from coreweave_inference.provider.values import RESOLVED_VERSION, URN

from .api_resource import ApiResource
from .gateway import Gateway
from .inference_bucket_policy import InferenceBucketPolicy
from .weights_bucket import WeightsBucket

VERSION = "runtime.version"
ENGINE = "runtime.engine"
Weights = WeightsBucket | InferenceBucketPolicy | ExistingBucket


class DeploymentProvider(ObjectProvider):
    """CRUD of one deployment. State format: the module and the name of this class are part of it."""

    kind = Kind.DEPLOYMENT

    def filled_in(self, run: Session, olds: Mapping[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
        """The version of the engine, where the declaration leaves it open."""
        declared = get_path(inputs, VERSION)
        if declared not in (None, versions.LATEST):
            return inputs
        version = self._version(run, olds, inputs, follow=declared == versions.LATEST)
        if version is None:
            return inputs
        return {**with_path(inputs, VERSION, version), RESOLVED_VERSION: version}

    def _version(
        self, run: Session, olds: Mapping[str, Any], inputs: Mapping[str, Any], *, follow: bool
    ) -> str | None:
        engine = get_path(inputs, ENGINE)
        if engine is UNKNOWN or engine is None:
            return None
        kept = olds.get(RESOLVED_VERSION) or get_path(olds, VERSION)
        same_engine = get_path(olds, ENGINE) == engine
        if kept and same_engine and not follow:
            return str(kept)
        newest = versions.newest(versions.offered(run.parameters(self.kind), engine))
        if follow:
            return newest or (str(kept) if kept and same_engine else None)
        members = (
            () if olds or has_unknown(inputs) else run.lists.look(self.kind, max_age_seconds=60.0).values()
        )
        return versions.of_group(inputs, members) or newest

    def before_create(self, run: Session, declared: Mapping[str, Any]) -> None:
        """Nothing is created that could not start: no version, or no weights under its prefix."""
        what = subject(self.kind, declared)
        if get_path(declared, VERSION) in (None, versions.LATEST):
            raise CoreWeaveError(
                f"{what}: the service does not say which versions of {get_path(declared, ENGINE)} there are, so "
                "runtime.version must be declared"
            )
        bucket, path = get_path(declared, "model.bucket"), get_path(declared, "model.path")
        try:
            found = run.storage().holds_objects(bucket, _folder(path))
        except BucketMissing as error:
            raise CoreWeaveError(
                f'{what}: there is no bucket "{bucket}" that this token can see: {error}'
            ) from error
        except CoreWeaveError as error:
            run.log.note(
                declared.get(URN, ""),
                f"{what}: could not verify its weights before creation: {error}",
            )
            return
        if not found:
            raise CoreWeaveError(
                f'{what}: there is no object under "{path}" in bucket "{bucket}", so it could never start, and nothing '
                f"was created; push the weights with `cw-inference weights push FOLDER {bucket} {path}` and run again"
            )


def _folder(path: str) -> str:
    return path.strip("/") + "/"


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
        model: Model,
        runtime: Runtime,
        resources: Resources,
        autoscaling: Autoscaling,
        traffic: Traffic | None = None,
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
        self.model_name = model.name
        spec = {
            "name": api_name,
            "gatewayIds": [g.api_id if isinstance(g, (Gateway, ExistingGateway)) else g for g in gateways],
            "runtime": to_api(runtime),
            "resources": to_api(resources),
            "model": to_api(_with_bucket(model, weights)),
            "autoscaling": to_api(autoscaling),
            "traffic": to_api(traffic or Traffic(weight=WEIGHT_OF_A_LONE_MEMBER)),
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


WEIGHT_OF_A_LONE_MEMBER = 100


def _with_bucket(model: Model, weights: Weights | None) -> Model:
    if model.bucket is not None:
        return model
    if weights is None:
        raise pulumi.RunError(
            "a deployment needs to know its bucket: set model.bucket, or pass the bucket or its policy as weights"
        )
    return replace(model, bucket=weights.bucket_name)
