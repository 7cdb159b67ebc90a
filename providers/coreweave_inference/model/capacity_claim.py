"""A capacity claim: GPU instances reserved in one zone, billed for as long as the claim exists.

Only the shape and the limits of the API object belong here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from .fields import EACH_ONCE, Count, Matching, SomeText, Text, Zone, unique
from .message import Change, FieldMeta, Message

NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
LONGEST_NAME = 100

NEWER_NAME, OLDER_NAME = "CAPACITY_TYPE_MANAGED", "CAPACITY_TYPE_SERVERLESS"
"""The two names of one capacity type; a service may know only one of them."""
CapacityType = Literal["CAPACITY_TYPE_SERVERLESS", "CAPACITY_TYPE_MANAGED", "CAPACITY_TYPE_CUSTOMER"]


class CapacityClaimResources(Message):
    """What a claim reserves."""

    instance_id: Annotated[
        SomeText,
        Field(description="Instance type to reserve, in any case; it must be offered in the zone."),
        FieldMeta(
            change=Change.REPLACES, ignores_case=True, do="`cw-inference catalog` lists the instance types"
        ),
    ]
    instance_count: Annotated[
        Count,
        Field(ge=1, description="Number of instances, at least 1. A managed claim may shrink with a delay."),
        FieldMeta(
            why="an empty claim reserves nothing, though the service would take it",
            do="ask for 1 or more, or remove the claim",
        ),
    ]
    capacity_type: Annotated[
        CapacityType,
        Field(
            description="Where the instances come from: CAPACITY_TYPE_SERVERLESS (CoreWeave's inference pool, "
            "billed on demand; newer services call it CAPACITY_TYPE_MANAGED, and the two names mean the same) or "
            "CAPACITY_TYPE_CUSTOMER (your own quota)."
        ),
        FieldMeta(change=Change.REPLACES, synonyms=((NEWER_NAME, OLDER_NAME),)),
    ]
    zones: Annotated[
        tuple[Zone, ...],
        Field(min_length=1, max_length=1, description="The Availability Zone, exactly one, in any case."),
        AfterValidator(unique),
        EACH_ONCE,
        FieldMeta(
            change=Change.REPLACES,
            unordered=True,
            upper_case=True,
            do="name exactly one zone; another zone needs a claim of its own",
        ),
    ]


class CapacityClaimSpec(Message):
    """What a capacity claim is; once created, only its count can change."""

    name: Annotated[
        Annotated[
            Text,
            StringConstraints(min_length=1, max_length=LONGEST_NAME),
            Matching(
                NAME,
                "is not a valid claim name",
                "use lower-case letters, digits and hyphens, with a letter or digit at both ends",
            ),
        ]
        | None,
        Field(
            description="1 to 100 lower-case letters, digits and hyphens; left out: derived from resource and "
            "stack, so that a replacement can be created before the old claim goes."
        ),
        FieldMeta(change=Change.REPLACES, do="shorten it"),
    ] = None
    resources: Annotated[CapacityClaimResources, Field(description="What the claim reserves."), FieldMeta()]
