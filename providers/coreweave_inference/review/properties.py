"""A resource's properties as they may be shown: hidden keys left out, secrets masked, unknown values marked.

And what differs between two of them. What a difference means is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from coreweave_inference.model import UNKNOWN, Kind
from coreweave_inference.model.engine_secrets import UNKNOWN_MARKS, is_marked
from coreweave_inference.model.nested import mask, transform, whole_number
from coreweave_inference.model.normal_form import differences
from coreweave_inference.model.paths import entry, location_of, path_of, segments, value_at
from coreweave_inference.model.shape import secret_names

HIDDEN = "(hidden)"
MASKED = "[secret]"

ENGINE_ENV = re.compile(
    r"runtime\.engineEnv(?:\.(?P<dotted>[A-Za-z_][A-Za-z0-9_]*)|\[\"(?P<quoted>[^\"]+)\"\])?"
)


@dataclass(frozen=True)
class PropertyChange:
    """One property that differs; `None` is absent. Secrets are masked on both sides."""

    path: str
    before: Any
    after: Any

    @property
    def known(self) -> bool:
        """Whether both values may be read: neither is a secret or known later as a whole; parts of them may be."""
        return not any(value is UNKNOWN or value == HIDDEN for value in (self.before, self.after))


def readable(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties as they may be shown; the engine's hidden keys start with two underscores."""
    visible = {key: value for key, value in properties.items() if not key.startswith("__")}
    readable_values: dict[str, Any] = mask(transform(visible, _readable), secret_names(), _hidden)
    return readable_values


def _readable(part: Any) -> Any:
    if is_marked(part) or part == MASKED:
        return HIDDEN
    return UNKNOWN if isinstance(part, str) and part in UNKNOWN_MARKS else whole_number(part)


def _hidden(value: Any) -> Any:
    return dict.fromkeys(value, HIDDEN) if isinstance(value, Mapping) else HIDDEN


def changes(
    kind: Kind | None, before: Mapping[str, Any], after: Mapping[str, Any], engine_paths: Iterable[str]
) -> tuple[PropertyChange, ...]:
    """What differs by meaning; for a resource that the schema does not know: what the engine, or a comparison, says.

    A secret's values are masked, so that it changed is known from the engine alone.
    """
    if kind is None:
        return _of_any(before, after, tuple(engine_paths))
    found = [PropertyChange(d.path, d.left, d.right) for d in differences(kind, before, after)]
    known = {change.path for change in found}
    secret = (path for path in (_secret_path(path) for path in engine_paths) if path and path not in known)
    return (*found, *(PropertyChange(path, HIDDEN, HIDDEN) for path in dict.fromkeys(secret)))


def _secret_path(engine_path: str) -> str:
    """The engine's path of a secret in our notation; empty for what is none."""
    match = ENGINE_ENV.match(engine_path)
    if match:
        name = match["dotted"] or match["quoted"]
        return entry("runtime.engineEnv", name) if name else "runtime.engineEnv"
    try:
        parts = segments(engine_path)
    except ValueError:
        return ""
    return engine_path if not secret_names().isdisjoint(parts) else ""


def _of_any(
    before: Mapping[str, Any], after: Mapping[str, Any], engine_paths: tuple[str, ...]
) -> tuple[PropertyChange, ...]:
    shown = sorted(path for path in engine_paths if not path.startswith("__"))
    if not shown:
        return tuple(
            PropertyChange(path, value_at(before, keys), value_at(after, keys))
            for path, keys in sorted(_different_paths(before, after).items())
        )
    top = {path: location_of(path)[0] for path in shown}
    return tuple(PropertyChange(path, before.get(key), after.get(key)) for path, key in top.items())


def _different_paths(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Paths of the values that differ, with their keys; a list counts as one value, whatever its order."""
    from deepdiff import DeepDiff  # A quarter of a second, and needed for resources of other packages alone.

    found = DeepDiff(dict(before), dict(after), ignore_order=True, view="tree")
    paths = (item.path(output_format="list") for items in found.values() for item in items)
    keys = {tuple(takewhile(lambda key: isinstance(key, str), path)) for path in paths}
    return {path_of(each): each for each in keys if each}
