"""What a declaration takes from other stacks, with the ids that those stacks export. Pure but for the reader it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from coreweave_inference.spec.declaration import Declaration, ExistingObject

Outputs = Callable[[str], Mapping[str, Any] | None]
"""The outputs of the stack `organization/project/stack`; None where they cannot be read."""


def with_ids(declaration: Declaration, outputs: Outputs) -> Declaration:
    """The declaration for checks: objects of other stacks named by their ids, where their stack tells them.

    Each stack is asked once. What cannot be read stays as it is, and is not known to the checks.
    """
    existing = declaration.existing
    stacks = {item.stack for item in existing.objects() if item.stack}
    if not stacks:
        return declaration
    known = {stack: outputs(stack) or {} for stack in sorted(stacks)}

    def resolved(items: Mapping[str, ExistingObject]) -> dict[str, ExistingObject]:
        return {key: _with_id(item, known.get(item.stack or "", {})) for key, item in items.items()}

    return replace(
        declaration,
        existing=replace(
            existing,
            gateways=resolved(existing.gateways),
            capacity_claims=resolved(existing.capacity_claims),
        ),
    )


def _with_id(item: ExistingObject, outputs: Mapping[str, Any]) -> ExistingObject:
    section = outputs.get(item.kind.section)
    found = section.get(item.stack_key or item.key) if isinstance(section, Mapping) else None
    id_ = found.get("apiId") if isinstance(found, Mapping) else None
    return replace(item, id=id_) if item.stack and isinstance(id_, str) else item
