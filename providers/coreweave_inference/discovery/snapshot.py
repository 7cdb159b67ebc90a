"""The whole account at one moment, for an import: one LIST of each kind, and the buckets that deployments name. Only reads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from coreweave_inference.api.client import InferenceApi
from coreweave_inference.api.objects import ApiObject
from coreweave_inference.clock import system
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.importing.bucket_entries import OTHER, OWN
from coreweave_inference.importing.snapshot import LiveBucket, LiveObject, Snapshot, in_order
from coreweave_inference.model.kinds import Kind
from coreweave_inference.provider.bucket_ownership import STACK_TAG, stack_tag
from coreweave_inference.settings.resolution import Settings
from coreweave_inference.storage.client import ObjectStorage, credentials_from
from coreweave_inference.waiting import failure

AT_ONCE = 8
BROKEN = ("FAILED", "ERROR")


def snapshot_of(
    settings: Settings, identity: str, buckets: tuple[str, ...] = (), environ: Mapping[str, str] = os.environ
) -> Snapshot:
    """Everything that the token sees, and besides the buckets of its deployments those named. A bucket that cannot be read is
    in it with the reason; raises CoreWeaveError where objects cannot be listed.
    """
    with InferenceApi.of(settings) as api, ThreadPoolExecutor(AT_ONCE) as pool:
        listed = [item for items in pool.map(api.list, Kind) for item in items]
        objects = in_order(_live(item) for item in listed if item.id)
        names = sorted({*buckets, *(live.bucket for live in objects)} - {""})
        if not names:
            return Snapshot(objects)
        try:
            storage = ObjectStorage(
                settings.s3_endpoint,
                credentials_from(settings, api, system, environ),
                "default",
                clock=system,
            )
        except CoreWeaveError as error:
            return Snapshot(objects, {name: LiveBucket(name, unread=str(error)) for name in names})
        found = pool.map(lambda name: _bucket(storage, name, identity), names)
        return Snapshot(objects, {bucket.name: bucket for bucket in found})


def _live(item: ApiObject) -> LiveObject:
    return LiveObject(
        kind=item.kind,
        id=item.id,
        name=item.name,
        spec=item.spec,
        status=item.status,
        why=failure(item) if item.status in BROKEN else "",
        organization=item.organization_id,
        endpoints=item.endpoints,
        created_at=item.created_at,
        updated_at=item.updated_at,
    )


def _bucket(storage: ObjectStorage, name: str, identity: str) -> LiveBucket:
    try:
        live = storage.bucket(name)
        if live is None:
            return LiveBucket(name, unread="there is no such bucket that the token can see")
        owner = live.tags.get(STACK_TAG)
        of_stack = OWN if identity and owner == stack_tag(identity) else OTHER if owner else ""
        return LiveBucket(name, live.zone, live.tags, storage.policy(name), of_stack=of_stack)
    except CoreWeaveError as error:
        return LiveBucket(name, unread=str(error))
