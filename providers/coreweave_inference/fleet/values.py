"""Values of a spec as a rule needs them: of the type it expects, or `None` where nothing is known.

A spec may hold anything: what is not known yet, a reference to a secret, or what a newer service answers. No rule
belongs here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreweave_inference.model.normal_form import get_path
from coreweave_inference.model.unknown import UNKNOWN


def message(spec: Any, name: str) -> Mapping[str, Any] | None:
    """A message or map of `spec`; empty where it is left out, `None` where it is not known."""
    value = spec.get(name) if isinstance(spec, Mapping) else UNKNOWN
    if value is None:
        return {}
    return value if isinstance(value, Mapping) else None


def text(spec: Mapping[str, Any] | None, name: str) -> str | None:
    """A text; `None` where it is left out, empty or not known."""
    value = (spec or {}).get(name)
    return value if isinstance(value, str) and value else None


def number(spec: Mapping[str, Any] | None, name: str, default: int | None = 0) -> int | None:
    """A whole number; `default` where it is left out, `None` where it is not known."""
    if spec is None:
        return None
    value = spec.get(name)
    if value is None:
        return default
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def flag(spec: Mapping[str, Any] | None, name: str) -> bool | None:
    """A boolean, false where it is left out; `None` where it is not known."""
    value = (spec or {}).get(name)
    if value is None:
        return False
    return value if isinstance(value, bool) else None


def texts(spec: Mapping[str, Any] | None, name: str) -> tuple[str, ...] | None:
    """A list of texts, empty where it is left out; `None` where any of it is not known."""
    if spec is None:
        return None
    value = spec.get(name)
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        return None
    return tuple(value)


def model_name(spec: Mapping[str, Any]) -> str:
    """The model name of a live deployment, by which clients ask for it; empty where there is none."""
    return str(get_path(spec, "model.name") or "")


def weights_bucket(spec: Mapping[str, Any]) -> str:
    """The bucket of a live deployment's weights; empty for other kinds."""
    return str(get_path(spec, "model.bucket") or "")


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def names(value: Any) -> tuple[str, ...]:
    """The texts among the items of a list; of anything else none."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, (list, tuple)) else ()
