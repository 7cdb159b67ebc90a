"""What a user declares: one model per API object, its normal form, its identity, and the file it is read from.

Pure: nothing here may talk to a network, know Pulumi, read the clock or the environment. The only file ever read is
the declaration that a caller names.
"""

from __future__ import annotations

from .capacity_claim import CapacityClaimResources, CapacityClaimSpec
from .deployment import LATEST, Autoscaling, DeploymentSpec, Model, Resources, Runtime, Traffic
from .gateway import (
    BodyBasedRouting,
    CoreWeaveAuth,
    EndpointConfiguration,
    GatewaySpec,
    HeaderBasedRouting,
    PathBasedRouting,
    WeightsAndBiasesAuth,
)
from .kinds import Kind
from .unknown import UNKNOWN, Unknown, has_unknown

__all__ = [
    "LATEST",
    "UNKNOWN",
    "Autoscaling",
    "BodyBasedRouting",
    "CapacityClaimResources",
    "CapacityClaimSpec",
    "CoreWeaveAuth",
    "DeploymentSpec",
    "EndpointConfiguration",
    "GatewaySpec",
    "HeaderBasedRouting",
    "Kind",
    "Model",
    "PathBasedRouting",
    "Resources",
    "Runtime",
    "Traffic",
    "Unknown",
    "WeightsAndBiasesAuth",
    "has_unknown",
]
