"""`weights check`: whether a model is whole, in a bucket or in a folder on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from coreweave_inference.api.client import InferenceApi
from coreweave_inference.checks import Finding, Folder, Severity
from coreweave_inference.checks.finding import About
from coreweave_inference.checks.wholeness import defects
from coreweave_inference.clock import system
from coreweave_inference.declaration import FILE
from coreweave_inference.discovery.gathering import bucket_reader
from coreweave_inference.discovery.weights import BucketSource
from coreweave_inference.errors import (
    BucketMissing,
    CoreWeaveError,
    Fault,
    InvalidDeclaration,
    did_you_mean,
    plural,
)
from coreweave_inference.storage.client import ObjectStorage
from coreweave_inference.storage.model_reader import LocalFolder, ModelReader
from coreweave_inference.storage.prefixes import model_folders

from .announcing import say_to
from .context import settings_at, stack_at
from .exits import REFUSED, UNKNOWN, report_errors
from .output import print_document, print_lines
from .weights_place import declaration_at, missing_bucket, place_faults
from .wrapping import columns, wrapped

GIB = 2**30


@dataclass(frozen=True)
class Checked:
    """A model that was read; `folder` is None where it could not be listed, for the reason `why`."""

    where: str
    bucket: str
    path: str
    folder: Folder | None
    findings: tuple[Finding, ...] = ()
    why: str = ""

    @property
    def whole(self) -> bool | None:
        """Whether nothing is wrong; None where that is not known."""
        if self.findings:
            return False
        return None if self.folder is None or self.folder.unread or not self.folder.complete else True


def check_weights(
    what: str | None, path: str | None, *, directory: Path, stack: str | None, as_json: bool
) -> None:
    """Check a folder, a path of a bucket, or everything that the declaration's deployments read."""
    with report_errors(as_json=as_json, document=document(())):
        found = list(_checked(what, path, directory, stack, as_json=as_json))
    if as_json:
        print_document(document(found))
    else:
        print_lines(wrapped(text(found), columns()))
    states = {one.whole for one in found}
    if False in states:
        raise typer.Exit(REFUSED)
    if None in states:
        raise typer.Exit(UNKNOWN)


def _checked(
    what: str | None, path: str | None, directory: Path, stack: str | None, *, as_json: bool
) -> Iterator[Checked]:
    """Raises CoreWeaveError."""
    if what is not None and path is None:
        if not Path(what).is_dir():
            raise InvalidDeclaration(
                [Fault(f"{what} is no folder", do="name a folder, or a bucket and a path in it")]
            )
        yield _of_folder(Path(what))
        return
    faults = place_faults(what, path or "") if what is not None else []
    if faults:
        raise InvalidDeclaration(faults)
    name = stack_at(directory, stack)
    declared = declaration_at(directory, name)
    if what is not None and path is not None:
        places = [(what, path.strip("/"))]
    elif declared is None:
        raise InvalidDeclaration(
            [
                Fault(
                    f"{directory / FILE} does not exist or has faults",
                    do="name a bucket and a path, or a folder",
                )
            ]
        )
    else:
        models = [item.spec["model"] for item in declared.deployments.values()]
        known = [model for model in models if isinstance(model.get("bucket"), str)]
        places = list(dict.fromkeys((model["bucket"], str(model["path"]).strip("/")) for model in known))
    settings = settings_at(directory, name)
    tell = say_to(as_json=as_json)
    with InferenceApi.of(settings) as api:
        storage = bucket_reader(settings, api, system, os.environ)
        for bucket, below in places:
            tell(f"reading {below} in bucket {bucket} …")
            try:
                yield _of_bucket(storage, settings.s3_endpoint, bucket, below)
            except BucketMissing as error:
                if what is not None:
                    raise missing_bucket(storage, bucket, declared) from error
                yield Checked(f'"{below}" in bucket "{bucket}"', bucket, below, None, (), str(error))
            except CoreWeaveError as error:
                yield Checked(f'"{below}" in bucket "{bucket}"', bucket, below, None, (), str(error))


def _of_folder(folder: Path) -> Checked:
    found = ModelReader(LocalFolder(folder)).whole(".")
    return Checked(f"folder {folder}", "", str(folder), found, _findings(found, ".", str(folder)))


def _of_bucket(storage: ObjectStorage, endpoint: str, bucket: str, path: str) -> Checked:
    found = ModelReader(BucketSource(storage, bucket, endpoint)).whole(path)
    try:
        start = len(f"{path}/")
        names = tuple(key[start:] for key in storage.unfinished(bucket, path))
        found = replace(found, unfinished=names)
    except CoreWeaveError as error:
        found = replace(found, unread=(*found.unread, f"unfinished uploads could not be listed: {error}"))
    where = f'"{path}" in bucket "{bucket}"'
    if not found.files and not found.unfinished:
        return Checked(where, bucket, path, found, (_missing(storage, bucket, path),))
    return Checked(where, bucket, path, found, _findings(found, path, f"{bucket}/{path}"))


def _missing(storage: ObjectStorage, bucket: str, path: str) -> Finding:
    paths = [found.path for found in model_folders(storage.objects(bucket, "")) if found.is_model]
    return Finding(
        "weights-missing",
        Severity.ERROR,
        About("weights", f"{bucket}/{path}"),
        "",
        f'there is nothing under "{path}"',
        "no replica starts without weights",
        f"{did_you_mean(path, paths)}push them with `cw-inference weights push FOLDER {bucket} {path}`",
    )


def _findings(folder: Folder, path: str, key: str) -> tuple[Finding, ...]:
    about = About("weights", key)
    return tuple(
        Finding(one.code, Severity.ERROR, about, "", one.what, one.why, one.do)
        for one in defects(folder, path, formats_known=True)
    )


def text(found: Sequence[Checked]) -> list[str]:
    """For a terminal."""
    lines = []
    for one in found:
        if one.folder is None:
            lines.append(f"{one.where}: not known: {one.why}")
            continue
        size = f"{one.folder.bytes / GIB:.2f} GiB in {plural(len(one.folder.loaded), 'file')} of weights"
        state = {True: "whole", False: "not whole", None: "not known whether it is whole"}[one.whole]
        lines.append(f"{one.where}: {state}; {size}, {plural(len(one.folder.files), 'file')} in all")
        for finding in one.findings:
            lines.append(f"  {finding.severity.value} {finding.code}")
            lines += [f"      {part}" for part in (finding.what, finding.why, finding.do) if part]
        lines += [
            f"  not read: {sentence}" for sentence in one.folder.unread if sentence not in one.folder.broken
        ]
    return lines or ["no deployment of the declaration reads weights"]


def document(found: Sequence[Checked]) -> dict[str, Any]:
    """As JSON."""
    findings = [finding.as_data() for one in found for finding in one.findings]
    return {
        "ok": not findings,
        "errors": [],
        "findings": findings,
        "models": [
            {
                "bucket": one.bucket or None,
                "path": one.path,
                "whole": one.whole,
                "files": len(one.folder.files) if one.folder else None,
                "bytes": one.folder.bytes if one.folder else None,
                "loaded": [file.name for file in one.folder.loaded] if one.folder else [],
                "notRead": [one.why] if one.folder is None else list(one.folder.unread),
            }
            for one in found
        ],
    }
