"""How the engine marks a secret in a property tree, in a state as in what it tells a program. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key that makes a mapping stand for a secret (or an output) instead of being one."""
UNREAD = "(secret)"


def holds_secret(value: Any) -> bool:
    """Whether a marked value lies somewhere in `value`."""
    if isinstance(value, Mapping):
        return SECRET_SIGNATURE in value or any(holds_secret(item) for item in value.values())
    return isinstance(value, list) and any(holds_secret(item) for item in value)


def without_secrets(value: Any, instead: Any = UNREAD) -> Any:
    """`value` with `instead` in the place of each marked value."""
    if isinstance(value, Mapping):
        if SECRET_SIGNATURE in value:
            return instead
        return {key: without_secrets(item, instead) for key, item in value.items()}
    return [without_secrets(item, instead) for item in value] if isinstance(value, list) else value
