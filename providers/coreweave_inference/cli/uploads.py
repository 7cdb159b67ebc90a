"""`weights push`: a folder into a bucket, with a bar on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from coreweave_inference.api.client import InferenceApi
from coreweave_inference.declaration import FILE, Declaration
from coreweave_inference.errors import (
    BucketMissing,
    Fault,
    InvalidDeclaration,
    one_line,
    single_line,
)
from coreweave_inference.storage.uploads import UploadPlan
from coreweave_inference.storage.weights_folder import files_in, is_excluded

from .context import settings_at, stack_at
from .exits import report_errors, usage_error
from .output import print_document, print_lines, say
from .transfers import transfer_shown
from .weights_place import (
    Served,
    declaration_at,
    first_of,
    missing_bucket,
    open_storage,
    overlap,
    place_faults,
    served_below,
    target_faults,
    warning_of,
)


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
        faults = [*place_faults(asked.bucket, asked.path), *target_faults(asked.path)]
        if faults:
            raise InvalidDeclaration(faults)
        files = files_in(asked.folder, asked.exclude, asked.path.strip("/"))
        name = stack_at(directory, stack)
        declared = declaration_at(directory, name)
        settings, unread = settings_at(directory, name), _unread(declared, directory / FILE, asked)
        with InferenceApi.of(settings) as api, transfer_shown(quiet=as_json) as (compare, progress):
            storage = open_storage(settings, api, zone, asked.bucket)
            try:
                plan = storage.plan_upload(files, asked.bucket, asked.path, compare)
            except BucketMissing as error:
                raise missing_bucket(storage, asked.bucket, declared) from error
            extra = _extra(plan, asked)
            writes = bool(plan.send or (asked.delete and extra))
            served = served_below(api, asked.bucket, asked.path) if writes else ()
            if asked.delete:
                _refuse_to_delete_served(extra, served, asked)
            warnings = (*unread, *map(warning_of, served))
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


def _extra(plan: UploadPlan, asked: Push) -> tuple[str, ...]:
    """Keys under the path that no file here has; what is excluded is left alone."""
    start = len(f"{asked.path.strip('/')}/")
    return tuple(found.key for found in plan.extra if not is_excluded(found.key[start:], asked.exclude))


def _refuse_to_delete_served(extra: Sequence[str], served: Sequence[Served], asked: Push) -> None:
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


def _unread(declaration: Declaration | None, path: Path, asked: Push) -> tuple[str, ...]:
    """A warning where a declaration has deployments on this bucket and none that reads the path."""
    if declaration is None:
        return ()
    models = [item.spec["model"] for item in declaration.deployments.values()]
    paths = [str(model["path"]).strip("/") for model in models if model.get("bucket") == asked.bucket]
    pushed = asked.path.strip("/")
    if not paths or any(overlap(f"{pushed}/", f"{read}/") for read in paths):
        return ()
    closest = max(paths, key=lambda read: SequenceMatcher(None, read, pushed).ratio())
    warning = (
        f'no deployment of {path} reads "{one_line(asked.path)}" in bucket "{asked.bucket}"; the closest path that one reads is '
        f'"{one_line(closest)}"; push there, or set model.path to "{one_line(pushed)}"'
    )
    return (warning,)


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
        what = (
            f"{len(extra)} files {deleted}, not in {asked.folder}"
            if asked.delete
            else f"{len(extra)} files in the bucket are not in {asked.folder} (--delete deletes them)"
        )
        lines.append(f"{what}: {first_of(extra)}")
    return lines
