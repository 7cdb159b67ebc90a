"""How ids and names of new objects are derived from what a user declares; those in a state stay as they are.

Nothing here may depend on the clock, chance, the environment or the order of a mapping.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from .kinds import Kind
from .nested import transform, whole_number
from .normal_form import get_path
from .paths import segments
from .shape import FieldShape, replacing_fields
from .unknown import has_unknown

NAMESPACE = uuid.UUID("8b386ae1-4bf7-40c7-8925-04685b8df6cd")
LONGEST = {Kind.GATEWAY: 63, Kind.DEPLOYMENT: 63, Kind.CAPACITY_CLAIM: 100}
DIGEST_DIGITS = 6
IN_COMPONENT = re.compile(r"(?P<name>.+) \((?P<parents>[^()\s]+:[^()\s]+)\)", re.DOTALL)


def canonical(value: Any) -> str:
    """JSON with sorted keys, without spaces, ASCII only, whole floats as integers; equal values give equal text.

    Raises ValueError for a value that is not known yet and for numbers that JSON has not.
    """
    if has_unknown(value):
        raise ValueError("a value that is not known yet has no canonical form")
    return json.dumps(transform(value, whole_number), sort_keys=True, separators=(",", ":"), allow_nan=False)


def replace_identity(kind: Kind, declared: Mapping[str, Any]) -> str:
    """The fields whose change replaces the object, as declared, as canonical JSON.

    Two ways of writing one value (the case of an instance type, the two names of a capacity type) are one. Raises
    ValueError if one of them is not known yet.
    """
    fields = replacing_fields(kind.model)
    return canonical({path: _as_one(fields[path], get_path(declared, path)) for path in fields})


def _as_one(field: FieldShape, value: Any) -> Any:
    """One value for all that mean the same. FROZEN: ids derive from it."""
    if isinstance(value, (list, tuple)):
        return sorted((_as_one(field, item) for item in value), key=str)
    if not isinstance(value, str) or not value:
        return value or None
    same = dict(field.about.synonyms).get(value, value)
    return same.lower() if field.about.ignores_case else same.upper() if field.about.upper_case else same


def replacing_part(kind: Kind, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a spec in which the fields lie that replace the object."""
    return {name: spec.get(name) for name in _replacing_members(kind)}


@cache
def _replacing_members(kind: Kind) -> tuple[str, ...]:
    return tuple(dict.fromkeys(segments(path)[0] for path in replacing_fields(kind.model)))


def stack_identity(configured: str | None, organization: str, project: str, stack: str) -> str:
    """What ids, bucket tags and Sids of a stack derive from: the configured identity, else the organization, with the
    names of project and stack. The same file in another stack is another identity.
    """
    return canonical([configured or organization, project, stack])


@dataclass(frozen=True)
class Place:
    """What makes a resource unique in its stack: its name, and the types of the components around it (`a:b:C$d:e:F`)."""

    name: str
    parents: str = ""

    @property
    def key(self) -> str:
        """How a resource is called in reports: `chat`, and `chat (acme:a:Chat)` inside of a component."""
        return f"{self.name} ({self.parents})" if self.parents else self.name

    @property
    def unique(self) -> str:
        """As it ends a URN."""
        return f"{self.parents}${self.name}" if self.parents else self.name


def place_in(text: str) -> Place:
    """The place that a URN or a `Place.key` tells; a bare name is that of a resource without components around it."""
    if text.startswith("urn:"):
        _, _, types, name = text.split("::", 3)
        return Place(name, types.rpartition("$")[0])
    found = IN_COMPONENT.fullmatch(text)
    return Place(found["name"], found["parents"]) if found else Place(text)


def labels(places: Sequence[Place]) -> list[str]:
    """One label for each place, by which states and outputs know it: its name, and its key where another one in a
    component or outside of it has that name too. FROZEN.
    """
    names = Counter(place.name for place in places)
    return [place.key if names[place.name] > 1 else place.name for place in places]


def object_id(stack_identity: str, kind: Kind, place: str, replace_identity: str) -> str:
    """The object's id: a UUIDv5, the same in every run until a field that replaces the object changes.

    `place` is `Place.unique`.
    """
    return _uuid(canonical([stack_identity, kind.wrapper, place, replace_identity]))


def salted(object_id: str) -> str:
    """Another id for the same object, for when the service reports its own as taken, but lists no such object."""
    return _uuid(canonical(["salted", object_id]))


def _uuid(text: str) -> str:
    return str(uuid.uuid5(NAMESPACE, text))


def default_name(kind: Kind, place: Place, project: str, stack: str, replace_identity: str) -> str:
    """The name of an object that declares none: `<resource>-<project>-<stack>`, made a valid hostname label.

    Where characters had to change or it had to be cut, and inside of a component, it ends in a digest of the original,
    so that two names stay two. A capacity claim's always ends in a digest of `replace_identity`: its replacement has
    another name and can be created while the old claim is still there.
    """
    text, longest = f"{place.name}-{project}-{stack}", LONGEST[kind]
    if kind is Kind.CAPACITY_CLAIM:
        stem = _label(text, place.parents, longest - DIGEST_DIGITS - 1)
        return f"{stem}-{_digest(replace_identity)}"
    return _label(text, place.parents, longest)


def _label(text: str, parents: str, longest: int) -> str:
    """`text` as a lower-case hostname label of at most `longest` characters."""
    label = re.sub(r"[^a-z0-9-]", "-", text.lower()).strip("-")
    if label == text and len(label) <= longest and not parents:
        return label
    digest = _digest(f"{parents}${text}" if parents else text)
    cut = label[: longest - DIGEST_DIGITS - 1].strip("-")
    return f"{cut}-{digest}" if cut else digest


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_DIGITS]
