"""What a user declares: one model per API object, its normal form, comparison and identity.

Pure: nothing here may talk to a network, know Pulumi, or read files, the clock or the environment.
"""

from __future__ import annotations

from .capacity_claim import CapacityClaimSpec
from .deployment import LATEST, Autoscaling, DeploymentSpec
from .gateway import GatewaySpec, WeightsAndBiasesAuth
from .kinds import Kind
from .unknown import UNKNOWN, has_unknown

__all__ = [
    "LATEST",
    "UNKNOWN",
    "Autoscaling",
    "CapacityClaimSpec",
    "DeploymentSpec",
    "GatewaySpec",
    "Kind",
    "WeightsAndBiasesAuth",
    "has_unknown",
]
