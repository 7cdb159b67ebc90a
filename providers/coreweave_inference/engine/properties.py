"""Properties of a step as they may be shown: paths followed, secrets masked, hidden keys left out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from coreweave_inference.model.engine_secrets import UNKNOWN_MARK, UNKNOWN_MARKS, is_marked
from coreweave_inference.model.nested import leaves, transform
from coreweave_inference.model.paths import location_of, path_of, value_at
from coreweave_inference.provider.values import PARTIAL

if TYPE_CHECKING:
    from pulumi.automation.events import StepEventMetadata

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


def changed_paths(metadata: StepEventMetadata) -> list[str]:
    """The paths that the engine says a step changes. It compares outputs with inputs, and outputs seal each value of an
    environment: one that is in plain text and the same in both inputs did not change. Nor did what a run with targets says
    nothing of.
    """
    sides = [state.inputs or {} if state is not None else {} for state in (metadata.old, metadata.new)]
    outputs = (metadata.old.outputs if metadata.old is not None else None) or {}

    def is_sealed_alone(path: str) -> bool:
        location = location_of(path)
        before, after = (value_at(side, location) for side in sides)
        known = before is not None and readable(before) == before and before == after
        return known and SECRET in [leaf for _, leaf in leaves({"": readable_at(outputs, path)}, lists=True)]

    def is_not_targeted(path: str) -> bool:
        return bool(sides[1].get(PARTIAL)) and value_at(sides[1], location_of(path)) is None

    changed = sorted(metadata.detailed_diff or {})
    return [path for path in changed if not is_sealed_alone(path) and not is_not_targeted(path)]


def readable_at(values: Mapping[str, Any], path: str) -> Any:
    """The value at a path as the engine writes it (`runtime.engineConfig["max-model-len"]`, `zones[0]`)."""
    return readable(value_at(values, location_of(path)))
