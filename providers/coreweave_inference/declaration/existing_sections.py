"""The shape and the limits of what is under `existing`; how it is read is in `existing`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from coreweave_inference.model.fields import Matching, SomeText, Text, Uuid, Zone
from coreweave_inference.model.message import FieldMeta, Message, MessageRule, RuleViolation

from .sections import BucketName

ONE_WAY = ("name", "id", "stack")
STACK = r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$"

StackName = Annotated[
    Text,
    Matching(
        STACK,
        "is not the full name of a stack",
        "write organization/project/stack; in a state backend of your own the first part is the word organization",
    ),
]
OtherStack = Annotated[
    StackName | None,
    Field(description="Another Pulumi stack whose object it is: `organization/project/stack`."),
    FieldMeta(),
]
OtherKey = Annotated[
    SomeText | None,
    Field(description="Its key in the other stack; left out: the same as here."),
    FieldMeta(do="give the key it has in the other stack"),
]


def _one_way(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], RuleViolation | None]:
    listed = ", ".join(names)

    def check(values: Mapping[str, Any]) -> RuleViolation | None:
        given = [name for name in names if values.get(name) is not None]
        if len(given) == 1:
            return None
        if not given:
            return RuleViolation(names[0], f"none of {listed} is given", "say which one it is")
        return RuleViolation(
            given[1], f"{' and '.join(given)} are mutually exclusive", "keep exactly one of them"
        )

    return check


def _only_with(name: str, other: str) -> Callable[[Mapping[str, Any]], RuleViolation | None]:
    def check(values: Mapping[str, Any]) -> RuleViolation | None:
        if values.get(name) is None or values.get(other) is not None:
            return None
        return RuleViolation(name, f"is given without {other}", f"take it out, or say {other}")

    return check


class ExistingObjectSection(Message):
    """A gateway or capacity claim that exists, identified by exactly one of `name`, `id` and `stack`."""

    rules: ClassVar[tuple[MessageRule, ...]] = (
        MessageRule(ONE_WAY, _one_way(ONE_WAY)),
        MessageRule(("key", "stack"), _only_with("key", "stack")),
    )

    name: Annotated[
        SomeText | None,
        Field(description="The name it has in the account."),
        FieldMeta(do="give the name that the service shows"),
    ] = None
    id: Annotated[Uuid | None, Field(description="Its id (a UUID)."), FieldMeta()] = None
    stack: OtherStack = None
    key: OtherKey = None


class ExistingBucketSection(Message):
    """A bucket that exists, identified by exactly one of `name` and `stack`."""

    rules: ClassVar[tuple[MessageRule, ...]] = (
        MessageRule(("name", "stack"), _one_way(("name", "stack"))),
        MessageRule(("key", "stack"), _only_with("key", "stack")),
        MessageRule(("zone", "name"), _only_with("zone", "name")),
    )

    name: Annotated[
        BucketName | None,
        Field(description="The bucket's name."),
        FieldMeta(),
    ] = None
    zone: Annotated[
        Zone | None,
        Field(description="The Availability Zone it lies in, in any case; left out: not judged."),
        FieldMeta(upper_case=True),
    ] = None
    stack: OtherStack = None
    key: OtherKey = None
