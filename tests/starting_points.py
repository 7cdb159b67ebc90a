"""What a run of this session left, for each test that begins with the same run: it is made once, and put back after that.

Kept is what the run itself wrote: the files of its stack, and what the service has since. The key is all that there was
before and how it was run, so a test whose beginning differs in anything makes its own. What is put back differs in the
address of the service and in the test's own folder, wherever they are written, and in nothing else.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.object_storage_contents import KeptBucket
from coreweave_inference.simulator.records import Record

from tests.simulator.inference_fixtures import s3_client

FOLDER = "TESTS_STARTING_POINTS"
"""Environment variable: the folder in which the processes of a session share them; without it each run is made."""
ADDRESS, PLACE = b"@address@", b"@place@"


@dataclass(frozen=True)
class Account:
    """What the service has; `contents` are the bytes of objects, by the names that their buckets give them."""

    records: list[Record]
    buckets: list[KeptBucket]
    contents: dict[str, bytes]

    @classmethod
    def of(cls, simulator: Simulator) -> Account:
        """What a simulator has now."""
        with simulator.world.lock, simulator.storage.lock:
            buckets = simulator.storage.contents()
            contents = {
                found.content: simulator.storage.read(bucket.name, found.key)
                for bucket in buckets
                for found in bucket.objects
            }
            return cls(simulator.world.kept(), buckets, contents)

    def put_back(self, simulator: Simulator) -> None:
        """Give it to a simulator that has some of the buckets already, with these objects."""
        there = {bucket["name"] for bucket in simulator.storage.buckets()}
        new = [bucket for bucket in self.buckets if bucket.name not in there]
        simulator.storage.restore(new, self.contents.__getitem__)
        with closing(s3_client(simulator)) as s3:
            for bucket in self.buckets:
                tags = [{"Key": key, "Value": value} for key, value in bucket.tags.items()]
                if bucket.name in there and tags:
                    s3.put_bucket_tagging(Bucket=bucket.name, Tagging={"TagSet": tags})
                if bucket.name in there and bucket.policy:
                    s3.put_bucket_policy(Bucket=bucket.name, Policy=bucket.policy)
        simulator.world.restore(self.records)

    def before(self) -> Any:
        """What decides how a run goes: when a bucket and its objects were made does not."""
        buckets = [
            replace(bucket, created=0.0, objects=[replace(found, modified="") for found in bucket.objects])
            for bucket in self.buckets
        ]
        return self.records, buckets, sorted(self.contents)


class StartingPoint:
    """The files and folders of a stack, and the service in front of which it lies."""

    def __init__(self, simulator: Simulator, *parts: Path) -> None:
        self._simulator = simulator
        self._parts = parts
        self._folder = Path(os.path.commonpath([part.parent for part in parts]))
        address = simulator.url.removeprefix("http://")
        self._words = ((PLACE, str(self._folder).encode()), (ADDRESS, address.encode()))

    def after(self, run: Callable[[], object], *how: Any, account: bool = True) -> bool:
        """Be as after `run`, which raises where it fails; `how` is what it depends on beside the files and the account, which
        may not matter. Whether it was run for that.
        """
        if FOLDER not in os.environ:
            run()
            return True
        with _only_one(Path(os.environ[FOLDER]) / self._key(how, account)) as file:
            if file.exists():
                self._put_back(*pickle.loads(file.read_bytes()))
                return False
            run()
            left = Account.of(self._simulator) if account else None
            file.write_bytes(pickle.dumps((dict(self._files()), left)))
            return True

    def _key(self, how: tuple[Any, ...], account: bool) -> str:
        simulator = self._simulator
        service = (Account.of(simulator).before(), simulator.behaviour.as_json()) if account else ()
        asked = self._neutral(json.dumps(how, sort_keys=True).encode())
        return hashlib.sha256(repr((dict(self._files()), service, asked)).encode()).hexdigest()

    def _files(self) -> Iterator[tuple[str, bytes]]:
        for part in self._parts:
            for file in sorted(part.rglob("*")) if part.is_dir() else [part]:
                name = str(file.relative_to(self._folder))
                if file.is_file():
                    yield name, self._neutral(file.read_bytes())
                elif file.is_dir():
                    yield f"{name}/", b""

    def _put_back(self, files: dict[str, bytes], account: Account | None) -> None:
        for name, content in files.items():
            file = self._folder / name
            (file if name.endswith("/") else file.parent).mkdir(parents=True, exist_ok=True)
            if not name.endswith("/"):
                file.write_bytes(self._own(content))
        for name in files.keys() & {f"{name}.attrs" for name in files}:
            _describe(self._folder / name)
        if account:
            account.put_back(self._simulator)

    def _neutral(self, content: bytes) -> bytes:
        for word, own in self._words:
            content = content.replace(own, word)
        return content

    def _own(self, content: bytes) -> bytes:
        for word, own in self._words:
            content = content.replace(word, own)
        return content


def _describe(attributes: Path) -> None:
    """Say in the file that the backend keeps beside each of its own what that one is by now."""
    digest = hashlib.md5(attributes.with_suffix("").read_bytes(), usedforsecurity=False).digest()
    recorded = json.loads(attributes.read_text()) | {"md5": base64.b64encode(digest).decode()}
    attributes.write_text(json.dumps(recorded, separators=(",", ":")) + "\n")


@contextmanager
def _only_one(file: Path) -> Iterator[Path]:
    """No other process of the session makes this file meanwhile."""
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield file
