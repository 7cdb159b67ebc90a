"""The one reader of models: names and sizes from one listing, config.json and the index, headers where they decide.

The same for a bucket and for a folder on this machine. What cannot be read is a sentence, never an error; what was read
is kept for the run by the ETag of the file, so that many deployments of one model read it once.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from coreweave_inference.checks import Folder, WeightsFile, index_among
from coreweave_inference.checks.loading import FORMATS, weights_among
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.fit import Tensor
from coreweave_inference.fit.weights import condensed

from .safetensors import PREFIX, BadHeader, header_length, tensors_in
from .weights_folder import files_in

CONFIG = "config.json"
QUANTISATION, QUANTISED = "hf_quant_config.json", "quantization_config"
"""Where ModelOpt wrote what config.json has no word of; vLLM reads it then."""
LARGEST_CONFIG = 4_000_000
LARGEST_INDEX = 32_000_000
FIRST = 256 * 1024
"""Bytes of the first read of a header; a second read follows where it is longer."""
AT_ONCE = 8
MOST_FILES = 1000
"""Objects of a model that are read; a listing that is cut off gives a lower bound of its size."""
FORMAT = ".safetensors"

_gate = threading.BoundedSemaphore(AT_ONCE)
_seen: dict[tuple[str, ...], Any] = {}
"""By place, ETag and what was read: the outcome, for this process."""


class Source(Protocol):
    """Where a model's files are. Every method raises CoreWeaveError."""

    @property
    def place(self) -> str:
        """What tells it apart from other sources."""
        ...

    def files(self, path: str) -> Iterable[tuple[WeightsFile, str]]:
        """The files below a path, each with its ETag."""
        ...

    def read(self, key: str, start: int, size: int) -> bytes:
        """So many bytes of a file, fewer at its end."""
        ...


@dataclass(frozen=True)
class LocalFolder:
    """A folder on this machine."""

    folder: Path

    @property
    def place(self) -> str:
        """Its path."""
        return str(self.folder.resolve())

    def files(self, _path: str) -> Iterable[tuple[WeightsFile, str]]:
        """Its files. Raises InvalidDeclaration for what cannot be read."""
        for name, path in files_in(self.folder, needed=_decides).items():
            status = path.stat()
            yield WeightsFile(f"./{name}", status.st_size), f"{status.st_mtime_ns}-{status.st_size}"

    def read(self, key: str, start: int, size: int) -> bytes:
        """Bytes of one of them."""
        try:
            with (self.folder / key).open("rb") as file:
                file.seek(start)
                return file.read(size)
        except OSError as error:
            raise CoreWeaveError(f"{key} cannot be read: {error.strerror}") from error


def _decides(name: str) -> bool:
    """Whether what is there of this name may change what is known of the model; "" is the folder itself."""
    return not name or name.endswith((".json", *(f".{ending}" for ending in FORMATS)))


class ModelReader:
    """Reads models of one source; safe to use from several threads."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._etags: dict[str, str] = {}

    def folder(self, path: str) -> Folder:
        """What is below a model's path: names and sizes, config.json, the index where several sets of weights are there.

        Raises CoreWeaveError where the path cannot be listed.
        """
        files: list[WeightsFile] = []
        for file, etag in islice(self._source.files(path), MOST_FILES):
            files.append(file)
            self._etags[file.key] = etag
        found = Folder(tuple(files), len(files) < MOST_FILES)
        here = {file.key: file for file in files}
        unread: list[str] = []
        config = here.get(f"{path}/{CONFIG}")
        if config is not None:
            found = replace(found, config=self._json(config, LARGEST_CONFIG, unread))
        beside = here.get(f"{path}/{QUANTISATION}")
        if beside is not None and found.config and not found.config.get(QUANTISED):
            quantised = (self._json(beside, LARGEST_CONFIG, unread) or {}).get("quantization")
            found = replace(found, config={**found.config, QUANTISED: quantised})
        index = index_among(files)
        if index is not None and (not found.complete or len(found.loaded) < len(weights_among(files))):
            found = replace(found, indexed=self._indexed(index, unread))
        return replace(found, unread=tuple(unread))

    def with_headers(self, folder: Folder) -> Folder:
        """The folder with its tensors, condensed; without them, and with a sentence, where one header cannot be read."""
        files = folder.loaded
        if not files or not all(file.name.endswith(FORMAT) for file in files):
            return folder
        with ThreadPoolExecutor(min(AT_ONCE, len(files))) as pool:
            outcomes = list(pool.map(self._header, files))
        problem = next((outcome for outcome in outcomes if isinstance(outcome, str)), None)
        if problem is not None:
            return replace(folder, unread=(*folder.unread, problem))
        tensors = [tensor for outcome in outcomes if not isinstance(outcome, str) for tensor in outcome]
        return replace(folder, tensors=condensed(tensors))

    def _header(self, file: WeightsFile) -> tuple[Tensor, ...] | str:
        """The tensors of one file, or a sentence on why they are not known."""
        known = ("header", *self._key(file))
        if known not in _seen:
            try:
                _seen[known] = condensed(self._read_header(file))
            except BadHeader as error:
                _seen[known] = f"{file.name} {error}"
            except CoreWeaveError as error:
                return f"the header of {file.name} could not be read: {error}"
        outcome: tuple[Tensor, ...] | str = _seen[known]
        return outcome

    def _read_header(self, file: WeightsFile) -> Sequence[Tensor]:
        start = self._bytes(file.key, 0, min(FIRST, file.size)) if file.size else b""
        length = header_length(start, file.size)
        header = start[PREFIX : PREFIX + length]
        if len(header) < length:
            header += self._bytes(file.key, len(start), length - len(header))
        if len(header) < length:
            raise BadHeader("is shorter than its listing says")
        return tensors_in(header, file.size - PREFIX - length)

    def _indexed(self, file: WeightsFile, unread: list[str]) -> frozenset[str]:
        """The files that an index names; of the index itself, which is large, nothing else is kept."""
        known = ("json", *self._key(file))
        found = self._json(file, LARGEST_INDEX, unread)
        if found is None:
            return frozenset()
        named = found.get("weight_map")
        files = named.values() if isinstance(named, Mapping) else ()
        _seen[known] = {"weight_map": {str(name): str(name) for name in files}}
        return frozenset(_seen[known]["weight_map"])

    def _json(self, file: WeightsFile, most: int, unread: list[str]) -> Mapping[str, Any] | None:
        """A file's JSON object; `None` with a sentence where it is none."""
        known = ("json", *self._key(file))
        if known not in _seen:
            try:
                _seen[known] = _object(
                    file, self._bytes(file.key, 0, file.size) if 0 < file.size <= most else b""
                )
            except CoreWeaveError as error:
                unread.append(f"{file.name} could not be read: {error}")
                return None
        outcome = _seen[known]
        if isinstance(outcome, str):
            unread.append(outcome)
            return None
        found: Mapping[str, Any] = outcome
        return found

    def _bytes(self, key: str, start: int, size: int) -> bytes:
        with _gate:
            return self._source.read(key, start, size)

    def _key(self, file: WeightsFile) -> tuple[str, ...]:
        return (self._source.place, file.key, self._etags.get(file.key, ""), str(file.size))


def _object(file: WeightsFile, text: bytes) -> Mapping[str, Any] | str:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return f"{file.name} is no JSON"
    return found if isinstance(found, dict) else f"{file.name} is no JSON object"
