"""A view made of a declaration, or of plain specs, and of what is known around them.

Whose id and name an object has, and which live object an `existing` entry means, is found here; nothing is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any

from coreweave_inference.declaration import (
    Declaration,
    ExistingObject,
    ObjectDeclaration,
    ObjectOptions,
    SecretReference,
)
from coreweave_inference.fleet.catalogue import Catalogue
from coreweave_inference.fleet.values import text, texts
from coreweave_inference.model.identity import replace_identity
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.nested import transform
from coreweave_inference.model.unknown import UNKNOWN

from .facts import BucketFacts
from .objects import (
    Claim,
    Deployment,
    Gateway,
    Item,
    LastObject,
    LiveObject,
    Owner,
    claim,
    deployment,
    gateway,
)
from .ownership import Identity, has_identity
from .view import View, former_key


@dataclass(frozen=True)
class Known:
    """What is known besides the declaration; the defaults are for knowing nothing."""

    identity: Identity | None = None
    catalogue: Catalogue = field(default_factory=Catalogue)
    live: tuple[LiveObject, ...] | None = None
    last: tuple[LastObject, ...] | None = None
    stores: Mapping[str, BucketFacts] = field(default_factory=dict)
    today: date = date.max

    @cached_property
    def live_by_name(self) -> Mapping[tuple[Kind, str], LiveObject]:
        """Live objects by their names, and by their ids."""
        return {
            (found.kind, name): found for found in self.live or () for name in (found.name, found.id) if name
        }

    @cached_property
    def last_by_key(self) -> Mapping[tuple[Kind, str], LastObject]:
        """The objects of the last state."""
        return {(found.kind, found.key): found for found in self.last or ()}


@dataclass(frozen=True)
class PlainObject:
    """An object of a Python program: its spec in camelCase, `UNKNOWN` where an output is not known yet."""

    kind: Kind
    key: str
    spec: Mapping[str, Any]
    options: ObjectOptions = field(default_factory=ObjectOptions)


def view_of(declaration: Declaration, known: Known = Known()) -> View:
    """The view of a declaration file."""
    made: dict[Kind, dict[str, Item]] = {kind: {} for kind in Kind}
    used: dict[Kind, dict[str, Item]] = {kind: {} for kind in Kind}
    for declared in declaration.objects():
        made[declared.kind][declared.key] = _own(
            declared.kind, declared.key, declared.spec, declared.options, known
        )
    for existing in declaration.existing.objects():
        used[existing.kind][existing.key] = _existing(existing, known)
    gateways = tuple(
        gateway(item, _handle(item)) for item in (*made[Kind.GATEWAY].values(), *used[Kind.GATEWAY].values())
    )
    handles = {item.key: item.handle for item in gateways}
    claims = _claims((*made[Kind.CAPACITY_CLAIM].values(), *used[Kind.CAPACITY_CLAIM].values()))
    deployments = tuple(
        _declared_deployment(item, made[Kind.DEPLOYMENT][item.key], handles)
        for item in declaration.deployments.values()
    )
    return replace(
        _view(gateways, claims, deployments, known),
        buckets=declaration.buckets,
        existing_buckets=declaration.existing.buckets,
        accepted=declaration.accepted,
        locate=declaration.origin,
    )


def view_of_specs(
    objects: Iterable[PlainObject],
    known: Known = Known(),
) -> View:
    """The view of a Python program's objects; deployments name gateways in `gatewayIds`."""
    items = [_own(found.kind, found.key, found.spec, found.options, known) for found in objects]
    of = {kind: tuple(item for item in items if item.kind is kind) for kind in Kind}
    return _view(
        tuple(gateway(item, _handle(item)) for item in of[Kind.GATEWAY]),
        _claims(of[Kind.CAPACITY_CLAIM]),
        tuple(deployment(item, texts(item.spec, "gatewayIds")) for item in of[Kind.DEPLOYMENT]),
        known,
    )


def _view(
    gateways: tuple[Gateway, ...],
    claims: tuple[Claim, ...],
    deployments: tuple[Deployment, ...],
    known: Known,
) -> View:
    return View(
        gateways=gateways,
        claims=claims,
        deployments=deployments,
        buckets={},
        catalogue=known.catalogue,
        live=known.live,
        last=known.last,
        stores=known.stores,
        identity=known.identity,
        today=known.today,
    )


def _own(kind: Kind, key: str, declared: Mapping[str, Any], options: ObjectOptions, known: Known) -> Item:
    """An object that is declared: under the id that it has in the last state, else the one that it will have. One that
    is live is its own by that id alone: the same name may be another stack's.
    """
    spec = transform(declared, lambda part: UNKNOWN if isinstance(part, SecretReference) else part)
    keys = (key, *map(former_key, options.aliases))
    derived = [_identified(kind, name, spec, known) for name in keys]
    last = next((known.last_by_key[kind, name] for name in keys if (kind, name) in known.last_by_key), None)
    if last is not None and last.id and _stays(kind, spec, last):
        return Item(kind, key, spec, Owner.OWN, last.id, text(last.spec, "name") or derived[0][1], options)
    for id_, _ in derived:
        live = known.live_by_name.get((kind, id_ or ""))
        if live is not None:
            return Item(kind, key, spec, Owner.OWN, live.id, live.name, options)
    return Item(kind, key, spec, Owner.OWN, *derived[0], options)


def _stays(kind: Kind, spec: Mapping[str, Any], last: LastObject) -> bool:
    """Whether nothing has changed that would replace the object."""
    if spec.get("name") not in (None, last.spec.get("name")):
        return False
    if kind is not Kind.CAPACITY_CLAIM:
        return True
    both = [{"resources": found.get("resources")} for found in (spec, last.spec)]
    return (
        all(has_identity(kind, one) for one in both) and len({replace_identity(kind, o) for o in both}) == 1
    )


def _identified(kind: Kind, key: str, spec: Mapping[str, Any], known: Known) -> tuple[str | None, str | None]:
    """Id and name as the resources derive them; `None` where they are not known."""
    declared = spec.get("name")
    name = declared if isinstance(declared, str) else None
    found = known.identity.of(kind, key, spec) if known.identity else None
    return found or (None, name)


def _existing(existing: ExistingObject, known: Known) -> Item:
    """An object that is used: as it is live, or with nothing known of its spec."""
    live = known.live_by_name.get((existing.kind, existing.id or existing.name or ""))
    spec: Mapping[str, Any] = live.spec if live else dict.fromkeys(("zones", "resources"), UNKNOWN)
    id_, name = (live.id, live.name) if live else (existing.id, existing.name)
    return Item(existing.kind, existing.key, spec, Owner.EXISTING, id_, name)


def _handle(item: Item) -> str:
    return item.id or item.path()


def _claims(items: Iterable[Item]) -> tuple[Claim, ...]:
    return tuple(claim(item) for item in items)


def _declared_deployment(declared: ObjectDeclaration, item: Item, handles: Mapping[str, str]) -> Deployment:
    return deployment(item, tuple(handles.get(key, key) for key in declared.gateways), declared.bucket)
