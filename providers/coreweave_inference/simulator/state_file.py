"""`--state FILE`: what a simulator has, kept in a file, so that another one goes on with it.

Kept are objects, buckets with policy, tags and the newest version of each object, settings, port and simulated time. Access
keys, faults, requests and logs are not: whoever needs a key mints one.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from .behaviour import Behaviour
from .object_storage import ObjectStorage
from .object_storage_contents import KeptBucket
from .records import Record
from .world import World

VERSION = 1
LOOK_SECONDS = 0.3
READING = ("GET", "HEAD", "OPTIONS")


@dataclass
class Kept:
    """The file's content; `behaviour` in its JSON form, `now` in simulated epoch seconds."""

    version: int = VERSION
    port: int = 0
    now: float = 0.0
    behaviour: dict[str, Any] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    buckets: list[KeptBucket] = field(default_factory=list)


_kept: TypeAdapter[Kept] = TypeAdapter(Kept)


class StateFile:
    """Reads the file at once, and writes it soon after each request that may have changed something.

    Contents of objects are in a folder beside it, named by what they hold. Raises ValueError for a file that is no state, and
    OSError where nothing can be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._contents = path.with_name(f"{path.name}.objects")
        self.kept = self._read()
        self._changes = self._written = 0
        self._over = threading.Event()
        self._writer: threading.Thread | None = None
        self._save: Callable[[], None] = lambda: None

    def behaviour(self) -> Behaviour:
        """The settings that were kept. Raises ValueError."""
        return Behaviour().changed(self.kept.behaviour)

    @property
    def now(self) -> float:
        """When the simulated time goes on: not before it ended, and not before the real time."""
        return max(time.time(), self.kept.now)

    def restore(self, world: World, storage: ObjectStorage) -> None:
        """Put what was kept into a new simulator. Raises ValueError where contents are missing."""
        try:
            storage.restore(self.kept.buckets, lambda name: (self._contents / name).read_bytes())
        except OSError as error:
            raise self._damaged() from error
        world.restore(self.kept.records)

    def watching(self, application: ASGIApp) -> ASGIApp:
        """`application`, whose changes are written."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await application(scope, receive, send)
            finally:
                if scope["type"] == "http" and scope["method"] not in READING:
                    self._changes += 1

        return watched

    def start(self, world: World, storage: ObjectStorage, port: int) -> None:
        """Write now, and from now on soon after each change. Raises OSError where nothing can be written now."""
        self._save = lambda: self._write(world, storage, port)
        self._save()
        self._writer = threading.Thread(target=self._follow, name="state-file", daemon=True)
        self._writer.start()

    def stop(self) -> None:
        """Write what is not written yet; nothing any more after it. Raises OSError."""
        self._over.set()
        if self._writer is not None:
            self._writer.join()
            if self._changes != self._written:
                self._save()

    def _follow(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            changes = self._changes
            if changes != self._written:
                with suppress(OSError):  # The next look tries again, and the end says so.
                    self._save()
                    self._written = changes

    def _read(self) -> Kept:
        if not self._path.exists():
            return Kept()
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            kept = _kept.validate_python(document)
            Behaviour().changed(kept.behaviour)
        except (ValueError, ValidationError, RecursionError) as error:
            raise self._damaged() from error
        if kept.version != VERSION:
            raise ValueError(
                f"{self._path}: is of version {kept.version}, and {VERSION} is understood; name another file"
            )
        return kept

    def _damaged(self) -> ValueError:
        return ValueError(
            f"{self._path}: is no state of a simulator, or is damaged; remove it, or name another file"
        )

    def _write(self, world: World, storage: ObjectStorage, port: int) -> None:
        self._contents.mkdir(exist_ok=True)
        with world.lock, storage.lock:
            buckets = storage.contents()
            kept = Kept(VERSION, port, world.clock.now(), world.behaviour.as_json(), world.kept(), buckets)
            needed = {
                found.content: (bucket.name, found.key) for bucket in buckets for found in bucket.objects
            }
            for name, (bucket, key) in needed.items():
                if not (self._contents / name).exists():
                    _replace(self._contents / name, storage.read(bucket, key))
        _replace(self._path, json.dumps(_kept.dump_python(kept)).encode())
        for file in self._contents.iterdir():
            if file.name not in needed:
                file.unlink(missing_ok=True)


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    handle, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(new, path)
    except OSError:
        os.unlink(new)
        raise
