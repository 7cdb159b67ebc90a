"""A capacity claim: GPU instances reserved in a zone, billed for as long as the claim exists."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from coreweave_inference.host.dynamic import DynamicProvider
from coreweave_inference.model import Kind
from coreweave_inference.model.resource_types import MODULE
from coreweave_inference.provider.capacity_claim_lifecycle import CapacityClaimLifecycle

from .api_resource import ApiResource


class CapacityClaimProvider(DynamicProvider):
    """State format: the module and the name of this class are part of it."""

    lifecycle = CapacityClaimLifecycle()


class CapacityClaim(ApiResource, module=MODULE, name="CapacityClaim"):
    """GPU instances of one type reserved in one zone.

    `instance_count` changes in place; everything else replaces the claim.
    """

    def __init__(
        self,
        name: str,
        *,
        instance_id: pulumi.Input[str],
        instance_count: pulumi.Input[int],
        capacity_type: pulumi.Input[str],
        zones: pulumi.Input[Sequence[pulumi.Input[str]]],
        api_name: pulumi.Input[str] | None = None,
        wait: bool = True,
        timeout: str | float | None = None,
        ignore_changes: Sequence[str] = (),
        adopt: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        resources = {
            "instanceId": instance_id,
            "instanceCount": instance_count,
            "capacityType": capacity_type,
            "zones": zones,
        }
        super().__init__(
            Kind.CAPACITY_CLAIM,
            CapacityClaimProvider(),
            name,
            {"name": api_name, "resources": resources},
            wait=wait,
            timeout=timeout,
            ignore_changes=ignore_changes,
            adopt=adopt,
            opts=opts,
        )
