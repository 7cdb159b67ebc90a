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
    from .policy.statements import inference_statement
    from .program.arguments import (
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
    from .program.data_sources import existing_bucket, existing_capacity_claim, existing_gateway
    from .program.existing import ExistingBucket, ExistingCapacityClaim, ExistingGateway
    from .resources.account import Account
    from .resources.capacity_claim import CapacityClaim
    from .resources.deployment import Deployment
    from .resources.gateway import Gateway
    from .resources.inference_bucket_policy import InferenceBucketPolicy
    from .resources.readiness import Readiness
    from .resources.weights_bucket import WeightsBucket
    from .stack.build import Stack, load
    from .stack.python_program import export

_HOMES = {
    "Account": "resources.account",
    "Autoscaling": "program.arguments",
    "BodyBasedRouting": "program.arguments",
    "CapacityClaim": "resources.capacity_claim",
    "CoreWeaveAuth": "program.arguments",
    "Deployment": "resources.deployment",
    "EndpointConfiguration": "program.arguments",
    "ExistingBucket": "program.existing",
    "ExistingCapacityClaim": "program.existing",
    "ExistingGateway": "program.existing",
    "Gateway": "resources.gateway",
    "HeaderBasedRouting": "program.arguments",
    "InferenceBucketPolicy": "resources.inference_bucket_policy",
    "Model": "program.arguments",
    "PathBasedRouting": "program.arguments",
    "Readiness": "resources.readiness",
    "Resources": "program.arguments",
    "Runtime": "program.arguments",
    "Stack": "stack.build",
    "Traffic": "program.arguments",
    "WeightsAndBiasesAuth": "program.arguments",
    "WeightsBucket": "resources.weights_bucket",
    "existing_bucket": "program.data_sources",
    "existing_capacity_claim": "program.data_sources",
    "existing_gateway": "program.data_sources",
    "export": "stack.python_program",
    "inference_statement": "policy.statements",
    "load": "stack.build",
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
    from .collecting import paused

    with paused():
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
