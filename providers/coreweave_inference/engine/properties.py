"""Properties of a step as they may be shown: paths followed, secrets masked, hidden keys left out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from coreweave_inference.model.engine_secrets import SECRET_SIGNATURE, UNKNOWN_MARK, UNKNOWN_MARKS

SECRET = "[secret]"


def readable(value: Any) -> Any:
    """`value` with `[secret]` and `[unknown]` in the place of what the engine marks so, at any depth."""
    if isinstance(value, Mapping):
        if SECRET_SIGNATURE in value:
            return SECRET
        return {key: readable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [readable(item) for item in value]
    return UNKNOWN_MARK if isinstance(value, str) and value in UNKNOWN_MARKS else value


def fields(properties: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Path and value of each property, secrets masked; hidden keys (`__…`) are none of a user's business."""
    for key, value in sorted(properties.items()):
        if not key.startswith("__") and value is not None:
            yield from _leaves(key, readable(value))


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping) or not value:
        yield path, value
        return
    for key, item in value.items():
        yield from _leaves(f"{path}.{key}" if key.isidentifier() else f'{path}["{key}"]', item)


def value_at(values: Mapping[str, Any], path: str) -> Any:
    """The value at a path as the engine writes it (`runtime.engineConfig["max-model-len"]`, `zones[0]`)."""
    value: Any = values
    for key in path_keys(path):
        if isinstance(value, Mapping):
            value = value.get(str(key))
        elif isinstance(value, list) and isinstance(key, int):
            value = value[key] if key < len(value) else None
        else:
            return None
    return readable(value)


def path_keys(path: str) -> list[str | int]:
    """The keys of such a path, in order."""
    keys: list[str | int] = []
    rest = path
    while rest:
        if rest.startswith('["'):
            key, _, rest = rest[2:].partition('"]')
            keys.append(key.replace('\\"', '"'))
        elif rest.startswith("["):
            key, _, rest = rest[1:].partition("]")
            keys.append(int(key) if key.isdigit() else key)
        else:
            rest = rest.removeprefix(".")
            end = min((at for sign in ".[" if (at := rest.find(sign)) >= 0), default=len(rest))
            keys.append(rest[:end])
            rest = rest[end:]
    return keys
