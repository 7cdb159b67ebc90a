"""Whether the weights of a model are whole, as far as their files were read. Pure.

What only some formats have is not asked of the others: a GGUF file holds configuration and tokenizer itself, Mistral's own
layout has `params.json` and `tekken.json`. A format that is not known is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .facts import CONFIG, Folder
from .loading import WeightsFile, weights_among

INCOMPLETE, BROKEN = "weights-incomplete", "weights-broken"
NO_CONFIG, NO_TOKENIZER = "weights-without-config", "weights-without-tokenizer"
OF_MISTRAL = "params.json"
ADAPTER = "adapter_config.json"
VOCABULARIES = (
    "tekken.json",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "bpe.model",
)
PROCESSORS = ("preprocessor_config.json", "processor_config.json", "image_processor.json", "tekken.json")
SEES = ("vision_config", "audio_config")
LEFT_BY_DOWNLOADS = (".incomplete", ".aria2", ".part", ".crdownload", ".tmp")
MOST_NAMED = 3
PUSH = "push the folder again: `cw-inference weights push` sends what is missing"


@dataclass(frozen=True)
class Defect:
    """What is wrong with the weights under a path, with the code of its finding; or, where it is not `certain`, may be."""

    code: str
    what: str
    why: str
    do: str
    certain: bool = True


def defects(folder: Folder, path: str, *, formats_known: bool = False) -> Iterator[Defect]:
    """What is wrong. `formats_known`: a folder without any known file of weights is wrong too."""
    here = tuple(file for file in folder.files if file.folder == path)
    weights = weights_among(here)
    yield from _parts(folder, path, here)
    for sentence in folder.broken:
        yield Defect(
            BROKEN,
            sentence,
            "no replica starts with it",
            "download that file again, and push the folder again",
        )
    if not folder.complete:
        return
    if not weights and formats_known:
        yield _nothing(folder, path)
    if weights and not any(file.name.endswith(".gguf") for file in weights):
        yield from _beside(folder, {file.name for file in here}, path)


def _parts(folder: Folder, path: str, here: tuple[WeightsFile, ...]) -> Iterator[Defect]:
    if folder.missing:
        yield Defect(
            INCOMPLETE,
            f'{_named(folder.missing)} {"is" if len(folder.missing) == 1 else "are"} not under "{path}"',
            "the index, or the names of the other parts, name them",
            PUSH,
        )
    empty = [file.name for file in folder.loaded if file.folder == path and file.size == 0]
    if empty:
        yield Defect(
            INCOMPLETE, f'{_named(tuple(empty))} under "{path}" has no bytes', "weights are not empty", PUSH
        )
    left = [file.name for file in here if file.name.endswith(LEFT_BY_DOWNLOADS)]
    if left:
        yield Defect(
            INCOMPLETE,
            f'{_named(tuple(left))} under "{path}" is what an unfinished download leaves',
            "the file that it points to may be cut off",
            "download it to its end, push the folder again with --delete",
            certain=False,
        )
    if folder.unfinished:
        yield Defect(
            INCOMPLETE,
            f'the upload of {_named(folder.unfinished)} to "{path}" was begun and not completed',
            "the object is missing or the former one, and the parts are billed",
            PUSH,
        )


def _nothing(folder: Folder, path: str) -> Defect:
    below = sorted({file.folder for file in weights_among(folder.files)})
    if below:
        what, do = f'the weights are under "{below[0]}"', f'set model.path to "{below[0]}", or move them'
    else:
        what, do = f'there is no file of weights under "{path}"', PUSH
    return Defect(INCOMPLETE, what, "an engine loads what lies in the folder itself", do)


def _beside(folder: Folder, names: set[str], path: str) -> Iterator[Defect]:
    if not names & {CONFIG, OF_MISTRAL}:
        is_adapter = ADAPTER in names
        yield Defect(
            NO_CONFIG,
            f'there is no {CONFIG} under "{path}"'
            + (": it holds an adapter, and no model" if is_adapter else ""),
            "an engine reads the model's kind from it",
            "serve the base model, and name the adapter in the engine's options"
            if is_adapter
            else f"push {CONFIG} too",
        )
        return
    if not any(_is_vocabulary(name) for name in names):
        yield Defect(
            NO_TOKENIZER,
            f'there is no tokenizer under "{path}"',
            "an engine needs one, unless its options name another",
            "push tokenizer.json and tokenizer_config.json (or tokenizer.model, tekken.json) too",
        )
    sees = [name for name in SEES if (folder.config or {}).get(name)]
    if sees and not names & set(PROCESSORS) and not any("processor" in name for name in names):
        yield Defect(
            NO_TOKENIZER,
            f'config.json under "{path}" has {sees[0]}, and there is no preprocessor_config.json',
            "an engine needs it for images and sound",
            "push preprocessor_config.json too",
        )


def _is_vocabulary(name: str) -> bool:
    """Whether a file may hold a vocabulary; `tokenizer_config.json` holds none, and a module may read any file."""
    return (
        name in VOCABULARIES
        or name.endswith((".tiktoken", ".spm", ".py"))
        or (name.startswith(("tokenizer.", "tiktoken")) and not name.endswith(".md"))
    )


def _named(names: tuple[str, ...]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
