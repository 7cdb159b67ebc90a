"""A model-serving stack on CoreWeave Dedicated Inference, declared once and put there by Pulumi.

    import coreweave_inference as cw

    stack = cw.load()      # everything that inference.yaml declares

or the same in Python, resource by resource. Importing this costs nothing; each name is loaded when it is used.
Nothing but these names belongs here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .policy import inference_statement
    from .python_program import export
    from .resources.account import Account
    from .resources.arguments import (
        Autoscaling,
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
    )
    from .resources.capacity_claim import CapacityClaim
    from .resources.deployment import Deployment
    from .resources.existing import ExistingBucket, ExistingCapacityClaim, ExistingGateway
    from .resources.gateway import Gateway
    from .resources.inference_bucket_policy import InferenceBucketPolicy
    from .resources.looking_up import existing_bucket, existing_capacity_claim, existing_gateway
    from .resources.readiness import Readiness
    from .resources.weights_bucket import WeightsBucket
    from .stack import Stack, load

_HOMES = {
    "Account": "resources.account",
    "Autoscaling": "resources.arguments",
    "BodyBasedRouting": "resources.arguments",
    "CapacityClaim": "resources.capacity_claim",
    "CoreWeaveAuth": "resources.arguments",
    "Deployment": "resources.deployment",
    "EndpointConfiguration": "resources.arguments",
    "ExistingBucket": "resources.existing",
    "ExistingCapacityClaim": "resources.existing",
    "ExistingGateway": "resources.existing",
    "Gateway": "resources.gateway",
    "HeaderBasedRouting": "resources.arguments",
    "InferenceBucketPolicy": "resources.inference_bucket_policy",
    "Model": "resources.arguments",
    "PathBasedRouting": "resources.arguments",
    "Readiness": "resources.readiness",
    "Resources": "resources.arguments",
    "Runtime": "resources.arguments",
    "Stack": "stack",
    "Traffic": "resources.arguments",
    "WeightsAndBiasesAuth": "resources.arguments",
    "WeightsBucket": "resources.weights_bucket",
    "existing_bucket": "resources.looking_up",
    "existing_capacity_claim": "resources.looking_up",
    "existing_gateway": "resources.looking_up",
    "export": "python_program",
    "inference_statement": "policy",
    "load": "stack",
}

__all__ = [
    "Account",
    "Autoscaling",
    "BodyBasedRouting",
    "CapacityClaim",
    "CoreWeaveAuth",
    "Deployment",
    "EndpointConfiguration",
    "ExistingBucket",
    "ExistingCapacityClaim",
    "ExistingGateway",
    "Gateway",
    "HeaderBasedRouting",
    "InferenceBucketPolicy",
    "Model",
    "PathBasedRouting",
    "Readiness",
    "Resources",
    "Runtime",
    "Stack",
    "Traffic",
    "WeightsAndBiasesAuth",
    "WeightsBucket",
    "__version__",
    "existing_bucket",
    "existing_capacity_claim",
    "existing_gateway",
    "export",
    "inference_statement",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
