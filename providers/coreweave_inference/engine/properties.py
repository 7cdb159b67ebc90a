"""Properties of a step as they may be shown: paths followed, secrets masked, hidden keys left out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from coreweave_inference.model.engine_secrets import UNKNOWN_MARK, UNKNOWN_MARKS, is_marked
from coreweave_inference.model.nested import leaves, transform
from coreweave_inference.model.paths import location_of, path_of, value_at

SECRET = "[secret]"


def readable(value: Any) -> Any:
    """`value` with `[secret]` and `[unknown]` in the place of what the engine marks so, at any depth."""
    return transform(value, _shown)


def _shown(part: Any) -> Any:
    if is_marked(part):
        return SECRET
    return UNKNOWN_MARK if isinstance(part, str) and part in UNKNOWN_MARKS else part


def fields(properties: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Path and value of each property, secrets masked; hidden keys (`__…`) are none of a user's business."""
    for key, value in sorted(properties.items()):
        if not key.startswith("__") and value is not None:
            for location, leaf in leaves(readable(value), lists=False):
                yield path_of(location, key), leaf


def readable_at(values: Mapping[str, Any], path: str) -> Any:
    """The value at a path as the engine writes it (`runtime.engineConfig["max-model-len"]`, `zones[0]`)."""
    return readable(value_at(values, location_of(path)))
