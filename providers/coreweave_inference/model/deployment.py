"""A deployment: one model served by replicas of an engine on GPUs, behind one or more gateways.

Only the shape and the limits of the API object belong here. The engines, versions, instance types and configuration
keys that exist are the service's to say and are not listed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints

from .fields import (
    EACH_ONCE,
    Count,
    Flag,
    HostLabel,
    InSchema,
    MapValue,
    Matching,
    SomeText,
    Text,
    Uuid,
    Whole,
    refuse,
    unique,
)
from .message import Change, FieldMeta, Message, MessageRule, RuleViolation

GPU_COUNTS = (1, 2, 4, 8, 16)
LATEST = "latest"
"""Means the newest version that the service offers; never sent."""
WEIGHT_ALONE = 100
"""The weight of a deployment that says none and shares its model name with no other on its gateways."""

SEMANTIC_VERSION = re.compile(
    r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(?:-(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?\Z"
)

VERSION_IN_SCHEMA = InSchema(
    {"pattern": "^(?:" + LATEST + "|" + SEMANTIC_VERSION.pattern.removesuffix(r"\Z") + ")$"}
)

CapacityClass = Literal["CAPACITY_CLASS_RESERVED", "CAPACITY_CLASS_ON_DEMAND"]


def _version(text: str) -> str:
    if text != LATEST and not SEMANTIC_VERSION.match(text):
        without_v = text[1:] if SEMANTIC_VERSION.match(text[1:]) else "0.22.0"
        raise refuse(
            f'"{text[:60]}" is not a semantic version',
            f"write it as in {without_v}, write latest, or leave it out",
        )
    return text


def _gpu_count(count: int) -> int:
    if count not in GPU_COUNTS:
        raise refuse(f"{count} is not one of 1, 2, 4, 8, 16", "choose one of these")
    return count


SCHEME = re.compile(r"[A-Za-z0-9+.-]+://")


def _folder_in_bucket(path: str) -> str:
    if ".." in path.split("/"):
        raise refuse(
            'contains a ".." segment, which the service refuses', "write the path from the bucket's root"
        )
    if SCHEME.match(path):
        raise refuse(
            "is a URL",
            "write the folder within the bucket, such as models/llama-3.1-8b, and the bucket under model.bucket",
        )
    return path


def _min_within_max(autoscaling: Mapping[str, Any]) -> RuleViolation | None:
    least, most = autoscaling.get("min"), autoscaling.get("max")
    if not isinstance(least, (int, float)) or not isinstance(most, (int, float)) or least <= most:
        return None
    what = f"autoscaling.min ({least:.0f}) exceeds max ({most:.0f})"
    return RuleViolation("min", what, "lower min or raise max; equal values switch autoscaling off")


ConfigKey = Annotated[
    Text,
    StringConstraints(max_length=253),
    Matching(
        r"^[A-Za-z0-9_.-]+$",
        "is not a configuration key",
        "use letters, digits, underscores, dots and hyphens, as in max-model-len",
    ),
]
EnvironmentName = Annotated[
    Text,
    StringConstraints(max_length=253),
    Matching(
        r"^[A-Za-z_][A-Za-z0-9_]*$",
        "is not the name of an environment variable",
        "use letters, digits and underscores, not starting with a digit",
    ),
]


class Runtime(Message):
    """Which engine serves the model, and how it is set up."""

    engine: Annotated[
        SomeText,
        Field(description="The inference engine, such as vllm; the service says which there are."),
        FieldMeta(do="name an engine, such as vllm"),
    ]
    version: Annotated[
        Annotated[Text, AfterValidator(_version), VERSION_IN_SCHEMA] | None,
        Field(
            description="Semantic version of the engine. Left out: the newest at creation, kept until the engine "
            "changes. `latest`: follows the newest."
        ),
        FieldMeta(),
    ] = None
    engine_config: Annotated[
        dict[ConfigKey, MapValue],
        Field(
            description="Options of the engine, such as max-model-len: 16384. Numbers keep their text, booleans become text; "
            'an empty value ("") switches a flag on. Values have at most 1024 characters and no `$(`.'
        ),
        FieldMeta(do="shorten it"),
    ] = Field(default_factory=dict)
    engine_env: Annotated[
        dict[EnvironmentName, MapValue],
        Field(
            max_length=100,
            description="Environment variables of the engine, at most 100, each value at most 1024 characters and "
            "without `$(`. Values are never shown.",
        ),
        FieldMeta(secret=True, do="shorten it"),
    ] = Field(default_factory=dict)


class Resources(Message):
    """The hardware of one replica."""

    instance_type: Annotated[
        SomeText,
        Field(description="GPU instance type, in the service's own case."),
        FieldMeta(do="`cw-inference catalog` lists the instance types"),
    ]
    gpu_count: Annotated[
        Whole,
        AfterValidator(_gpu_count),
        InSchema({"enum": list(GPU_COUNTS)}),
        Field(description="GPUs per replica: 1, 2, 4, 8 or 16. CPU and memory follow from it."),
        FieldMeta(do="choose one of 1, 2, 4, 8, 16"),
    ]


class Model(Message):
    """Where the weights lie, and by what name clients ask for them."""

    name: Annotated[
        Text,
        StringConstraints(min_length=4, max_length=63),
        Matching(
            r"^[a-zA-Z0-9._:/_-]+$",
            "is not a model name",
            "use letters, digits, dots, underscores, colons, slashes and hyphens",
        ),
        Field(
            description="The name clients ask for, 4 to 63 characters. Deployments that share it on a gateway share "
            "its traffic."
        ),
        FieldMeta(do="use 4 to 63 characters, such as acme/chat"),
    ]
    bucket: Annotated[
        HostLabel,
        Field(description="The Object Storage bucket that holds the weights."),
        FieldMeta(do="name the bucket that holds the weights"),
    ]
    path: Annotated[
        SomeText,
        AfterValidator(_folder_in_bucket),
        InSchema({"pattern": r"^(?!(?:.*/)?\.\.(?:/|$))(?![A-Za-z0-9+.-]+://)"}),
        Field(description="The folder of the model within the bucket, without `..` segments."),
        FieldMeta(do="name the model's folder within the bucket"),
    ]


class Autoscaling(Message):
    """Between which bounds the service moves the number of replicas, and by what signals."""

    rules: ClassVar[tuple[MessageRule, ...]] = (MessageRule(("min", "max"), _min_within_max),)

    min: Annotated[
        Count,
        Field(ge=1, description="Replicas that always run, at least 1."),
        FieldMeta(
            why="the service does not scale to zero",
            do="use 1 or more; `disabled: true` stops serving and keeps the configuration",
        ),
    ]
    max: Annotated[
        Count,
        Field(ge=1, description="Replicas at most; not below min. Equal to min: no autoscaling."),
        FieldMeta(why="the service does not scale to zero", do="use min or more"),
    ]
    priority: Annotated[
        Whole,
        Field(ge=0, le=1000, description="Who scales first when GPUs are short, 0 to 1000, higher first."),
        FieldMeta(do="use a number from 0 to 1000"),
    ] = 0
    capacity_classes: Annotated[
        tuple[CapacityClass, ...],
        AfterValidator(unique),
        EACH_ONCE,
        Field(
            description="Capacity that replicas may use, in order: CAPACITY_CLASS_RESERVED (claims), "
            "CAPACITY_CLASS_ON_DEMAND (unclaimed); empty: both."
        ),
        FieldMeta(),
    ] = ()
    concurrency: Annotated[
        Count,
        Field(
            ge=1,
            description="Target of concurrent requests per replica, at least 1; left out: the service's.",
        ),
        FieldMeta(do="use 1 or more, or leave it out"),
    ] = 0


class Traffic(Message):
    """The deployment's share of its model name's requests."""

    weight: Annotated[
        Whole,
        Field(
            ge=0,
            le=1000,
            description="Share among the deployments with the same model name on the same gateway, 0 to 1000; "
            "0 stops traffic. Left out in a declaration: 100 for a deployment that is alone under its model name, and a fault "
            "for one that is not.",
        ),
        FieldMeta(do="use a number from 0 to 1000; only the ratio between members counts"),
    ] = 0


class DeploymentSpec(Message):
    """What a deployment is. The service needs a `traffic` block; here a left out one is weight 0."""

    name: Annotated[
        HostLabel | None,
        Field(
            description="Hostname label, 1 to 63 characters; left out: derived from resource, project and stack."
        ),
        FieldMeta(change=Change.REPLACES),
    ] = None
    gateway_ids: Annotated[
        tuple[Uuid, ...],
        Field(min_length=1, description="Ids of the gateways that route to this deployment, each once."),
        AfterValidator(unique),
        EACH_ONCE,
        FieldMeta(unordered=True, ignores_case=True, do="name at least one gateway"),
    ]
    runtime: Annotated[Runtime, Field(description="Engine, version and configuration."), FieldMeta()]
    resources: Annotated[Resources, Field(description="Hardware of one replica."), FieldMeta()]
    model: Annotated[Model, Field(description="Weights and the name clients ask for."), FieldMeta()]
    autoscaling: Annotated[Autoscaling, Field(description="Bounds and signals of scaling."), FieldMeta()]
    traffic: Annotated[Traffic, Field(description="Share of the traffic."), FieldMeta()] = Traffic()
    disabled: Annotated[Flag, Field(description="Keep the configuration and serve nothing."), FieldMeta()] = (
        False
    )
