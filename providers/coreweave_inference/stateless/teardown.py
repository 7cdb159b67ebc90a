"""What a stack made and a destroy without its state deletes, in the order in which it goes. Pure.

What is protected or kept is as the declaration says; of what is not declared any more nothing says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from coreweave_inference.declaration import BucketDeclaration, Declaration, ObjectDeclaration
from coreweave_inference.fleet.deletions import BUCKET, POLICY, Owned
from coreweave_inference.importing.bucket_entries import OWN
from coreweave_inference.importing.matching import Stack
from coreweave_inference.importing.snapshot import LiveBucket, LiveObject
from coreweave_inference.model.kinds import Kind
from coreweave_inference.policy.statements import find_ours, sid_for

from .derived import Derived

ORDER = (Kind.DEPLOYMENT, Kind.GATEWAY, Kind.CAPACITY_CLAIM)
POLICY_KEY = "{}-policy"


@dataclass(frozen=True)
class Leftover:
    """An object that a stack made: as the guards before a deletion see it, and the live object, where it is one of the API."""

    item: Owned
    live: LiveObject | None = None


def leftovers(
    derived: Mapping[str, Derived],
    buckets: Iterable[LiveBucket],
    stack: Stack,
    declaration: Declaration | None,
) -> tuple[Leftover, ...]:
    """Deployments first, then what they used, and buckets at last."""
    declared = {} if declaration is None else {(item.kind, item.key): item for item in declaration.objects()}
    objects = [
        _object(one, declared.get((one.live.kind, one.key)))
        for one in sorted(
            derived.values(), key=lambda one: (ORDER.index(one.live.kind), one.key, one.live.id)
        )
    ]
    of_buckets = list(_of_buckets(buckets, stack, declaration))
    first = [one for one in objects if one.item.kind == Kind.DEPLOYMENT.noun]
    rest = [one for one in objects if one not in first]
    policies = [one for one in of_buckets if one.item.kind == POLICY]
    return (*first, *policies, *rest, *(one for one in of_buckets if one.item.kind == BUCKET))


def _object(one: Derived, declared: ObjectDeclaration | None) -> Leftover:
    options = declared.options if declared else None
    live = one.live
    return Leftover(
        Owned(
            live.kind.noun,
            one.key,
            live.id,
            protect=bool(options and options.protect),
            keep=bool(options and options.retain_on_delete),
            resources=live.spec.get("resources") or {} if live.kind is Kind.CAPACITY_CLAIM else {},
        ),
        live,
    )


def _of_buckets(
    buckets: Iterable[LiveBucket], stack: Stack, declaration: Declaration | None
) -> Iterator[Leftover]:
    """The stack's statements in policies, and the buckets that its tag marks: those are kept unless declared otherwise."""
    declared: dict[str, BucketDeclaration] = {}
    if declaration is not None:
        declared = {bucket.name: bucket for bucket in declaration.buckets.values()}
    sid = sid_for(None, stack.identity)
    for live in buckets:
        bucket = declared.get(live.name)
        key = bucket.key if bucket else live.name
        if find_ours(live.policy, sid) is not None:
            keep = bool(bucket and bucket.options.protect)
            yield Leftover(Owned(POLICY, POLICY_KEY.format(key), live.name, protect=keep, sid=sid))
        if live.of_stack == OWN:
            protect = bool(bucket and bucket.options.protect)
            keeps = bucket is None or bucket.options.retain_on_delete is not False
            force = bool(bucket and bucket.force_destroy)
            yield Leftover(Owned(BUCKET, key, live.name, protect, keeps, force, live.zone))
