"""Which of the files below a model's path an engine loads, by their names and sizes.

Repositories hold the same weights several times: in another format, as one file beside its parts, as checkpoints of a
training in folders of their own. vLLM loads what the index at the root names; without an index one format at the root.
Where several sets are left, the smallest one is taken, so that what is counted is never more than what is loaded. Weights
that are there in several precisions (`model.fp16.safetensors`) are read one after the other into the same memory.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

INDEXES = {
    "model.safetensors.index.json": "safetensors",
    "consolidated.safetensors.index.json": "safetensors",
    "pytorch_model.bin.index.json": "bin",
}
"""The indexes of weights in parts and the format of these, in the order in which vLLM looks for them: it loads safetensors
wherever there are some, and looks at no other format then.
"""

FORMATS = ("safetensors", "bin", "pt", "pth", "gguf")
WHOLE = frozenset({"model", "pytorch_model", "consolidated"})
"""Names of files that hold a model alone."""

PART = re.compile(
    r"(?P<stem>.+?)-+(?P<number>[0-9]+)-of-(?P<parts>[0-9]+)\Z|(?P<early>consolidated)\.[0-9]+\Z"
)
MOST_PARTS = 10_000
"""Parts of a model that are counted, many times as many as any has: a name may say anything."""
PRECISIONS = {
    **dict.fromkeys(("fp32", "f32", "float32"), "float32"),
    **dict.fromkeys(("fp16", "f16", "float16", "half"), "float16"),
    **dict.fromkeys(("bf16", "bfloat16"), "bfloat16"),
}
"""What names of files say of the precision in them, and its name in a config.json."""
VARIANT = re.compile(
    rf"(?P<base>.+?)[._-](?P<variant>{'|'.join(PRECISIONS)}|fp8\w*|fp4|int[48]|(?:non_)?ema)(?P<part>-+[0-9]+-of-[0-9]+)?\Z",
    re.IGNORECASE,
)
"""A variant is named after the rest of the name, or before the number of the part."""
OF_TRAINING = frozenset({"training_args", "optimizer", "scheduler", "scaler", "rng_state"})
BESIDE = ("adapter_", "mmproj", "imatrix")
"""How files begin that no engine takes for the model."""

SIMILAR = 0.1
"""By how much sizes of one model differ: some tensors stay in single precision, and headers are not the same."""
PAPERS = (".md", ".gitattributes", "license", "license.txt", "notice")


@dataclass(frozen=True)
class WeightsFile:
    """One object below a model's path; `size` in bytes, `modified` in UTC."""

    key: str
    size: int
    modified: datetime | None = None

    @property
    def folder(self) -> str:
        """Everything before the last slash."""
        return self.key.rpartition("/")[0]

    @property
    def name(self) -> str:
        """What follows the last slash."""
        return self.key.rpartition("/")[2]


Files = tuple[WeightsFile, ...]


def root_of(files: Iterable[WeightsFile]) -> str:
    """The folder that all files lie in, themselves or in folders of their own."""
    folders = [file.folder.split("/") for file in files]
    first, last = min(folders, default=[]), max(folders, default=[])
    count = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return "/".join(first[:count])


def index_among(files: Sequence[WeightsFile]) -> WeightsFile | None:
    """The index at the root of what is loaded, if there is one."""
    inside = _inside(files, root_of(files))
    formats, here = {_format(file) for file in weights_among(inside)}, {file.name: file for file in inside}
    wanted = "safetensors" if "safetensors" in formats else "bin"
    return next((here[name] for name, form in INDEXES.items() if name in here and form == wanted), None)


def weights_among(files: Iterable[WeightsFile]) -> Files:
    """The files that may be weights of the model, wherever they lie."""
    return tuple(file for file in files if _format(file) and _stem(file) not in OF_TRAINING)


def loaded_files(files: Sequence[WeightsFile], indexed: Collection[str], *, complete: bool) -> Files:
    """What is loaded. `indexed` are the names in the index; an incomplete listing without them says nothing."""
    here = weights_among(_inside(files, root_of(files)))
    named = tuple(file for file in here if file.name in indexed)
    if named or not complete:
        return named
    if here:
        return _of_one_format(here)
    folders: dict[str, list[WeightsFile]] = {}
    for file in weights_among(files):
        folders.setdefault(file.folder, []).append(file)
    return _smallest(_of_one_format(inside) for inside in folders.values())


