"""What one change leads to, in sentences: one module per kind of resource.

Only sentences and how dangerous each is belong here; numbers come from the modules above.
"""

from __future__ import annotations

from coreweave_inference.spec import Kind

from ..properties import changes
from ..reading import Resource
from ..scene import Scene
from ..verdicts import Consequence
from . import bucket, bucket_policy, capacity_claim, deployment, gateway, other

__all__ = ["consequences_of"]


def consequences_of(resource: Resource, scene: Scene) -> tuple[Consequence, ...]:
    """Everything worth saying about a change, the worst first."""
    found = changes(resource.kind, resource.before or {}, resource.after or {}, resource.paths)
    told = _module(resource).consequences(resource, found, scene)
    return tuple(sorted(told, key=lambda consequence: consequence.danger.rank))


def _module(resource: Resource):  # type: ignore[no-untyped-def]
    by_kind = {Kind.DEPLOYMENT: deployment, Kind.GATEWAY: gateway, Kind.CAPACITY_CLAIM: capacity_claim}
    by_noun = {"weights bucket": bucket, "bucket policy": bucket_policy}
    return by_kind.get(resource.kind) or by_noun.get(resource.noun, other)
