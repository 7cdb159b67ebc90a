"""The components around a resource, known at once: its URN tells them only when the engine has answered.

A component does not say whose child it is, but each parent holds its children.
"""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pulumi

from coreweave_inference.model.identity import Place, place_in

STACK = "pulumi:pulumi:Stack"

_types: weakref.WeakKeyDictionary[pulumi.Resource, str] = weakref.WeakKeyDictionary()
"""What `_types_of` has answered, by resource; a parent never changes."""


def place_of(name: str, opts: pulumi.ResourceOptions | None) -> Place:
    """The place of a resource that is about to be declared: by it and its type the engine makes its URN."""
    parent = opts.parent if opts else None
    return Place(name, "" if parent is None else _types_of(parent))


def former_keys(name: str, opts: pulumi.ResourceOptions | None) -> tuple[str, ...]:
    """The keys that a resource had by its aliases; of one that only the engine can tell, its own."""
    return tuple(_former_key(alias, name, opts) for alias in (opts.aliases if opts else None) or ())


def _former_key(alias: Any, name: str, opts: pulumi.ResourceOptions | None) -> str:
    if isinstance(alias, str) and alias.startswith("urn:"):
        return place_in(alias).key
    former = alias if isinstance(alias, str) else getattr(alias, "name", None)
    parent = getattr(alias, "parent", ...)
    around = opts if parent is ... else pulumi.ResourceOptions(parent=parent)
    return place_of(former if isinstance(former, str) else name, around).key


def _types_of(resource: pulumi.Resource) -> str:
    """The types of the components around `resource` and its own, outermost first, joined as in a URN."""
    if resource.pulumi_resource_type == STACK:
        return ""
    if resource not in _types:
        chain, around = [resource.pulumi_resource_type], _parents()
        found = around.get(resource)
        while found is not None and found.pulumi_resource_type != STACK:
            chain.insert(0, found.pulumi_resource_type)
            found = around.get(found)
        _types[resource] = "$".join(chain)
    return _types[resource]


def _parents() -> dict[pulumi.Resource, pulumi.Resource]:
    """Every resource's parent. While a child is declared, all that is around it is alive."""
    # Of everything in the process: so the type is read, since `isinstance` would ask a proxy for its class.
    resources = [found for found in gc.get_objects() if issubclass(type(found), pulumi.Resource)]
    return {child: parent for parent in resources for child in getattr(parent, "_childResources", ())}
