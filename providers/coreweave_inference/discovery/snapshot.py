"""The whole account at one moment, for an import: one LIST of each kind, and the buckets that deployments name. Only reads."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from coreweave_inference.api.client import InferenceApi
from coreweave_inference.api.objects import ApiObject
from coreweave_inference.clock import system
from coreweave_inference.errors import CoreWeaveError, one_line
from coreweave_inference.fleet.values import weights_bucket
from coreweave_inference.importing.bucket_entries import OTHER, OWN
from coreweave_inference.importing.snapshot import LiveBucket, LiveObject, Snapshot, in_order
from coreweave_inference.model.kinds import Kind
from coreweave_inference.provider.bucket_ownership import STACK_TAG, stack_tag
from coreweave_inference.provider.health import Access, lost_weights, weights_access
from coreweave_inference.settings.resolution import Settings
from coreweave_inference.stateless.derived import live_object
from coreweave_inference.storage.client import ObjectStorage
from coreweave_inference.storage.key_sources import credentials_from
from coreweave_inference.waiting import Revision, Target, broken

AT_ONCE = 8


def snapshot_of(settings: Settings, identity: str, buckets: tuple[str, ...] = ()) -> Snapshot:
    """Everything that the token sees, and besides the buckets of its deployments those named. A bucket that cannot be read is
    in it with the reason; raises CoreWeaveError where objects cannot be listed.
    """
    with InferenceApi.of(settings) as api, ThreadPoolExecutor(AT_ONCE) as pool:
        listed = [item for items in pool.map(api.list, Kind) for item in items if item.id]
        names = sorted({*buckets, *(weights_bucket(item.spec) for item in listed)} - {""})
        judged = pool.submit(_broken, api, settings, listed)
        stores = _buckets(settings, api, names, identity, os.environ, pool)
        access = weights_access(lambda name: _policy_in(stores[name]))
        why = judged.result()
        objects = in_order(_live(item, why.get(item.id, ""), access) for item in listed)
        return Snapshot(objects, stores)


def _buckets(
    settings: Settings,
    api: InferenceApi,
    names: Sequence[str],
    identity: str,
    environ: Mapping[str, str],
    pool: ThreadPoolExecutor,
) -> dict[str, LiveBucket]:
    if not names:
        return {}
    try:
        keys = credentials_from(settings, api, system, environ)
        storage = ObjectStorage(settings.s3_endpoint, keys, "default", clock=system)
    except CoreWeaveError as error:
        return {name: LiveBucket(name, unread=str(error)) for name in names}
    return {found.name: found for found in pool.map(lambda name: bucket_at(storage, name, identity), names)}


def _broken(api: InferenceApi, settings: Settings, listed: Sequence[ApiObject]) -> dict[str, str]:
    """Why the next run waits for objects, by id: the judgement of a refresh. Only an ERROR takes further looks."""
    return broken(
        [Target(item.kind, item.id, item.name, Revision.parse(""), 0.0) for item in listed],
        lambda kind: {item.id: item for item in listed if item.kind is kind},
        lambda kind: {item.id: item for item in api.list(kind)},
        system,
        poll_seconds=settings.poll_seconds,
        settle_seconds=settings.settle_seconds,
    )


def _policy_in(bucket: LiveBucket) -> Mapping[str, Any] | None:
    """Raises CoreWeaveError where it could not be read."""
    if bucket.unread:
        raise CoreWeaveError(bucket.unread)
    return bucket.policy


def _live(item: ApiObject, why_broken: str, access: Access) -> LiveObject:
    lost = "" if why_broken or item.kind is not Kind.DEPLOYMENT else lost_weights(item, access)
    return live_object(item, broken=one_line(why_broken), lost_weights=lost)


def bucket_at(storage: ObjectStorage, name: str, identity: str) -> LiveBucket:
    """A bucket with its tags and its policy; with the reason, where it cannot be read."""
    try:
        live = storage.bucket(name)
        if live is None:
            return LiveBucket(name, unread="there is no such bucket that the token can see", missing=True)
        owner = live.tags.get(STACK_TAG)
        of_stack = OWN if identity and owner == stack_tag(identity) else OTHER if owner else ""
        return LiveBucket(
            name, live.zone, live.tags, storage.policy(name), of_stack=of_stack, tag=owner or ""
        )
    except CoreWeaveError as error:
        return LiveBucket(name, unread=str(error))
