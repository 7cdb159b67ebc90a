"""The one reader of models: names and sizes from one listing, config.json and the index, headers where they decide.

The same for a bucket and for a folder on this machine. What cannot be read is a sentence, never an error; what was read
is kept for the run by the ETag of the file, so that many deployments of one model read it once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from coreweave_inference.checks import Folder, WeightsFile, index_among
from coreweave_inference.checks.loading import FORMATS, missing_parts, weights_among
from coreweave_inference.errors import CoreWeaveError
from coreweave_inference.fit import Tensor
from coreweave_inference.fit.weights import condensed
from coreweave_inference.json_text import read_json

from .safetensors import LFS, POINTER, PREFIX, BadHeader, header_length, tensors_in
from .weights_folder import files_in

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
QUANTISATION, QUANTISED = "hf_quant_config.json", "quantization_config"
"""Where ModelOpt wrote what config.json has no word of; vLLM reads it then."""
LARGEST_CONFIG = 4_000_000
LARGEST_INDEX = 32_000_000
FIRST = 256 * 1024
"""Bytes of the first read of a header; a second read follows where it is longer."""
AT_ONCE = 8
MOST_FILES = 1000
"""Objects of a model that are read; a listing that is cut off gives a lower bound of its size."""
MOST_FILES_CHECKED = 50_000
"""The same where somebody asks whether a model is whole: as many as a push takes."""
FORMAT = ".safetensors"
GGUF = b"GGUF"
POINTER_SIZE = 200
POINTER_SIZES = range(120, 160)
"""Bytes that a pointer of Git LFS has."""

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

    def folder(self, path: str, *, most: int = MOST_FILES) -> Folder:
        """What is below a model's path: names and sizes, config.json, the index, and whether tokenizer.json is cut off.

        Raises CoreWeaveError where the path cannot be listed.
        """
        files: list[WeightsFile] = []
        for file, etag in islice(self._source.files(path), most):
            files.append(file)
            self._etags[file.key] = etag
        found = Folder(tuple(files), len(files) < most)
        here = {file.key: file for file in files}
        unread: list[str] = []
        broken: list[str] = []
        config = here.get(f"{path}/{CONFIG}")
        if config is not None:
            found = replace(found, config=self._json(config, LARGEST_CONFIG, unread, broken))
        beside = here.get(f"{path}/{QUANTISATION}")
        if beside is not None and found.config and not found.config.get(QUANTISED):
            quantised = (self._json(beside, LARGEST_CONFIG, unread) or {}).get("quantization")
            found = replace(found, config={**found.config, QUANTISED: quantised})
        index = index_among(files)
        several = len(found.loaded) < len(weights_among(files)) or bool(
            missing_parts(files, found.loaded, ())
        )
        if index is not None and (index.size <= LARGEST_INDEX or not found.complete or several):
            found = self._with_index(found, index, unread, broken)
        tokenizer = here.get(f"{path}/{TOKENIZER}")
        if tokenizer is not None:
            is_broken, text = self._once("end", tokenizer, lambda file: self._cut_off(file, only_end=True))
            broken += [text] if is_broken else []
        broken += [
            text for file in found.loaded if file.size in POINTER_SIZES and (text := self._pointer(file))
        ]
        return replace(found, unread=tuple(unread), broken=tuple(broken))

    def whole(self, path: str) -> Folder:
        """As `folder`, with everything read that tells whether the model is whole: the index, the header of each file of
        weights, and the ends of the tokenizer's files.
        """
        found = self.folder(path, most=MOST_FILES_CHECKED)
        unread, broken = list(found.unread), list(found.broken)
        if not found.complete:
            unread.append(
                f"there are more than {MOST_FILES_CHECKED:,} files, which is more than any model has"
            )
        index = index_among(found.files)
        if index is not None and index.size > LARGEST_INDEX and not unread:
            found = self._with_index(found, index, unread, broken)
        files = [file for file in found.files if file.folder == path and file in found.loaded]
        names = self._tensors_named(index) if index is not None else {}
        texts = [f for f in found.files if f.folder == path and f.name.endswith(".json") and f.name != CONFIG]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            judged = [
                *pool.map(lambda file: self._judged(file, names.get(file.name)), files),
                *pool.map(self._cut_off, (file for file in texts if file != index)),
            ]
        for is_broken, text in judged:
            if text and text not in (*broken, *unread):
                (broken if is_broken else unread).append(text)
        return replace(found, unread=tuple(unread), broken=tuple(broken))

    def _judged(self, file: WeightsFile, named: frozenset[str] | None) -> tuple[bool, str]:
        """Whether a file of weights is broken, and how; or why that is not known."""
        try:
            if file.size == 0:
                return False, ""
            if not file.name.endswith(FORMAT):
                start = self._bytes(file.key, 0, min(file.size, POINTER_SIZE))
                if start.startswith(POINTER):
                    return True, f"{file.name} {LFS}"
                wrong = file.name.endswith(".gguf") and not start.startswith(GGUF)
                return wrong, f"{file.name} is no GGUF file" if wrong else ""
            tensors, data = self._read_header(file)
            end = sum(tensor.bytes for tensor in tensors)
            if end != data:
                return True, f"{file.name} has {data} bytes of weights, and its header tells {end}"
            if named is not None and named != {tensor.name for tensor in tensors}:
                return (
                    True,
                    f"{file.name} has other tensors than the index names: it is of another model or version",
                )
        except BadHeader as error:
            return True, f"{file.name} {error}"
        except CoreWeaveError as error:
            return False, f"{file.name} could not be read: {error}"
        return False, ""

    def _cut_off(self, file: WeightsFile, *, only_end: bool = False) -> tuple[bool, str]:
        """The same of a JSON file, by its first and its last bytes."""
        size = min(file.size, POINTER_SIZE)
        try:
            end = self._bytes(file.key, file.size - size, size) if size else b""
            start = end if only_end or size == file.size else self._bytes(file.key, 0, size)
        except CoreWeaveError as error:
            return False, f"{file.name} could not be read: {error}"
        if start.startswith(POINTER):
            return True, f"{file.name} {LFS}"
        ends = end.rstrip()[-1:]
        right = ends in (b"}", b"]") if only_end else start.lstrip()[:1] + ends in (b"{}", b"[]")
        return not right, "" if right else f"{file.name} is cut off or no JSON"

    def _pointer(self, file: WeightsFile) -> str:
        try:
            is_pointer = self._bytes(file.key, 0, file.size).startswith(POINTER)
        except CoreWeaveError:
            return ""
        return f"{file.name} {LFS}" if is_pointer else ""

    def _tensors_named(self, index: WeightsFile) -> dict[str, frozenset[str]]:
        """The tensors that an index names, by file."""
        found = self._json_of(index, LARGEST_INDEX)
        weight_map = found.get("weight_map") if isinstance(found, Mapping) else None
        by_file: dict[str, set[str]] = {}
        for name, file in weight_map.items() if isinstance(weight_map, Mapping) else ():
            by_file.setdefault(str(file), set()).add(str(name))
        return {file: frozenset(names) for file, names in by_file.items()}

    def with_headers(self, folder: Folder) -> Folder:
        """The folder with its tensors, condensed; without them, and with a sentence, where one header cannot be read."""
        files = folder.loaded
        if not files or not all(file.name.endswith(FORMAT) for file in files):
            return folder
        with ThreadPoolExecutor(min(AT_ONCE, len(files))) as pool:
            outcomes = list(pool.map(self._header, files))
        broken = [
            f"{file.name} {one}"
            for file, one in zip(files, outcomes, strict=True)
            if file.size and isinstance(one, BadHeader)
        ]
        problems = [
            f"{file.name} {one}" if isinstance(one, BadHeader) else one
            for file, one in zip(files, outcomes, strict=True)
            if not isinstance(one, tuple)
        ]
        if problems:
            wrong = (*folder.broken, *(text for text in broken if text not in folder.broken))
            return replace(folder, unread=(*folder.unread, problems[0]), broken=wrong)
        tensors = [tensor for outcome in outcomes if isinstance(outcome, tuple) for tensor in outcome]
        return replace(folder, tensors=condensed(tensors))

    def _header(self, file: WeightsFile) -> tuple[Tensor, ...] | BadHeader | str:
        """The tensors of one file, what it has in place of a header, or a sentence on why they are not known."""
        try:
            found: tuple[Tensor, ...] = self._once(
                "header", file, lambda one: condensed(self._read_header(one)[0])
            )
            return found
        except BadHeader as error:
            return error
        except CoreWeaveError as error:
            return f"the header of {file.name} could not be read: {error}"

    def _once(self, what: str, file: WeightsFile, read: Callable[[WeightsFile], Any]) -> Any:
        """What a read gave, or the BadHeader that it raised, by the ETag of the file."""
        known = (what, *self._key(file))
        if known not in _seen:
            try:
                _seen[known] = read(file)
            except BadHeader as error:
                _seen[known] = error
        if isinstance(_seen[known], BadHeader):
            raise _seen[known]
        return _seen[known]

    def _read_header(self, file: WeightsFile) -> tuple[Sequence[Tensor], int]:
        """The tensors of a file, and the bytes behind its header."""
        start = self._bytes(file.key, 0, min(FIRST, file.size)) if file.size else b""
        length = header_length(start, file.size)
        header = start[PREFIX : PREFIX + length]
        if len(header) < length:
            header += self._bytes(file.key, len(start), length - len(header))
        if len(header) < length:
            raise BadHeader("is shorter than its listing says")
        data = file.size - PREFIX - length
        return tensors_in(header, data), data

    def _with_index(self, folder: Folder, file: WeightsFile, unread: list[str], broken: list[str]) -> Folder:
        """The files that an index names, and the bytes it tells; of the index itself, which is large, nothing else is kept."""
        known = ("json", *self._key(file))
        found = self._json(file, LARGEST_INDEX, unread, broken)
        if found is None:
            return folder
        named, metadata = found.get("weight_map"), found.get("metadata")
        files = named.values() if isinstance(named, Mapping) else ()
        size = metadata.get("total_size") if isinstance(metadata, Mapping) else None
        size = size if isinstance(size, int | float) and 0 < size < 2**63 else 0
        _seen[known] = {
            "weight_map": {str(name): str(name) for name in files},
            "metadata": {"total_size": size},
        }
        return replace(folder, indexed=frozenset(_seen[known]["weight_map"]), total_size=int(size))

    def _json(
        self, file: WeightsFile, most: int, unread: list[str], broken: list[str] | None = None
    ) -> Mapping[str, Any] | None:
        """A file's JSON object; `None` with a sentence where it is none."""
        known = ("json", *self._key(file))
        if known not in _seen:
            try:
                _seen[known] = self._json_of(file, most)
            except CoreWeaveError as error:
                unread.append(f"{file.name} could not be read: {error}")
                return None
        outcome = _seen[known]
        if isinstance(outcome, str):
            unread.append(outcome)
            if broken is not None and file.size <= most:
                broken.append(outcome)
            return None
        found: Mapping[str, Any] = outcome
        return found

    def _json_of(self, file: WeightsFile, most: int) -> Mapping[str, Any] | str:
        if file.size > most:
            return f"{file.name} has {file.size:,} bytes, more than any model's"
        return _object(file, self._bytes(file.key, 0, file.size) if file.size else b"")

    def _bytes(self, key: str, start: int, size: int) -> bytes:
        with _gate:
            return self._source.read(key, start, size)

    def _key(self, file: WeightsFile) -> tuple[str, ...]:
        return (self._source.place, file.key, self._etags.get(file.key, ""), str(file.size))


def _object(file: WeightsFile, text: bytes) -> Mapping[str, Any] | str:
    if text.startswith(POINTER):
        return f"{file.name} {LFS}"
    try:
        found = read_json(text)
    except ValueError:
        return f"{file.name} is no JSON"
    return found if isinstance(found, dict) else f"{file.name} is no JSON object"
