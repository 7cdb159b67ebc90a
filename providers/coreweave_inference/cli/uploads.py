"""`weights push`: a folder into a bucket, with a bar on a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coreweave_inference.api import InferenceApi
from coreweave_inference.clock import system
from coreweave_inference.errors import BucketMissing
from coreweave_inference.storage import ObjectStorage, credentials_from
from coreweave_inference.storage_contents import UploadProgress

from .exits import errors_told, usage_error
from .surroundings import settings_at


def push(
    folder: Path, bucket: str, path: str, *, zone: str, directory: Path, stack: str | None, as_json: bool
) -> None:
    """Upload what is missing, and say what was sent."""
    if not folder.is_dir():
        raise usage_error(f"{folder} is not a folder", as_json=as_json)
    with errors_told(as_json=as_json):
        settings = settings_at(directory, stack)
        with InferenceApi.of(settings) as api:
            credentials = credentials_from(settings, api, system, os.environ)
            storage = ObjectStorage(settings.s3_endpoint, credentials, zone or "default")
            storage = storage if zone else _in_its_zone(storage, settings.s3_endpoint, credentials, bucket)
            with _shown(quiet=as_json) as progress:
                sent = storage.upload_folder(folder, bucket, path, progress)
    if as_json:
        print(json.dumps({"ok": True, "count": sent.count, "bytes": sent.bytes, "skipped": sent.skipped}))
    else:
        there = f", {sent.skipped} there already" if sent.skipped else ""
        print(f'{sent.count} files, {sent.bytes:,} bytes pushed to "{path}" in bucket "{bucket}"{there}')


def _in_its_zone(storage: ObjectStorage, endpoint: str, credentials: object, bucket: str) -> ObjectStorage:
    live = storage.bucket(bucket)
    if live is None:
        raise BucketMissing(
            f'there is no bucket "{bucket}" that these settings can see; bring it up first with '
            "`cw-inference up --only buckets`"
        )
    return ObjectStorage(endpoint, credentials, live.zone) if live.zone else storage  # type: ignore[arg-type]


@contextmanager
def _shown(*, quiet: bool) -> Iterator[UploadProgress]:
    if quiet or not sys.stderr.isatty():
        yield lambda key, sent, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("uploading", total=None)
        yield lambda key, sent, total: bar.update(task, description=key, completed=sent, total=total)
