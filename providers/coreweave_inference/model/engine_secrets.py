"""How the engine marks a secret, and a value that it will know later, in a property tree. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .nested import parts, transform

SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key that makes a mapping represent a secret (or an output) instead of being one."""
SECRET = "1b47061264138c4ac30d75fd1eb44270"
"""The value of that key for a secret."""
UNREAD = "(secret)"
UNKNOWN_MARK = "[unknown]"
UNKNOWN_MARKS = frozenset(
    {
        UNKNOWN_MARK,
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""How the engine writes a value of each type that it will know later."""


def holds_secret(value: Any) -> bool:
    """Whether a marked value lies somewhere in `value`."""
    return any(is_marked(part) for part in parts(value))


def is_marked(value: Any) -> bool:
    """Whether `value` is a mapping that represents a secret or an output."""
    return isinstance(value, Mapping) and SECRET_SIGNATURE in value


def without_secrets(value: Any, instead: Any = UNREAD) -> Any:
    """`value` with `instead` in the place of each marked value."""
    return transform(value, lambda part: instead if is_marked(part) else part)


def secret(value: Any) -> dict[str, Any]:
    """`value` as a secret that the engine is to encrypt."""
    return {SECRET_SIGNATURE: SECRET, "value": value}


def is_secret(value: Any) -> bool:
    """Whether `value` was made by `secret`."""
    return is_marked(value) and value[SECRET_SIGNATURE] == SECRET and "value" in value


def revealed(value: Any) -> Any:
    """`value` without the marks of `secret`; what the engine has encrypted stays as it is."""
    return transform(value, lambda part: part["value"] if is_secret(part) else part)
