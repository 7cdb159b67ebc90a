"""Which fields of a deployment restart its replicas: data with its sources, see `restarts.yaml`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files

import yaml


class Effect(str, Enum):
    """What a change of a field does to running replicas."""

    ROLLS = "rolls"
    KEEPS = "keeps"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class FieldEffect:
    """One field (`runtime.engineConfig` represents its entries too); `words` name it in a sentence."""

    field: str
    effect: Effect
    words: str
    source: str


@cache
def field_effects() -> tuple[FieldEffect, ...]:
    """The whole table."""
    rows = yaml.safe_load(files(__package__).joinpath("restarts.yaml").read_text(encoding="utf-8"))
    return tuple(
        FieldEffect(row["field"], Effect(row["effect"]), row["words"], row["source"]) for row in rows
    )


def touched(paths: Iterable[str], effect: Effect) -> tuple[FieldEffect, ...]:
    """The fields with that effect among changed paths, in the table's order, each once."""
    found = tuple(paths)
    return tuple(row for row in field_effects() if row.effect is effect and _is_among(row.field, found))


def _is_among(field: str, paths: tuple[str, ...]) -> bool:
    return any(path == field or path.startswith((f"{field}.", f"{field}[")) for path in paths)
