"""The models in a bucket: which folders hold one, and how many files and bytes each has. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from coreweave_inference.checks import WeightsFile
from coreweave_inference.checks.loading import weights_among

from .contents import StoredObject

OF_MODEL = frozenset({"config.json", "params.json", "adapter_config.json", "model_index.json"})
"""Files of which each model has one."""


@dataclass(frozen=True)
class ModelFolder:
    """A folder that holds a model (`is_model`), or what lies beside all models of a folder of the bucket."""

    path: str
    files: int
    bytes: int
    newest: datetime | None = None
    is_model: bool = True


def model_folders(objects: Iterable[StoredObject]) -> tuple[ModelFolder, ...]:
    """By path: each model with everything below it, and what belongs to none, by its folder."""
    found = [WeightsFile(one.key, one.size, one.last_modified) for one in objects]
    roots = _roots(found)
    by_root: dict[str, list[WeightsFile]] = {}
    for file in found:
        by_root.setdefault(_root_of(file.folder, roots), []).append(file)
    return tuple(_counted(path, files, path in roots) for path, files in sorted(by_root.items()))


def _roots(files: Iterable[WeightsFile]) -> frozenset[str]:
    """The folders that hold a model; what lies below one of them (`original/`, adapters) belongs to it."""
    files = tuple(files)
    marked = {file.folder for file in files if file.name in OF_MODEL} | {
        file.folder for file in weights_among(files)
    }
    roots: set[str] = set()
    for folder in sorted(marked):
        if not any(folder.startswith(f"{root}/") for root in roots) and folder:
            roots.add(folder)
    return frozenset(roots)


def _root_of(folder: str, roots: frozenset[str]) -> str:
    parts = folder.split("/")
    above = ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
    return next((path for path in above if path in roots), folder)


def _counted(path: str, files: list[WeightsFile], is_model: bool) -> ModelFolder:
    newest = max((file.modified for file in files if file.modified), default=None)
    return ModelFolder(path, len(files), sum(file.size for file in files), newest, is_model)
