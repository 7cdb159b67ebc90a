"""The parts of a declaration that are not the API's: buckets, their policies, and options, with their limits.

Shape and limits only. How a section is read is beside its reader; the API's own objects have models of their own.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from coreweave_inference.model.bucket_names import BUCKET_NAME, bucket_name_problem
from coreweave_inference.model.durations import seconds
from coreweave_inference.model.fields import (
    EACH_ONCE,
    Flag,
    InSchema,
    MapValue,
    Matching,
    SomeText,
    Text,
    Zone,
    refuse,
    shortened,
    unique,
)
from coreweave_inference.model.message import FieldMeta, Message

ORGANIZATION = r"^(cw[a-f0-9]{4}|(s|q)[a-f0-9]{5}|poc[a-f0-9]{3}|[a-f0-9]{6})$"
DURATION_IN_SCHEMA = InSchema(
    {"type": ["number", "string"], "pattern": "^(?=.)([0-9]+h)?([0-9]+m)?([0-9]+s)?$", "exclusiveMinimum": 0}
)


def _bucket_name(name: str) -> str:
    problem = bucket_name_problem(name)
    if problem:
        raise refuse(f'"{shortened(name)}" {problem}', "choose another name")
    return name


BucketName = Annotated[
    Text, AfterValidator(_bucket_name), InSchema({"pattern": BUCKET_NAME, "minLength": 3, "maxLength": 63})
]


def plain_prefix(prefix: str) -> str:
    """`models` for `models`, `/models/` and `models/*`."""
    return prefix.removesuffix("*").strip("/") if prefix.endswith("/*") else prefix.strip("/")


def _prefix(text: str) -> str:
    prefix = plain_prefix(text)
    if not prefix or prefix == "*":
        raise refuse(
            f'"{shortened(text)}" is the whole bucket', "leave prefixes out to open the whole bucket"
        )
    if re.search(r"[*?]|\$\{", prefix):
        raise refuse(f'"{shortened(text)}" contains a wildcard', "name a folder, such as models")
    if ".." in prefix.split("/"):
        raise refuse(
            f'"{shortened(text)}" contains a ".." segment', "write the folder from the bucket's root"
        )
    return prefix


def duration(value: Any) -> float:
    """Seconds of `45m`, `90s`, `1h30m`, or of a number."""
    found = seconds(value)
    if found is None:
        raise refuse(
            f'"{shortened(str(value))}" is not a duration', "write it as in 45m, 90s or 1h30m, or in seconds"
        )
    return found


class OptionsSection(Message):
    """How the engine treats an object."""

    protect: Annotated[Flag, Field(description="Refuse to delete the object."), FieldMeta()] = False
    adopt: Annotated[
        Flag,
        Field(
            description="Adopt the object of this name where one exists; the plan shows what is written to it. "
            "`cw-inference import` adopts without writing."
        ),
        FieldMeta(),
    ] = False
    aliases: Annotated[
        tuple[SomeText, ...],
        AfterValidator(unique),
        EACH_ONCE,
        Field(description="Names or URNs the object had before, so that a rename keeps it."),
        FieldMeta(do="give the old name"),
    ] = ()
    ignore_changes: Annotated[
        tuple[SomeText, ...],
        AfterValidator(unique),
        EACH_ONCE,
        Field(description="Fields left to others, such as traffic.weight: never drift, never overwritten."),
        FieldMeta(do="name a field, such as traffic.weight"),
    ] = ()
    retain_on_delete: Annotated[
        Flag | None,
        Field(description="Leave the object where it is when it is no longer declared."),
        FieldMeta(),
    ] = None
    delete_before_replace: Annotated[
        Flag | None, Field(description="In a replacement, delete the old object first."), FieldMeta()
    ] = None
    wait: Annotated[Flag, Field(description="Wait until the object serves."), FieldMeta()] = True
    timeout: Annotated[
        Annotated[float, BeforeValidator(duration), DURATION_IN_SCHEMA] | None,
        Field(description="How long to wait: 45m, 90s, 1h30m, or seconds."),
        FieldMeta(),
    ] = None


class PolicySection(Message):
    """What the inference service may read in a bucket."""

    prefixes: Annotated[
        tuple[Annotated[Text, AfterValidator(_prefix), InSchema({"pattern": "[^/*]"})], ...],
        Field(
            description="Folders the service may read; empty: the whole bucket. Slashes at the ends mean nothing."
        ),
        FieldMeta(unordered=True),
    ] = ()
    owner_access: Annotated[
        Literal["organization", "none"] | None,
        Field(
            description="What a first policy says about everybody else in the organization: `organization` keeps "
            "them in, `none` shuts them out. Needed when the bucket had no policy."
        ),
        FieldMeta(),
    ] = None
    organization_id: Annotated[
        Annotated[
            Text,
            Matching(
                ORGANIZATION,
                "is not an organization's id",
                "use the id the Cloud Console shows, such as ab1cd2",
            ),
        ]
        | None,
        Field(description="The organization that `ownerAccess: organization` means; left out: the token's."),
        FieldMeta(),
    ] = None


class BucketSection(Message):
    """A bucket that holds weights."""

    name: Annotated[
        BucketName,
        Field(description="The bucket's name, unique in all of Object Storage, 3 to 63 characters."),
        FieldMeta(do="give the bucket's name, unique in all of Object Storage"),
    ]
    zone: Annotated[
        Zone,
        Field(description="The Availability Zone the bucket lies in, in any case."),
        FieldMeta(upper_case=True, do="name the bucket's zone, such as US-EAST-04A"),
    ]
    tags: Annotated[
        dict[
            Annotated[Text, StringConstraints(min_length=1, max_length=128)],
            Annotated[MapValue, StringConstraints(max_length=256)],
        ],
        Field(description="Tags of the bucket; keys of 1 to 128, values of at most 256 characters."),
        FieldMeta(do="shorten it"),
    ] = Field(default_factory=dict)
    policy: Annotated[
        PolicySection | None,
        Field(
            description="Opens the bucket to the inference service; `false` or left out: its policy is left to others."
        ),
        FieldMeta(presence=True),
    ] = None
    force_destroy: Annotated[
        Flag, Field(description="Empty the bucket, all versions, before it is deleted."), FieldMeta()
    ] = False
    adopt: Annotated[Flag, Field(description="Adopt a bucket that exists already."), FieldMeta()] = False
    options: Annotated[OptionsSection, Field(description="How the engine treats it."), FieldMeta()] = (
        OptionsSection()
    )