def rivals(files: Sequence[WeightsFile], loaded: Files) -> Files:
    """Files beside those that are loaded, in the same folder and format, of which it is not known that they are not: the
    same weights in another precision are loaded as the others are.
    """
    if not loaded:
        return ()
    taken, ending = set(loaded), _format(loaded[0])
    beside = [
        file
        for file in weights_among(_inside(files, loaded[0].folder))
        if file not in taken and _format(file) == ending and not file.name.startswith(BESIDE)
    ]
    same = {
        file
        for found in _sets(beside).values()
        if stored_in(loaded) or stored_in(found)
        if _is_of_same_model(found, loaded)
        for file in found
    }
    return tuple(file for file in beside if file not in same)


def stored_in(loaded: Sequence[WeightsFile]) -> str:
    """The precision that the names of the files say, in the words of a config.json; empty where they do not."""
    named = {PRECISIONS.get(_plain(file)[1], "") for file in loaded}
    return named.pop() if len(named) == 1 else ""


def _is_of_same_model(files: Sequence[WeightsFile], others: Sequence[WeightsFile]) -> bool:
    """Whether two sets, one of a precision that is named, hold as many numbers as each other: in one precision, or in half."""
    sizes = [sum(file.size for file in found) for found in (files, others)]
    variants = {_plain(file)[1] for file in (*files, *others)}
    return variants <= {"", *PRECISIONS} and any(
        abs(max(sizes) - times * min(sizes)) <= SIMILAR * max(sizes) for times in (1, 2)
    )


def missing_parts(files: Sequence[WeightsFile], loaded: Files, indexed: Collection[str]) -> tuple[str, ...]:
    """The parts of the weights that are not there: those that the index names, or that the others' names count. Names that
    count from 0 end at their number of parts, or one before it.
    """
    if indexed:
        here = {file.name for file in files}
        return tuple(sorted(name for name in indexed if name.rpartition("/")[2] not in here))
    found = {file.name: part for file in loaded if (part := PART.match(_stem(file))) and part["parts"]}
    if not found or len(found) != len(loaded):
        return ()
    name, one = next(iter(found.items()))
    start, end = one.span("number")
    total = min(int(one["parts"]), MOST_PARTS)
    numbers = {int(part["number"]) for part in found.values()}
    first = 0 if 0 in numbers else 1
    last = total if first or total in numbers else total - 1
    return tuple(
        f"{name[:start]}{number:0{end - start}}{name[end:]}"
        for number in range(first, last + 1)
        if number not in numbers
    )


def models_files(files: Sequence[WeightsFile], loaded: Files) -> Files:
    """What makes a version of the model: what is loaded, and what else lies at the root but papers."""
    others = set(weights_among(files))
    here = _inside(files, root_of(files))
    return (
        *loaded,
        *(file for file in here if file not in others and not file.name.lower().endswith(PAPERS)),
    )


def _inside(files: Iterable[WeightsFile], folder: str) -> Files:
    return tuple(file for file in files if file.folder == folder)


def _format(file: WeightsFile) -> str:
    ending = file.name.rpartition(".")[2]
    return ending if ending in FORMATS else ""


def _stem(file: WeightsFile) -> str:
    return file.name.rpartition(".")[0]


def _of_one_format(files: Iterable[WeightsFile]) -> Files:
    by_format: dict[str, list[WeightsFile]] = {}
    for file in files:
        by_format.setdefault(_format(file), []).append(file)
    if "safetensors" in by_format:
        return _smallest_set(by_format["safetensors"])
    return _smallest(map(_smallest_set, by_format.values()))


def _smallest_set(files: Sequence[WeightsFile]) -> Files:
    """The smallest of the sets in one format."""
    return _smallest(map(tuple, _sets(files).values()))


def _sets(files: Sequence[WeightsFile]) -> dict[str, list[WeightsFile]]:
    """Files of one format by the set that they belong to. Those that have the name of no set are one of each variant, and
    only where there is no other.
    """
    of_model = [file for file in files if not file.name.startswith(BESIDE)] or files
    sets: dict[str, list[WeightsFile]] = {}
    rest: dict[str, list[WeightsFile]] = {}
    for file in of_model:
        stem, variant = _plain(file)
        part = PART.match(stem)
        if part:
            name = part["early"] or f"{part['stem']}-{part['parts']}"
        elif stem in WHOLE or _format(file) == "gguf":
            name = stem
        else:
            rest.setdefault(variant, []).append(file)
            continue
        sets.setdefault(f"{name}.{variant}", []).append(file)
    return sets or rest


def _plain(file: WeightsFile) -> tuple[str, str]:
    """The stem of a name without its variant, and the variant in lower case; a GGUF's name is its own."""
    stem = _stem(file)
    found = VARIANT.match(stem) if _format(file) != "gguf" else None
    return (found["base"] + (found["part"] or ""), found["variant"].lower()) if found else (stem, "")


def _smallest(sets: Iterable[Files]) -> Files:
    return min(
        (found for found in sets if found), key=lambda found: sum(file.size for file in found), default=()
    )
