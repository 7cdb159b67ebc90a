"""Deletes what a stack made and its state does not have, with the providers' own lifecycles and no engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.fleet.deletions import BUCKET, POLICY, Owned
from coreweave_inference.importing.matching import Stack
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.resource_types import NOUNS, TYPES
from coreweave_inference.policy.statements import owner_sid
from coreweave_inference.provider.bucket_lifecycle import BucketLifecycle
from coreweave_inference.provider.bucket_ownership import BY_TAG
from coreweave_inference.provider.bucket_policy_lifecycle import BucketPolicyLifecycle
from coreweave_inference.provider.capacity_claim_lifecycle import CapacityClaimLifecycle
from coreweave_inference.provider.deployment_lifecycle import DeploymentLifecycle
from coreweave_inference.provider.gateway_lifecycle import GatewayLifecycle
from coreweave_inference.provider.lifecycle import Entry, Lifecycle
from coreweave_inference.provider.owner_access import OWNER_STATEMENT_SID
from coreweave_inference.provider.session import Session
from coreweave_inference.provider.values import URN
from coreweave_inference.stateless.teardown import Leftover

AT_ONCE = 4
"""Deletions that run side by side, as the engine's."""
LIFECYCLES: dict[str, Lifecycle] = {
    Kind.DEPLOYMENT.noun: DeploymentLifecycle(),
    Kind.GATEWAY.noun: GatewayLifecycle(),
    Kind.CAPACITY_CLAIM.noun: CapacityClaimLifecycle(),
    POLICY: BucketPolicyLifecycle(),
    BUCKET: BucketLifecycle(),
}
TIERS = (
    (Kind.DEPLOYMENT.noun,),
    (POLICY, Kind.GATEWAY.noun, Kind.CAPACITY_CLAIM.noun),
    (BUCKET,),
)
"""What goes first; what a tier uses goes after it is confirmed deleted."""


def delete_leftovers(
    run: Session, going: Iterable[Leftover], stack: Stack, deleted: Callable[[Owned], None]
) -> tuple[str, ...]:
    """Delete them tier by tier, each confirmed; the errors. A tier with an error is the last one: what is used stays.

    `deleted` is called with each that went.
    """
    going = tuple(going)
    for tier in TIERS:
        here = [one for one in going if one.item.kind in tier]
        errors = _deleted(run, here, stack, deleted)
        if errors:
            return errors
    return ()


def _deleted(
    run: Session, going: Sequence[Leftover], stack: Stack, deleted: Callable[[Owned], None]
) -> tuple[str, ...]:
    def delete(one: Leftover) -> str:
        try:
            LIFECYCLES[one.item.kind].delete(run, _entry(one, stack))
        except CoreWeaveError as error:
            return str(error)
        deleted(one.item)
        return ""

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return tuple(filter(None, pool.map(delete, going)))


def _entry(one: Leftover, stack: Stack) -> Entry:
    """The object as an entry of a state would have it, as far as a deletion looks at that."""
    item, live = one.item, one.live
    type_name = next(name for name, noun in NOUNS.items() if noun == item.kind)
    outputs: dict[str, Any] = {
        URN: f"urn:pulumi:{stack.name}::{stack.project}::{TYPES}{type_name}::{item.name}"
    }
    if live is not None:
        outputs |= {
            **live.spec,
            "apiId": live.id,
            "organizationId": live.organization,
            "createdAt": live.created_at,
        }
    elif item.kind == POLICY:
        outputs |= {"bucket": item.id, "sid": item.sid, OWNER_STATEMENT_SID: owner_sid(stack.identity)}
    else:
        # Its tag alone shows whose it is: what is in it is never deleted.
        outputs |= {"name": item.id, "zone": item.zone, "forceDestroy": item.force, BY_TAG: True}
    return Entry(item.id, outputs, outputs)
