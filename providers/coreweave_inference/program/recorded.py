"""What a stack's last state holds, as `pulumi stack export` writes it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.model.resource_types import ACCOUNT, own_type


def resources_of(state: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The resources of a stack's state, as `pulumi stack export` writes it; none without a state."""
    return list(((state or {}).get("deployment") or {}).get("resources") or ())


def other_stack(state: Mapping[str, Any] | None, project: str, stack: str) -> str:
    """The stack that resources of ours in this state belong to, where that is another one; else empty. A state that was
    imported from another stack keeps that one's URNs, and a run here would delete its objects.
    """
    for resource in resources_of(state):
        found = str(resource.get("urn", "")).removeprefix("urn:pulumi:").split("::")
        if own_type(str(resource.get("type"))) and found[:2] != [stack.rsplit("/", 1)[-1], project]:
            return f"{found[1]}/{found[0]}" if len(found) > 1 else str(resource.get("urn"))
    return ""


def refuse_other_stack(state: Mapping[str, Any] | None, project: str, stack: str) -> None:
    """Raise CoreWeaveError where this state is the one of another stack."""
    if other := other_stack(state, project, stack):
        raise CoreWeaveError(
            f'stack "{stack}": its state is the one of stack {other}, and a run here would change or delete that '
            "stack's objects; nothing was changed; import this stack's own state, or use `pulumi stack rename`"
        )


def recorded_endpoint(state: Mapping[str, Any] | None) -> str:
    """Where a stack lives, by its account or the first object that knows; empty where nothing was made yet."""
    ours = [found for found in resources_of(state) if own_type(str(found.get("type")))]
    ours.sort(key=lambda found: own_type(found["type"]) != ACCOUNT)
    endpoints = (str((found.get("outputs") or {}).get("apiEndpoint") or "") for found in ours)
    return next((endpoint for endpoint in endpoints if endpoint), "")


def recorded_name(last: Mapping[str, Any] | None, urn: str, key: str = "name") -> str | None:
    """The name in the outputs (`key`) of a resource in a stack's last state; None where the state does not have it."""
    names = ((item.get("outputs") or {}).get(key) for item in resources_of(last) if item.get("urn") == urn)
    name = next(names, None)
    return name if isinstance(name, str) else None
