"""`weights copy`: a model to another path or bucket, on the server's side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coreweave_inference.api.client import InferenceApi
from coreweave_inference.errors import (
    BucketMissing,
    Fault,
    InvalidDeclaration,
    did_you_mean,
    one_line,
    single_line,
)
from coreweave_inference.storage.client import ObjectStorage
from coreweave_inference.storage.copies import CopyPlan
from coreweave_inference.storage.prefixes import model_folders

from .context import settings_at, stack_at
from .exits import report_errors
from .output import print_document, print_lines, say
from .transfers import transfer_shown
from .weights_place import (
    MOST_NAMED,
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
from .wrapping import columns, wrapped


@dataclass(frozen=True)
class Copy:
    """What is asked for."""

    bucket: str
    path: str
    to_bucket: str
    to_path: str
    overwrite: bool = False
    dry_run: bool = False

    @property
    def where(self) -> str:
        """The target in words."""
        return f'"{self.to_path}" in bucket "{self.to_bucket}"'


def copy_weights(asked: Copy, *, zone: str, directory: Path, stack: str | None, as_json: bool) -> None:
    """Copy what the target does not have, and say what was copied."""
    with report_errors(as_json=as_json, document=document(CopyPlan("", ""), (), asked)):
        _require_places(asked)
        name = stack_at(directory, stack)
        declared = declaration_at(directory, name)
        settings = settings_at(directory, name)
        with InferenceApi.of(settings) as api, transfer_shown(quiet=as_json) as (_, progress):
            storage = open_storage(settings, api, zone, asked.to_bucket)
            try:
                plan = storage.plan_copy((asked.bucket, asked.path), (asked.to_bucket, asked.to_path))
            except BucketMissing as error:
                missing = next(
                    (b for b in (asked.bucket, asked.to_bucket) if storage.bucket(b) is None), None
                )
                raise missing_bucket(storage, missing or asked.to_bucket, declared) from error
            if not plan.copy and not plan.there:
                raise InvalidDeclaration([_nothing(storage, asked)])
            if plan.different and not asked.overwrite:
                raise InvalidDeclaration([_refused(plan, asked)])
            served = served_below(api, asked.to_bucket, asked.to_path) if plan.copy else ()
            warnings = tuple(map(warning_of, served))
            if not as_json:
                for warning in warnings:
                    say(single_line(f"warning: {warning}"), error=True)
            if not asked.dry_run:
                storage.copy(plan, progress)
    if as_json:
        print_document(document(plan, warnings, asked))
    else:
        print_lines(wrapped(text(plan, asked), columns()))


def _require_places(asked: Copy) -> None:
    """Raises InvalidDeclaration for names that cannot be, and for a folder in itself."""
    faults = [
        *place_faults(asked.bucket, asked.path),
        *place_faults(asked.to_bucket, asked.to_path),
        *target_faults(asked.to_path),
    ]
    source, target = f"{asked.path.strip('/')}/", f"{asked.to_path.strip('/')}/"
    if not faults and asked.bucket == asked.to_bucket and overlap(source, target):
        faults = [
            Fault(f'"{asked.to_path}" is "{asked.path}" or lies in it, or holds it', do="name another path")
        ]
    if faults:
        raise InvalidDeclaration(faults)


def _nothing(storage: ObjectStorage, asked: Copy) -> Fault:
    paths = [found.path for found in model_folders(storage.objects(asked.bucket, "")) if found.is_model]
    what = f'PATH "{one_line(asked.path)}": there is nothing under it in bucket "{asked.bucket}"'
    return Fault(
        what,
        do=f"{did_you_mean(asked.path.strip('/'), paths)}`cw-inference weights list {asked.bucket}` shows what there is",
    )


def _refused(plan: CopyPlan, asked: Copy) -> Fault:
    return Fault(
        f"{asked.where} has other content under {len(plan.different)} of the names, and nothing was copied: {first_of(plan.different)}",
        do="copy to a path of its own, or say --overwrite",
    )


def text(plan: CopyPlan, asked: Copy) -> list[str]:
    """For a terminal."""
    copied = "to copy" if asked.dry_run else "copied"
    lines = (
        [f"+ {one_line(one.key)} ({one.source.size:,} bytes)" for one in plan.copy] if asked.dry_run else []
    )
    there = f", {len(plan.there)} there already" if plan.there else ""
    lines.append(f"{len(plan.copy)} files, {plan.bytes:,} bytes {copied} to {asked.where}{there}")
    if plan.extra:
        lines.append(
            f'{len(plan.extra)} files there are not under "{asked.path}": {", ".join(map(one_line, plan.extra[:MOST_NAMED]))}'
        )
    return lines


def document(plan: CopyPlan, warnings: Sequence[str], asked: Copy) -> dict[str, Any]:
    """As JSON."""
    return {
        "ok": True,
        "errors": [],
        "findings": [],
        "count": len(plan.copy),
        "bytes": plan.bytes,
        "skipped": len(plan.there),
        "overwritten": len(plan.different) if asked.overwrite else 0,
        "dryRun": asked.dry_run,
        "files": [one.key for one in plan.copy],
        "extra": list(plan.extra),
        "warnings": list(warnings),
    }
