"""Values of a live spec as a file writes them: numbers as numbers, secrets as references, and small things on one line."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from coreweave_inference.declaration import SecretReference
from coreweave_inference.model.fields import as_text
from coreweave_inference.model.paths import below, entry


def scalar(text: str) -> Any:
    """A text of one of the API's maps as a number or boolean where a declaration reads that as the same text."""
    candidate: Any = text
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,14})", text):
        candidate = int(text)
    elif re.fullmatch(r"-?[0-9]{1,9}\.[0-9]{1,9}", text):
        candidate = float(text)
    elif text in ("true", "false"):
        candidate = text == "true"
    return candidate if as_text(candidate) == text else text


def environment_name(key: str, name: str, taken: Collection[str]) -> str:
    """The variable that a reference names: `CHAT_HF_TOKEN` for `HF_TOKEN` of `chat`."""
    start = re.sub(r"[^A-Z0-9]+", "_", f"{key}_{name}".upper()).strip("_")
    wanted = start if re.match(r"[A-Z_]", start) else f"CW_{start}"
    number, found = 2, wanted
    while found in taken:
        found, number = f"{wanted}_{number}", number + 1
    return found


def overlay(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry says that extends `base` to be `own`: values that differ, and `None` for what `base` has too much."""
    found: dict[str, Any] = {}
    for name in [*own, *(name for name in base if name not in own)]:
        theirs, ours = base.get(name), own.get(name)
        if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
            inner = overlay(theirs, ours)
            if inner:
                found[name] = inner
        elif theirs != ours:
            found[name] = ours
    return found


def count_leaves(value: Any) -> int:
    """How many fields an overlay changes."""
    return sum(map(count_leaves, value.values())) if isinstance(value, Mapping) and value else 1


def references_in(spec: Mapping[str, Any], start: str = "") -> dict[str, SecretReference]:
    """By path the references to secrets in a declared spec."""
    found: dict[str, SecretReference] = {}
    for name, value in spec.items():
        path = entry(start, str(name)) if start.endswith("engineEnv") else below(start, str(name))
        if isinstance(value, SecretReference):
            found[path] = value
        elif isinstance(value, Mapping):
            found.update(references_in(value, path))
    return found
