"""`weights push`: a folder into a bucket, with a bar on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from coreweave_inference.api.client import InferenceApi
from coreweave_inference.clock import system
from coreweave_inference.declaration import FILE, Declaration, read, read_for_stack
from coreweave_inference.errors import (
    BucketMissing,
    CoreWeaveError,
    Fault,
    InvalidDeclaration,
    did_you_mean,
    one_line,
    single_line,
)
from coreweave_inference.model.bucket_names import bucket_name_problem
from coreweave_inference.model.deployment import Model
from coreweave_inference.model.kinds import Kind
from coreweave_inference.model.unknown import UNKNOWN
from coreweave_inference.model.violations import located_faults
from coreweave_inference.settings.resolution import Settings
from coreweave_inference.storage.client import ObjectStorage, UploadPlan, credentials_from
from coreweave_inference.storage.uploads import UploadProgress
from coreweave_inference.storage.weights_folder import files_in, is_excluded

from .context import settings_at, stack_at
from .exits import report_errors, usage_error
from .output import print_document, print_lines, say

MOST_NAMED = 10


@dataclass(frozen=True)
class Push:
    """What is asked for."""

    folder: Path
    bucket: str
    path: str
    exclude: tuple[str, ...] = ()
    delete: bool = False
    dry_run: bool = False


def push(asked: Push, *, zone: str, directory: Path, stack: str | None, as_json: bool) -> None:
    """Upload what is missing, and say what was sent."""
    if not asked.folder.is_dir():
        raise usage_error(f"{asked.folder} is not a folder", as_json=as_json)
    with report_errors(as_json=as_json):
        faults = _faults(asked.bucket, asked.path)
        if faults:
            raise InvalidDeclaration(faults)
        files = files_in(asked.folder, asked.exclude, asked.path.strip("/"))
        name = stack_at(directory, stack)
        declared = _declaration(directory, name)
        settings, unread = settings_at(directory, name), _unread(declared, directory / FILE, asked)
        with InferenceApi.of(settings) as api, _shown(quiet=as_json) as (compare, progress):
            storage = _storage(settings, api, zone, asked.bucket)
            try:
                plan = storage.plan_upload(files, asked.bucket, asked.path, compare)
            except BucketMissing as error:
                raise _missing(storage, asked.bucket, declared) from error
            extra = _extra(plan, asked)
            writes = bool(plan.send or (asked.delete and extra))
            served = _served(api, asked) if writes else ()
            if asked.delete:
                _refuse_to_delete_served(extra, served, asked)
            warnings = (*unread, *map(_warning, served))
            if not as_json:
                for warning in warnings:
                    say(single_line(f"warning: {warning}"), error=True)
            if not asked.dry_run:
                storage.upload(plan, progress)
                if asked.delete:
                    storage.delete_objects(asked.bucket, extra)
    if as_json:
        print_document(_document(plan, extra, warnings, asked))
    else:
        print_lines(_text(plan, extra, asked))


def _faults(bucket: str, path: str) -> list[Fault]:
    """What the declaration would refuse of a bucket's name and a model's path."""
    problem = bucket_name_problem(bucket)
    found = [Fault(f'BUCKET "{one_line(bucket)}" {problem}')] if problem else []
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in path):
        found.append(
            Fault(f'PATH "{one_line(path)}" has a control character in it', do="write the path without it")
        )
    about_path = located_faults(Model, {"name": UNKNOWN, "bucket": UNKNOWN, "path": path.strip("/")})
    return found + [Fault(f'PATH "{one_line(path)}" {fault.what}', do=fault.do) for _, fault in about_path]


def _storage(settings: Settings, api: InferenceApi, zone: str, bucket: str) -> ObjectStorage:
    credentials = credentials_from(settings, api, system, os.environ)
    storage = ObjectStorage(settings.s3_endpoint, credentials, zone or "default")
    if zone:
        return storage
    live = storage.bucket(bucket)
    return ObjectStorage(settings.s3_endpoint, credentials, live.zone) if live and live.zone else storage


def _missing(storage: ObjectStorage, bucket: str, declared: Declaration | None) -> InvalidDeclaration:
    """The error for a bucket that is not there: the nearest name among the buckets that are, and the declared ones."""
    names = {found.name for found in declared.buckets.values()} if declared else set()
    first = "create it first with `cw-inference up --only buckets`"
    if bucket not in names:
        with suppress(CoreWeaveError):  # Who may not list buckets gets no suggestion.
            names |= set(storage.names())
        first = f"{did_you_mean(bucket, sorted(names))}declare it under `buckets`, and {first}"
    what = f'BUCKET "{bucket}": there is no bucket of this name that these settings can see'
    return InvalidDeclaration([Fault(what, do=first)])


def _extra(plan: UploadPlan, asked: Push) -> tuple[str, ...]:
    """Keys under the path that no file here has; what is excluded is left alone."""
    start = len(f"{asked.path.strip('/')}/")
    return tuple(found.key for found in plan.extra if not is_excluded(found.key[start:], asked.exclude))


@dataclass(frozen=True)
class _Served:
    """A deployment that reads what is pushed, or a part of it; `path` ends with a slash."""

    name: str
    path: str


def _served(api: InferenceApi, asked: Push) -> tuple[_Served, ...]:
    """The deployments that read what is about to change; none where they cannot be listed."""
    try:
        deployments = api.list(Kind.DEPLOYMENT)
    except CoreWeaveError:
        return ()
    pushed = f"{asked.path.strip('/')}/"
    found = []
    for live in deployments:
        model = live.spec.get("model")
        model = model if isinstance(model, dict) else {}
        path = f"{str(model.get('path', '')).strip('/')}/"
        if model.get("bucket") == asked.bucket and _overlap(pushed, path) and live.status != "DELETING":
            found.append(_Served(one_line(live.name), path))
    return tuple(found)


def _warning(served: _Served) -> str:
    return (
        f'deployment "{served.name}" serves "{one_line(served.path[:-1])}" of this bucket; replicas that start '
        "later load the new files beside replicas with the old ones; push a new version to a path of its own "
        "and change model.path"
    )


def _refuse_to_delete_served(extra: Sequence[str], served: Sequence[_Served], asked: Push) -> None:
    """Raise InvalidDeclaration where --delete would take files of a deployment whose folder lies below the path."""
    pushed = f"{asked.path.strip('/')}/"
    below = [one for one in served if one.path != pushed and any(key.startswith(one.path) for key in extra)]
    faults = [
        Fault(
            f'--delete would delete files under "{one_line(one.path[:-1])}", which deployment "{one.name}" serves',
            do="push to the folder of one model, or leave --delete out",
        )
        for one in below
    ]
    if faults:
        raise InvalidDeclaration(faults)


def _declaration(directory: Path, stack: str | None) -> Declaration | None:
    """What is declared in `directory`; None where there is no declaration, or not a right one yet."""
    path = directory / FILE
    if not path.is_file():
        return None
    try:
        return read_for_stack(path, stack.rsplit("/", 1)[-1]) if stack else read(path)
    except CoreWeaveError:
        return None


def _unread(declaration: Declaration | None, path: Path, asked: Push) -> tuple[str, ...]:
    """A warning where a declaration has deployments on this bucket and none that reads the path."""
    if declaration is None:
        return ()
    models = [item.spec["model"] for item in declaration.deployments.values()]
    paths = [str(model["path"]).strip("/") for model in models if model.get("bucket") == asked.bucket]
    pushed = asked.path.strip("/")
    if not paths or any(_overlap(f"{pushed}/", f"{read}/") for read in paths):
        return ()
    closest = max(paths, key=lambda read: SequenceMatcher(None, read, pushed).ratio())
    warning = (
        f'no deployment of {path} reads "{one_line(asked.path)}" in bucket "{asked.bucket}"; the closest path that one reads is '
        f'"{one_line(closest)}"; push there, or set model.path to "{one_line(pushed)}"'
    )
    return (warning,)


def _overlap(one: str, other: str) -> bool:
    """Whether one of two folders, each with a slash at its end, is the other or holds it."""
    return one.startswith(other) or other.startswith(one)


def _document(
    plan: UploadPlan, extra: Sequence[str], warnings: Sequence[str], asked: Push
) -> dict[str, object]:
    return {
        "ok": True,
        "errors": [],
        "findings": [],
        "count": len(plan.send),
        "bytes": plan.bytes,
        "skipped": len(plan.there),
        "dryRun": asked.dry_run,
        "files": [file.key for file in plan.send],
        "extra": list(extra),
        "deleted": len(extra) if asked.delete and not asked.dry_run else 0,
        "warnings": list(warnings),
    }


def _text(plan: UploadPlan, extra: Sequence[str], asked: Push) -> list[str]:
    pushed, deleted = ("to push", "to delete") if asked.dry_run else ("pushed", "deleted")
    lines = [f"+ {one_line(file.key)} ({file.size:,} bytes)" for file in plan.send] if asked.dry_run else []
    there = f", {len(plan.there)} there already" if plan.there else ""
    where = f'"{asked.path}" in bucket "{asked.bucket}"'
    lines.append(f"{len(plan.send)} files, {plan.bytes:,} bytes {pushed} to {where}{there}")
    if extra:
        named = ", ".join(map(one_line, extra[:MOST_NAMED]))
        more = f" and {len(extra) - MOST_NAMED} more" if len(extra) > MOST_NAMED else ""
        what = (
            f"{len(extra)} files {deleted}, not in {asked.folder}"
            if asked.delete
            else f"{len(extra)} files in the bucket are not in {asked.folder} (--delete deletes them)"
        )
        lines.append(f"{what}: {named}{more}")
    return lines


@contextmanager
def _shown(*, quiet: bool) -> Iterator[tuple[Callable[[str], None], UploadProgress]]:
    """What is called with each key that is compared, and with the progress of an upload."""
    if quiet:
        yield (lambda key: None), (lambda key, sent, total: None)
        return
    if not sys.stderr.isatty():
        yield (lambda key: None), _Tenths()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("looking", total=None)
        yield (
            lambda key: bar.update(task, description=f"comparing {one_line(key)}"),
            lambda key, sent, total: bar.update(task, description=one_line(key), completed=sent, total=total),
        )


class _Tenths:
    """Progress without a terminal: one line for each tenth of a large upload."""

    LARGE = 1_000_000_000

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, _key: str, sent: int, total: int) -> None:
        tenth = sent * 10 // total if total else 10
        if total >= self.LARGE and tenth > self._told:
            self._told = tenth
            print(f"uploaded {tenth * 10} % of {total / 1e9:.1f} GB", file=sys.stderr, flush=True)
