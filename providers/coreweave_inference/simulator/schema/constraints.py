"""The kinds of rule a field can have, each with the validator's own words. Which field has which rule is not decided here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import EnumDescriptor

HOST_LABEL = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?")
HOSTNAME_LABEL = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?")
ZONE = re.compile(r"([A-Z]{2}-[A-Z]+-[0-9]+[A-Z]+|RNO2A)")
UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
URI = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:[^\s<>\"{}|\\^`]+")
SEMANTIC_VERSION = re.compile(
    r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(?:-(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)
ZONE_TEXT = "must be a valid zone: https://docs.coreweave.com/platform/regions/about-regions-and-azs"
VERSION_TEXT = (
    "must be a valid semantic version (major.minor.patch with optional pre-release and build metadata)"
)


class Violations:
    """What is wrong with a request, field by field, in the order found."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def __bool__(self) -> bool:
        return bool(self.found)

    def add(self, path: str, text: str) -> None:
        """Record one violation; `path` is snake_case, e.g. `runtime.engine_config["bogus"]`."""
        self.found.append((path, text))

    def unless(self, holds: object, path: str, text: str) -> None:
        """Record a violation where a rule does not hold."""
        if not holds:
            self.add(path, text)

    def required(self, value: Any, path: str) -> bool:
        """Whether a required field is set; recorded when it is not, and then no other rule of the field counts."""
        present = value is not None and value not in ("", 0, [])
        self.unless(present, path, "value is required")
        return present

    def uuid(self, value: str, path: str) -> None:
        """A UUID with dashes, in any case."""
        if not value:
            self.add(path, "value is empty, which is not a valid UUID")
        else:
            self.unless(UUID.fullmatch(value), path, "must be a valid UUID")

    def host_label(self, value: str, path: str) -> None:
        """One label of a host name, 1 to 63 characters."""
        self.unless(HOST_LABEL.fullmatch(value), path, "must be a valid hostname label")

    def hostname(self, value: str, path: str) -> None:
        """A host name of at most 253 characters whose last label is not all digits."""
        labels = value.removesuffix(".").split(".")
        valid = len(value) <= 253 and all(HOSTNAME_LABEL.fullmatch(label) for label in labels)
        self.unless(valid and not labels[-1].isdigit(), path, "must be a valid hostname")

    def zone(self, value: str, path: str) -> None:
        """The form of a zone name; whether the zone exists is for the catalogue to say."""
        self.unless(ZONE.fullmatch(value), path, ZONE_TEXT)

    def version(self, value: str, path: str) -> None:
        """A semantic version without a leading `v`."""
        self.unless(SEMANTIC_VERSION.fullmatch(value), path, VERSION_TEXT)

    def uri(self, value: str, path: str) -> None:
        """An absolute URI."""
        self.unless(URI.fullmatch(value), path, "must be a valid URI")

    def length(self, value: str, path: str, least: int = 0, most: int | None = None) -> None:
        """The number of characters."""
        self.unless(len(value) >= least, path, f"must be at least {least} characters")
        self.unless(most is None or len(value) <= most, path, f"must be at most {most} characters")

    def pattern(self, value: str, path: str, pattern: str) -> None:
        """A regular expression, anchors written out."""
        matched = re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value)
        self.unless(matched, path, f"does not match regex pattern `{pattern}`")

    def one_of(self, value: object, path: str, allowed: Sequence[object]) -> None:
        """A closed list."""
        listed = ", ".join(str(item) for item in allowed)
        self.unless(value in allowed, path, f"must be in list [{listed}]")

    def between(self, value: int, path: str, least: int, most: int) -> None:
        """An inclusive range."""
        text = f"must be greater than or equal to {least} and less than or equal to {most}"
        self.unless(least <= value <= most, path, text)

    def at_least(self, value: int, path: str, least: int) -> None:
        """A lower bound."""
        self.unless(value >= least, path, f"must be greater than or equal to {least}")

    def count(self, items: Sequence[Any], path: str, least: int = 0, most: int | None = None) -> None:
        """The number of items of a list."""
        self.unless(len(items) >= least, path, f"must contain at least {least} item(s)")
        self.unless(most is None or len(items) <= most, path, f"must contain no more than {most} item(s)")

    def unique(self, items: Sequence[Any], path: str) -> None:
        """No item twice."""
        self.unless(len(set(items)) == len(items), path, "repeated value must contain unique items")

    def enum(self, value: str | int, path: str, enum: EnumDescriptor, refused: Sequence[int]) -> None:
        """A defined value that is not refused; `value` is a name, or a number that the enum has no name for."""
        number = enum.values_by_name[value].number if isinstance(value, str) else value
        listed = ", ".join(str(item) for item in refused)
        self.unless(number not in refused, path, f"must not be in list [{listed}]")
        self.unless(number in enum.values_by_number, path, "must be one of the defined enum values")
