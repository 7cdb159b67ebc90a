"""How ids and names are derived from what a user declares. FROZEN: each answer here is part of users' state.

Nothing here may depend on the clock, chance, the environment or the order of a mapping.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from .kinds import Kind
from .unknown import has_unknown

NAMESPACE = uuid.UUID("8b386ae1-4bf7-40c7-8925-04685b8df6cd")
LONGEST = {Kind.GATEWAY: 63, Kind.DEPLOYMENT: 63, Kind.CAPACITY_CLAIM: 100}
DIGEST_DIGITS = 6


def canonical(value: Any) -> str:
    """JSON with sorted keys, without spaces, ASCII only, whole floats as integers; equal values give equal text.

    Raises ValueError for a value that is not known yet and for numbers that JSON has not.
    """
    if has_unknown(value):
        raise ValueError("a value that is not known yet has no canonical form")
    return json.dumps(_whole(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _whole(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _whole(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_whole(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def replace_identity(kind: Kind, declared: Mapping[str, Any]) -> str:
    """The fields whose change replaces the object, as declared, as canonical JSON.

    Two ways of writing one value (the case of an instance type, the two names of a capacity type) are one. Raises
    ValueError if one of them is not known yet.
    """
    fields: dict[str, Any] = {"name": declared.get("name") or None}
    if kind is Kind.CAPACITY_CLAIM:
        resources = declared.get("resources") or {}
        capacity_type = resources.get("capacityType")
        managed = capacity_type == "CAPACITY_TYPE_MANAGED"
        fields["resources.instanceId"] = str(resources.get("instanceId") or "").lower()
        fields["resources.capacityType"] = "CAPACITY_TYPE_SERVERLESS" if managed else capacity_type
        fields["resources.zones"] = sorted(str(zone).upper() for zone in resources.get("zones") or ())
    return canonical(fields)


def stack_identity(configured: str | None, organisation: str, project: str, stack: str) -> str:
    """What tells this stack's objects from all others: the configured identity, else the stack's three names."""
    return configured or canonical([organisation, project, stack])


def object_id(stack_identity: str, kind: Kind, resource_name: str, replace_identity: str) -> str:
    """The object's id: a UUIDv5, the same in every run until a field that replaces the object changes."""
    return _uuid(canonical([stack_identity, kind.wrapper, resource_name, replace_identity]))


def salted(object_id: str) -> str:
    """Another id for the same object, for when its own was refused and is nowhere to be found."""
    return _uuid(canonical(["salted", object_id]))


def _uuid(text: str) -> str:
    return str(uuid.uuid5(NAMESPACE, text))


def default_name(kind: Kind, resource_name: str, stack: str, replace_identity: str) -> str:
    """The name of an object that declares none: `<resource>-<stack>`, made a valid hostname label.

    Where characters had to change or it had to be cut, it ends in a digest of the original, so that two names stay
    two. A capacity claim's always ends in a digest of `replace_identity`: its replacement has another name and can be
    created while the old claim is still there.
    """
    if kind is Kind.CAPACITY_CLAIM:
        stem = _label(f"{resource_name}-{stack}", LONGEST[kind] - DIGEST_DIGITS - 1)
        return f"{stem}-{_digest(replace_identity)}"
    return _label(f"{resource_name}-{stack}", LONGEST[kind])


def _label(text: str, longest: int) -> str:
    """`text` as a lower-case hostname label of at most `longest` characters."""
    label = re.sub(r"[^a-z0-9-]", "-", text.lower()).strip("-")
    if label == text and len(label) <= longest:
        return label
    cut = label[: longest - DIGEST_DIGITS - 1].strip("-")
    return f"{cut}-{_digest(text)}" if cut else _digest(text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_DIGITS]
