"""What every message of the API is made of: the base model, rules between fields, and what is known about a field.

No message of the API itself belongs here, and nothing that reads files or compares specs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from typing_extensions import Self

RULE = "rule"
"""Error type of a broken rule between fields."""

OURS = "ours"
"""Error type of a broken rule of one field that carries our own words (`what`, `do`)."""


class Change(Enum):
    """What a change of a field does to a live object.

    Whether a change in place restarts replicas is documented nowhere, so nothing here claims it.
    """

    IN_PLACE = "in place"
    REPLACES = "replaces the object"


@dataclass(frozen=True)
class FieldMeta:
    """What is known about a field besides its type and limits; it is beside the field."""

    change: Change = Change.IN_PLACE
    do: str = ""
    """What a user does when the field's limit is broken."""
    why: str = ""
    """Why the limit is there, where that is not obvious."""
    secret: bool = False
    """Never shown."""
    write_only: bool = False
    """The service takes it and never returns it."""
    unordered: bool = False
    """A list whose order means nothing."""
    upper_case: bool = False
    """Written in upper case, whatever a user writes."""
    ignores_case: bool = False
    """The service takes any case and answers in its own."""
    synonyms: tuple[tuple[str, str], ...] = ()
    """(other name, name) of values that mean the same."""
    presence: bool = False
    """A message that means something even when it is empty."""
    newer: bool = False
    """Not in the published schema; a default of it is not sent, as a strict service would refuse the field."""


@dataclass(frozen=True)
class RuleViolation:
    """A broken rule: the field it is shown at (below its message), what is wrong, what to do."""

    field: str
    what: str
    do: str


@dataclass(frozen=True)
class MessageRule:
    """A rule between fields of one message; `check` sees the message as plain camelCase values."""

    touches: tuple[str, ...]
    check: Callable[[Mapping[str, Any]], RuleViolation | None]


def broken_rules(
    rules: tuple[MessageRule, ...], values: Mapping[str, Any], unjudged: frozenset[str] = frozenset()
) -> Iterator[RuleViolation]:
    """The rules that `values` break; a rule that touches an `unjudged` field is left alone."""
    for rule in rules:
        if unjudged.intersection(rule.touches):
            continue
        broken = rule.check(values)
        if broken:
            yield broken


class Message(BaseModel):
    """A message of the API: camelCase on the wire, snake_case in Python, no field it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    rules: ClassVar[tuple[MessageRule, ...]] = ()

    @model_validator(mode="after")
    def _keeps_its_rules(self) -> Self:
        values = self.model_dump(by_alias=True, exclude_none=True)
        for broken in broken_rules(type(self).rules, values):
            raise PydanticCustomError(RULE, "{what}; {do}", {"what": broken.what, "do": broken.do})
        return self
