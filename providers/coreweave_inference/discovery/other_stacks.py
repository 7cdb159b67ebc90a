"""What a declaration uses of other stacks, with the ids and names that those stacks export. Pure but for the reader it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from coreweave_inference.declaration import Declaration, ExistingBucket, ExistingObject, ObjectDeclaration

Outputs = Callable[[str], Mapping[str, Any] | None]
"""The outputs of the stack `organization/project/stack`; None where they cannot be read."""
BUCKETS = "buckets"


def with_ids(declaration: Declaration, outputs: Outputs) -> Declaration:
    """The declaration for checks: gateways and claims of other stacks by their ids, buckets by their names and zones.

    Each stack is asked once. What cannot be read stays as it is, and is not known to the checks.
    """
    existing = declaration.existing
    used: tuple[ExistingObject | ExistingBucket, ...] = (*existing.objects(), *existing.buckets.values())
    stacks = {item.stack for item in used if item.stack}
    if not stacks:
        return declaration
    known = {stack: outputs(stack) or {} for stack in sorted(stacks)}

    def resolved(items: Mapping[str, ExistingObject]) -> dict[str, ExistingObject]:
        return {key: _with_id(item, known.get(item.stack or "", {})) for key, item in items.items()}

    buckets = {
        key: _with_name(item, known.get(item.stack or "", {})) for key, item in existing.buckets.items()
    }
    return replace(
        declaration,
        deployments={key: _reading(item, buckets) for key, item in declaration.deployments.items()},
        existing=replace(
            existing,
            gateways=resolved(existing.gateways),
            capacity_claims=resolved(existing.capacity_claims),
            buckets=buckets,
        ),
    )


def _with_id(item: ExistingObject, outputs: Mapping[str, Any]) -> ExistingObject:
    id_ = _exported(item, item.kind.section, outputs).get("apiId")
    return replace(item, id=id_) if item.stack and isinstance(id_, str) else item


def _with_name(item: ExistingBucket, outputs: Mapping[str, Any]) -> ExistingBucket:
    found = _exported(item, BUCKETS, outputs)
    name, zone = found.get("name"), found.get("zone")
    if not item.stack or not isinstance(name, str):
        return item
    return replace(item, name=name, zone=zone if isinstance(zone, str) else None)


def _exported(
    item: ExistingObject | ExistingBucket, section: str, outputs: Mapping[str, Any]
) -> Mapping[str, Any]:
    """What the other stack exports of the object; empty where it exports nothing of it."""
    exported = outputs.get(section)
    found = exported.get(item.stack_key or item.key) if isinstance(exported, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _reading(deployment: ObjectDeclaration, buckets: Mapping[str, ExistingBucket]) -> ObjectDeclaration:
    """The deployment with the name of its bucket, where another stack exports it."""
    bucket = buckets.get(deployment.bucket or "")
    if bucket is None or bucket.name is None:
        return deployment
    model = {**deployment.spec["model"], "bucket": bucket.name}
    return replace(deployment, spec={**deployment.spec, "model": model})
