"""The buckets that a stack may have something in, and what lies in them. Only reads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor

from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.importing.bucket_entries import OWN
from coreweave_inference.importing.snapshot import LiveBucket
from coreweave_inference.policy.statements import find_ours, sid_for
from coreweave_inference.stateless.billing import KEPT, OF_OTHERS, OF_STACK, StoredBucket
from coreweave_inference.storage.client import ObjectStorage

from .snapshot import AT_ONCE, bucket_at

MOST_BUCKETS = 200
"""Buckets whose tags are read; a key that may list more sees only those that are named."""


def buckets_of(
    storage: ObjectStorage, names: Collection[str], identity: str
) -> tuple[tuple[LiveBucket, ...], tuple[str, ...]]:
    """The named buckets and all others that the key may list, with tags and policies; and what could not be read."""
    unread: list[str] = []
    listed: tuple[str, ...] = ()
    try:
        listed = storage.names()
    except CoreWeaveError as error:
        unread.append(f"the buckets could not be listed, so only those that are declared were read: {error}")
    if len(listed) > MOST_BUCKETS:
        unread.append(f"there are {len(listed)} buckets, so only those that are declared were read")
        listed = ()
    there = sorted({*listed, *(name for name in names if name)})
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = tuple(pool.map(lambda name: bucket_at(storage, name, identity), there))
    wanted = set(names)
    missing = [one for one in found if one.missing]
    unread += [
        f"bucket {one.name}: {one.unread}"
        for one in found
        if one.unread and not one.missing and one.name in wanted
    ]
    return tuple(one for one in found if one not in missing), tuple(unread)


def stored(
    storage: ObjectStorage,
    buckets: Iterable[LiveBucket],
    own: Collection[str],
    deleted: Collection[str],
    identity: str,
    tell: Callable[[str], None],
) -> tuple[StoredBucket, ...]:
    """What is in each bucket. `own` are the names of the stack's, `deleted` those of them that must be deleted; what is
    others' is not measured.
    """
    sid = sid_for(None, identity)
    found = []
    for live in buckets:
        is_own = live.name in own or live.of_stack == OWN
        whose = OF_STACK if live.name in deleted else KEPT if is_own else OF_OTHERS
        statement = find_ours(live.policy, sid) is not None
        if whose == OF_OTHERS:
            found.append(StoredBucket(live.name, whose, statement=statement))
            continue
        tell(f"measuring bucket {live.name} …")
        try:
            sizes = [one.size for one in storage.objects(live.name, "")]
            unfinished = len(storage.unfinished(live.name, ""))
            found.append(StoredBucket(live.name, whose, sum(sizes), len(sizes), unfinished, statement))
        except CoreWeaveError as error:
            found.append(StoredBucket(live.name, whose, statement=statement, why=str(error)))
    return tuple(found)
