"""What one change leads to, in sentences: one module per kind of resource.

Only sentences and how dangerous each is belong here; numbers come from the modules above.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from coreweave_inference.model import Kind
from coreweave_inference.model.resource_types import BUCKET, NOUNS, POLICY
from coreweave_inference.review.context import ReviewContext
from coreweave_inference.review.properties import PropertyChange, changes
from coreweave_inference.review.reading import Resource
from coreweave_inference.review.verdicts import Consequence

from . import bucket, bucket_policy, capacity_claim, deployment, gateway, other

__all__ = ["consequences_of"]


Judge = Callable[[Resource, Sequence[PropertyChange], ReviewContext], Iterable[Consequence]]

BY_NOUN: dict[str, Judge] = {
    Kind.DEPLOYMENT.noun: deployment.consequences,
    Kind.GATEWAY.noun: gateway.consequences,
    Kind.CAPACITY_CLAIM.noun: capacity_claim.consequences,
    NOUNS[BUCKET]: bucket.consequences,
    NOUNS[POLICY]: bucket_policy.consequences,
}


def consequences_of(resource: Resource, context: ReviewContext) -> tuple[Consequence, ...]:
    """Everything worth saying about a change, the worst first."""
    found = changes(resource.kind, resource.before or {}, resource.after or {}, resource.paths)
    consequences = BY_NOUN.get(resource.noun, other.consequences)(resource, found, context)
    return tuple(sorted(consequences, key=lambda consequence: consequence.danger.rank))
