"""What is known of the weights buckets: what lies in them, and what their policies say. Data only; `None` is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from coreweave_inference.fit import Tensor

from .loading import WeightsFile, index_among, loaded_files, missing_parts, models_files, rivals

CONFIG = "config.json"


@dataclass(frozen=True)
class Folder:
    """What lies below a model's path; `complete` is false where the listing was cut off. `config`: its config.json.

    `indexed` are the files that the index of its weights names, `total_size` the bytes that it gives (0: not known), `tensors`
    those in the headers, where those were read; `unread` has one sentence on each thing that could not be, and `broken` one on each file that is not what it must be, as far as that was
    seen. `unfinished` are the names of files whose upload was begun and not completed.
    """

    files: tuple[WeightsFile, ...] = ()
    complete: bool = True
    config: Mapping[str, Any] | None = None
    indexed: frozenset[str] = frozenset()
    total_size: int = 0
    tensors: tuple[Tensor, ...] | None = None
    unread: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()

    @cached_property
    def loaded(self) -> tuple[WeightsFile, ...]:
        """The files that an engine loads; none where that is not known."""
        return loaded_files(self.files, self.indexed, complete=self.complete)

    @cached_property
    def bytes(self) -> int:
        """Bytes of the files that an engine loads at least."""
        return sum(file.size for file in self.loaded)

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of parts of the weights that are not there; none where only an index that was not read would tell."""
        is_known = bool(self.indexed) or index_among(self.files) is None
        return missing_parts(self.files, self.loaded, self.indexed) if self.complete and is_known else ()

    @property
    def seems_cut_off(self) -> bool:
        """Whether there are fewer bytes than the index tells: published indexes are not always right, headers decide."""
        return not self.missing and self.bytes < self.total_size

    @property
    def has_params(self) -> bool:
        """Whether versions of vLLM read Mistral's params.json instead of config.json: both it and weights of that form are there."""
        here = [
            file.folder
            for file in self.files
            if file.name.startswith("consolidated") and file.name.endswith(".safetensors")
        ]
        return any(file.name == "params.json" and file.folder in here for file in self.files)

    @property
    def is_ambiguous(self) -> bool:
        """Whether an engine may load more files than `loaded` has."""
        return not self.indexed and bool(rivals(self.files, self.loaded))

    @property
    def newest(self) -> datetime | None:
        """When the youngest file of the model was written."""
        files = models_files(self.files, self.loaded)
        return max((file.modified for file in files if file.modified), default=None)


@dataclass(frozen=True)
class BucketFacts:
    """A bucket. `policy` is its document, or `None` where it has none; `folders` are by model path.

    A folder is left out where it could not be listed. `exists` is false where the service says that there is no such bucket.
    """

    policy: Mapping[str, Any] | None = None
    policy_known: bool = True
    folders: Mapping[str, Folder] = field(default_factory=dict)
    exists: bool = True
