"""`weights list`: the models in a bucket, with size, files, cost, and who reads them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coreweave_inference.api.client import InferenceApi
from coreweave_inference.clock import system
from coreweave_inference.discovery.gathering import bucket_reader
from coreweave_inference.errors import BucketMissing, CoreWeaveError, InvalidDeclaration, one_line
from coreweave_inference.fleet.storage_prices import CURRENCY, DEAREST, PER_GB_MONTH, money, per_month
from coreweave_inference.storage.client import ObjectStorage
from coreweave_inference.storage.prefixes import ModelFolder, model_folders

from .announcing import say_to
from .context import settings_at, stack_at
from .exits import report_errors
from .output import print_document, print_lines
from .weights_place import declaration_at, missing_bucket, place_faults, served_below
from .wrapping import columns, wrapped

GIB = 2**30
HEADER = ("model", "files", "size", "read by")


@dataclass(frozen=True)
class Listed:
    """What a bucket holds below a path; `readers` are the deployments by the path that each reads."""

    bucket: str
    path: str = ""
    folders: tuple[ModelFolder, ...] = ()
    unfinished: tuple[str, ...] = ()
    readers: dict[str, list[str]] = field(default_factory=dict)
    why: str = ""

    @property
    def bytes(self) -> int:
        """Of all folders."""
        return sum(folder.bytes for folder in self.folders)


def list_weights(bucket: str | None, path: str, *, directory: Path, stack: str | None, as_json: bool) -> None:
    """Print what the bucket holds, or each of the declaration's buckets, or each that the key may list."""
    with report_errors(as_json=as_json, document=document(())):
        faults = place_faults(bucket, path or "x") if bucket else []
        if faults:
            raise InvalidDeclaration(faults)
        name = stack_at(directory, stack)
        declared = declaration_at(directory, name)
        settings = settings_at(directory, name)
        tell = say_to(as_json=as_json)
        with InferenceApi.of(settings) as api:
            storage = bucket_reader(settings, api, system, os.environ)
            own = sorted({found.name for found in declared.buckets.values()}) if declared else []
            names = [bucket] if bucket else own or sorted(storage.names())
            found = []
            for one in names:
                tell(f"listing bucket {one} …")
                try:
                    found.append(_listed(storage, api, one, path))
                except BucketMissing as error:
                    if bucket:
                        raise missing_bucket(storage, one, declared) from error
                    found.append(Listed(one, why="does not exist yet"))
                except CoreWeaveError as error:
                    if bucket:
                        raise
                    found.append(Listed(one, why=str(error)))
    if as_json:
        print_document(document(found))
    else:
        print_lines(wrapped(text(found), columns()))


def _listed(storage: ObjectStorage, api: InferenceApi, bucket: str, path: str) -> Listed:
    folders = model_folders(storage.objects(bucket, path))
    readers: dict[str, list[str]] = {}
    for served in served_below(api, bucket, path):
        readers.setdefault(served.path.rstrip("/"), []).append(served.name)
    return Listed(bucket, path, folders, storage.unfinished(bucket, path), readers)


def text(found: Sequence[Listed]) -> list[str]:
    """For a terminal."""
    lines = []
    for one in found:
        if one.why:
            lines.append(f"bucket {one.bucket}: {one.why}")
            continue
        where = f' under "{one.path}"' if one.path else ""
        lines.append(f"bucket {one.bucket}{where}: {_size(one.bytes)}, {money(one.bytes)}")
        rows = [HEADER, *(_row(folder, one) for folder in one.folders)]
        widths = [max(len(row[at]) for row in rows) for at in range(len(HEADER))]
        if one.folders:
            lines += [
                "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
                for row in rows
            ]
        missing = sorted(set(one.readers) - {folder.path for folder in one.folders})
        lines += [f"  {path}: nothing there, and {', '.join(one.readers[path])} reads it" for path in missing]
        lines += [
            f"  {one_line(key)}: an upload that was not completed; its parts are billed"
            for key in one.unfinished
        ]
    lines += [] if found else ["no bucket that this key may list"]
    return [*lines, f"{_price()}; a listing does not tell how recently a file was read"] if found else lines


def _row(folder: ModelFolder, listed: Listed) -> tuple[str, ...]:
    readers = listed.readers.get(folder.path, [])
    name = folder.path if folder.is_model else f"{folder.path}/ (no model)".lstrip("/")
    return one_line(name), str(folder.files), _size(folder.bytes), ", ".join(readers) or "nobody"


def _price() -> str:
    prices = ", ".join(f"{name} {price}" for name, price in PER_GB_MONTH.items())
    return f"list prices, {CURRENCY} per GB and month: {prices}"


def _size(size: int) -> str:
    return f"{size / GIB:.2f} GiB" if size >= GIB / 100 else f"{size:,} bytes"


def document(found: Sequence[Listed]) -> dict[str, Any]:
    """As JSON."""
    return {
        "ok": not any(one.why for one in found),
        "errors": [],
        "findings": [],
        "buckets": [
            {
                "bucket": one.bucket,
                "path": one.path,
                "why": one.why,
                "bytes": one.bytes,
                "costPerMonth": float(per_month(one.bytes)),
                "models": [
                    {
                        "path": folder.path,
                        "isModel": folder.is_model,
                        "files": folder.files,
                        "bytes": folder.bytes,
                        "costPerMonth": float(per_month(folder.bytes)),
                        "newest": folder.newest.isoformat() if folder.newest else None,
                        "readBy": one.readers.get(folder.path, []),
                    }
                    for folder in one.folders
                ],
                "unfinished": list(one.unfinished),
            }
            for one in found
        ],
        "prices": {"currency": CURRENCY, "class": DEAREST, "perGbMonth": float(PER_GB_MONTH[DEAREST])},
    }
