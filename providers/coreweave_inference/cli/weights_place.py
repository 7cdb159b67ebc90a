"""Where weights are: a bucket and a path, the storage that has them, and the deployments that read them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from coreweave_inference.api.client import InferenceApi
from coreweave_inference.clock import system
from coreweave_inference.declaration import FILE, Declaration, read, read_for_stack
from coreweave_inference.errors import CoreWeaveError, Fault, InvalidDeclaration, did_you_mean, one_line
from coreweave_inference.model.bucket_names import bucket_name_problem
from coreweave_inference.model.deployment import Model
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.unknown import UNKNOWN
from coreweave_inference.model.violations import located_faults
from coreweave_inference.settings.resolution import Settings
from coreweave_inference.storage.client import ObjectStorage
from coreweave_inference.storage.contents import folder_prefix
from coreweave_inference.storage.key_sources import credentials_from

MOST_NAMED = 10
"""Files that a message names."""


def place_faults(bucket: str, path: str) -> list[Fault]:
    """What the declaration would refuse of a bucket's name and a model's path."""
    problem = bucket_name_problem(bucket)
    found = [Fault(f'BUCKET "{one_line(bucket)}" {problem}')] if problem else []
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in path):
        found.append(
            Fault(f'PATH "{one_line(path)}" has a control character in it', do="write the path without it")
        )
    about_path = located_faults(Model, {"name": UNKNOWN, "bucket": UNKNOWN, "path": path.strip("/")})
    return found + [Fault(f'PATH "{one_line(path)}" {fault.what}', do=fault.do) for _, fault in about_path]


def target_faults(path: str) -> list[Fault]:
    """What keeps a path that is written to from being the one that a deployment would read."""
    parts = path.strip("/").split("/")
    if not path.strip("/") or ".." in parts or "://" in path:
        return []  # The declaration's own rules say it.
    if "." in parts or "" in parts:
        wrong = 'has a segment "." or an empty one, which would be part of the keys'
    elif any(part != part.strip() for part in parts):
        wrong = "has white space around a segment, which would be part of the keys"
    else:
        return []
    return [
        Fault(f'PATH "{one_line(path)}" {wrong}', do="write it as model.path, such as models/llama-3.1-8b")
    ]


def open_storage(settings: Settings, api: InferenceApi, zone: str, bucket: str) -> ObjectStorage:
    credentials = credentials_from(settings, api, system, os.environ)
    storage = ObjectStorage(settings.s3_endpoint, credentials, zone or "default")
    if zone:
        return storage
    live = storage.bucket(bucket)
    return ObjectStorage(settings.s3_endpoint, credentials, live.zone) if live and live.zone else storage


def missing_bucket(storage: ObjectStorage, bucket: str, declared: Declaration | None) -> InvalidDeclaration:
    """The error for a bucket that is not there: the nearest name among the buckets that are, and the declared ones."""
    names = {found.name for found in declared.buckets.values()} if declared else set()
    first = "create it first with `cw-inference up --only buckets`"
    if bucket not in names:
        with suppress(CoreWeaveError):  # Who may not list buckets gets no suggestion.
            names |= set(storage.names())
        first = f"{did_you_mean(bucket, sorted(names))}declare it under `buckets`, and {first}"
    what = f'BUCKET "{bucket}": there is no bucket of this name that these settings can see'
    return InvalidDeclaration([Fault(what, do=first)])


@dataclass(frozen=True)
class Served:
    """A deployment that reads what is pushed, or a part of it; `path` ends with a slash."""

    name: str
    path: str


def served_below(api: InferenceApi, bucket: str, path: str) -> tuple[Served, ...]:
    """The deployments that read what is about to change; none where they cannot be listed."""
    try:
        deployments = api.list(Kind.DEPLOYMENT)
    except CoreWeaveError:
        return ()
    pushed = folder_prefix(path)
    found = []
    for live in deployments:
        model = live.spec.get("model")
        model = model if isinstance(model, dict) else {}
        read = f"{str(model.get('path', '')).strip('/')}/"
        if model.get("bucket") == bucket and overlap(pushed, read) and live.status != "DELETING":
            found.append(Served(one_line(live.name), read))
    return tuple(found)


def warning_of(served: Served) -> str:
    return (
        f'deployment "{served.name}" serves "{one_line(served.path[:-1])}" of this bucket; replicas that start '
        "later load the new files beside replicas with the old ones; push a new version to a path of its own "
        "and change model.path"
    )


def declaration_at(directory: Path, stack: str | None) -> Declaration | None:
    """What is declared in `directory`; None where there is no declaration, or not a right one yet."""
    path = directory / FILE
    if not path.is_file():
        return None
    try:
        return read_for_stack(path, stack.rsplit("/", 1)[-1]) if stack else read(path)
    except CoreWeaveError:
        return None


def overlap(one: str, other: str) -> bool:
    """Whether one of two folders, each with a slash at its end, is the other or holds it."""
    return one.startswith(other) or other.startswith(one)


def first_of(names: Sequence[str]) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(map(one_line, names[:MOST_NAMED]))}{more}"
