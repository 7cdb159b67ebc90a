"""The blocks of a spec as a Python program writes them: the API's names in snake_case, every value an input.

What they mean and what limits them is in `model`; these only carry values that may not be known yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pulumi

from .context import camel

Text = pulumi.Input[str]
Number = pulumi.Input[int]


Message = Mapping[str, Any]
"""The API's own form of a block, which may be given in its place: what a declaration says is handed on as it is."""


class Block:
    """Base of the blocks."""


def to_api(value: Block | Message) -> dict[str, Any]:
    """A block as the API's message; what was left out is left out."""
    if isinstance(value, Mapping):
        return dict(value)
    given = {camel(f.name): getattr(value, f.name) for f in fields(value)}  # type: ignore[arg-type]
    return {key: item for key, item in given.items() if item is not None}


def one_of(value: Block | Message) -> dict[str, Any]:
    """The field of a spec that takes this block, with its message; a message names its field itself:
    `{"pathBasedRouting": {}}`.
    """
    return dict(value) if isinstance(value, Mapping) else {spec_key(type(value)): to_api(value)}


def spec_key(block: type[Block]) -> str:
    """The field of a spec that takes such a block: `coreWeaveAuth`, `bodyBasedRouting`."""
    return block.__name__[0].lower() + block.__name__[1:]


@dataclass(frozen=True)
class CoreWeaveAuth(Block):
    """Clients authenticate with CoreWeave API tokens."""


@dataclass(frozen=True)
class WeightsAndBiasesAuth(Block):
    """Clients authenticate with Weights & Biases; `api_key` is never returned by the service."""

    api_key: Text | None = None
    server_url: Text | None = None
    enable_usage_reports: pulumi.Input[bool] | None = None
    enable_rate_limiting: pulumi.Input[bool] | None = None


@dataclass(frozen=True)
class BodyBasedRouting(Block):
    """The `model` of the request body names the deployment."""

    api_type: Text = "API_TYPE_OPENAI"


@dataclass(frozen=True)
class HeaderBasedRouting(Block):
    """A header names the deployment."""

    header_name: Text


@dataclass(frozen=True)
class PathBasedRouting(Block):
    """The first segment of the path names the deployment."""


@dataclass(frozen=True)
class EndpointConfiguration(Block):
    """Names and networks of a gateway's endpoint."""

    additional_dns: pulumi.Input[Sequence[Text]] | None = None
    allowed_source_ip_ranges: pulumi.Input[Sequence[Text]] | None = None


@dataclass(frozen=True)
class Model(Block):
    """The name clients ask for, and where the weights are."""

    name: Text
    path: Text
    bucket: Text | None = None


@dataclass(frozen=True)
class Runtime(Block):
    """Engine, version (left out: the newest at creation) and its options; map values become strings."""

    engine: Text
    version: Text | None = None
    engine_config: Mapping[str, Any] | None = None
    engine_env: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Resources(Block):
    """Instance type, and GPUs per replica."""

    instance_type: Text
    gpu_count: Number


@dataclass(frozen=True)
class Autoscaling(Block):
    """Replicas and where they may run."""

    min: Number
    max: Number
    priority: Number | None = None
    concurrency: Number | None = None
    capacity_classes: pulumi.Input[Sequence[Text]] | None = None


@dataclass(frozen=True)
class Traffic(Block):
    """The member's weight in its traffic group, 0 to 1000."""

    weight: Number
