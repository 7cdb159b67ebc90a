"""`ModelReader.whole` and what follows from it: ten sound layouts, and fifteen defects of them."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from coreweave_inference.checks import WeightsFile
from coreweave_inference.checks.wholeness import defects
from coreweave_inference.discovery.weights import Wanted, stores
from coreweave_inference.errors import StorageError
from coreweave_inference.storage.contents import StoredObject
from coreweave_inference.storage.model_reader import ModelReader

from tests.storage.weights_files import LLAMA, whole

PATH = "models/chat"
POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 4976698672\n"
)
Files = dict[str, bytes]
PARTS = [{f"model.layers.{n}.mlp.down_proj.weight": ("BF16", (8, 16))} for n in range(3)]
TOKENIZER = {"tokenizer.json": b'{"model": {}}\n', "tokenizer_config.json": b'{"model_max_length": 8192}'}


class Memory:
    """Files in memory."""

    def __init__(self, files: Files, unreadable: tuple[str, ...] = ()) -> None:
        self.contents = {f"{PATH}/{name}": content for name, content in files.items()}
        self.unreadable = unreadable
        self.place = f"memory {id(self)} {time.monotonic_ns()}"

    def files(self, path: str) -> Any:
        return [
            (WeightsFile(key, len(content)), str(hash(content))) for key, content in self.contents.items()
        ]

    def read(self, key: str, start: int, size: int) -> bytes:
        if key.rpartition("/")[2] in self.unreadable:
            raise StorageError("the server ignores ranges")
        return self.contents[key][start : start + size]


def config(**more: Any) -> bytes:
    return json.dumps({**LLAMA, **more}).encode()


def index(parts: dict[str, Any], ending: str = "safetensors") -> bytes:
    return json.dumps(
        {"weight_map": {name: file for file, tensors in parts.items() for name in tensors}}
    ).encode()


def sharded(first: int = 1, of: int = 3, count: int = 3, name: str = "model") -> Files:
    parts = {f"{name}-{n + first:05}-of-{of:05}.safetensors": PARTS[n] for n in range(count)}
    files = {file: whole(tensors) for file, tensors in parts.items()}
    return {"config.json": config(), **TOKENIZER, **files, f"{name}.safetensors.index.json": index(parts)}


def single(**more: bytes) -> Files:
    return {"config.json": config(), **TOKENIZER, "model.safetensors": whole(PARTS[0]), **more}


ORIGINAL = {
    "original/config.json": config(),
    "original/model.safetensors": whole(PARTS[0]),
    "metal/model.bin": b"PK",
}
SOUND: dict[str, Files] = {
    "sharded": sharded(),
    "single": single(**{"generation_config.json": b"{}", "README.md": b"# Llama", ".gitattributes": b"*"}),
    "mistral": {"params.json": b"{}", "tekken.json": b"{}", "consolidated.safetensors": whole(PARTS[0])},
    "mistral-and-sharded": {**sharded(), "params.json": b"{}", "consolidated.safetensors": whole(PARTS[1])},
    "gpt-oss": {**sharded(first=0, of=2), **ORIGINAL, "chat_template.jinja": b"{{ x }}"},
    "counted-from-0": {
        name: content for name, content in sharded(first=0, of=3).items() if not name.endswith("index.json")
    },
    "empty-beside": single(**{"pytorch_model.bin": b""}),  # Another format, which is not loaded.
    "minimax": sharded(first=0, of=5),  # The names count more parts than there are; the index does not.
    "gguf": {"llama-Q4_K_M.gguf": b"GGUF\x03\x00"},
    "gguf-in-parts": {f"llama-Q8_0-{n:05}-of-00002.gguf": b"GGUF\x03" for n in (1, 2)},
    "quantised": {
        **single(),
        "config.json": config(quantization_config={"quant_method": "awq", "bits": 4}),
        "model.safetensors": whole({"a.qweight": ("I32", (8, 8)), "a.scales": ("F16", (8,))}),
        "quant_config.json": b"{}",
    },
    "multimodal": {
        **single(),
        "config.json": config(vision_config={"depth": 2}),
        "preprocessor_config.json": b"{}",
    },
    "adapters-beside": {
        **single(),
        "adapter_config.json": b"{}",
        "adapter_model.safetensors": whole(PARTS[1]),
        "adapters/sql/adapter_config.json": b"{}",
        "adapters/sql/adapter_model.safetensors": whole(PARTS[2]),
    },
    "pickled": {
        "config.json": config(),
        "tokenizer.model": b"\x0a\x0e",
        "pytorch_model-00001-of-00001.bin": b"PK\x03\x04",
        "pytorch_model.bin.index.json": index({"pytorch_model-00001-of-00001.bin": PARTS[0]}),
    },
    "tokenizer-of-its-own": {
        "config.json": config(),
        "tokenizer_config.json": b"{}",
        "tokenization_kimi.py": b"",
        "tiktoken.model": b"IQ== 0",
        "model.safetensors": whole(PARTS[0]),
    },
}


def without(files: Files, *names: str) -> Files:
    return {name: content for name, content in files.items() if name not in names}


SECOND = "model-00002-of-00003.safetensors"
INDEX = "model.safetensors.index.json"
DEFECTS: dict[str, tuple[Files, str, str]] = {
    "no config": (without(single(), "config.json"), "weights-without-config", "config.json"),
    "config is no JSON": (single(**{"config.json": b'{"model_type": "lla'}), "weights-broken", "config.json"),
    "config is empty": (single(**{"config.json": b""}), "weights-broken", "config.json"),
    "config is a pointer": (single(**{"config.json": POINTER}), "weights-broken", "Git LFS"),
    "no tokenizer": (without(single(), "tokenizer.json"), "weights-without-tokenizer", "tokenizer"),
    "tokenizer is a pointer": (
        single(**{"tokenizer.json": POINTER}),
        "weights-broken",
        "tokenizer.json is a pointer",
    ),
    "tokenizer is cut off": (
        single(**{"tokenizer.json": b'{"model": {"vo'}),
        "weights-broken",
        "tokenizer.json",
    ),
    "a part of the index is missing": (without(sharded(), SECOND), "weights-incomplete", SECOND),
    "a part is missing and there is no index": (
        without(sharded(), SECOND, INDEX),
        "weights-incomplete",
        SECOND,
    ),
    "a part is cut off": ({**sharded(), SECOND: whole(PARTS[1])[:-10]}, "weights-broken", SECOND),
    "a part is longer than its header tells": (
        {**sharded(), SECOND: whole(PARTS[1]) + b"more"},
        "weights-broken",
        SECOND,
    ),
    "a part is a pointer": ({**sharded(), SECOND: POINTER}, "weights-broken", "Git LFS"),
    "a part has no bytes": ({**sharded(), SECOND: b""}, "weights-incomplete", SECOND),
    "a part has no header": ({**sharded(), SECOND: b"<html>" * 200}, "weights-broken", SECOND),
    "a part is of another model": (
        {**sharded(), SECOND: whole(PARTS[0])},
        "weights-broken",
        "of another model",
    ),
    "the index is cut off": ({**sharded(), INDEX: sharded()[INDEX][:-9]}, "weights-broken", INDEX),
    "the index is a pointer": ({**sharded(), INDEX: POINTER}, "weights-broken", INDEX),
    "the rest of a download": (
        single(**{"model.safetensors.incomplete": b"x"}),
        "weights-incomplete",
        "unfinished",
    ),
    "no weights": ({"config.json": config(), **TOKENIZER}, "weights-incomplete", "no file of weights"),
    "one folder too deep": (
        {f"llama/{name}": content for name, content in single().items()},
        "weights-incomplete",
        'under "models/chat/llama"',
    ),
    "an adapter and no model": (
        {"adapter_config.json": b"{}", "adapter_model.safetensors": whole(PARTS[0]), **TOKENIZER},
        "weights-without-config",
        "adapter",
    ),
    "a part of GGUF is missing": (
        without(SOUND["gguf-in-parts"], "llama-Q8_0-00001-of-00002.gguf"),
        "weights-incomplete",
        "llama-Q8_0-00001-of-00002.gguf",
    ),
    "GGUF is something else": ({"llama-Q4_K_M.gguf": b"<html></html>"}, "weights-broken", "no GGUF"),
    "a multimodal model without a processor": (
        without(SOUND["multimodal"], "preprocessor_config.json"),
        "weights-without-tokenizer",
        "preprocessor_config.json",
    ),
}


def found(files: Files, *, unfinished: tuple[str, ...] = (), **more: Any) -> list[tuple[str, str]]:
    folder = replace(ModelReader(Memory(files, **more)).whole(PATH), unfinished=unfinished)
    return [(one.code, one.what) for one in defects(folder, PATH, formats_known=True)]


@pytest.mark.parametrize("layout", SOUND)
def test_a_sound_layout_has_no_defect(layout: str) -> None:
    assert found(SOUND[layout]) == []


@pytest.mark.parametrize("layout", SOUND)
def test_what_a_run_reads_of_a_sound_layout_shows_no_defect_either(layout: str) -> None:
    reader = ModelReader(Memory(SOUND[layout]))

    assert list(defects(reader.with_headers(reader.folder(PATH)), PATH)) == []


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_defect_is_found_and_named(defect: str) -> None:
    files, code, words = DEFECTS[defect]

    assert any(one == code and words in what for one, what in found(files)), found(files)


def test_an_upload_that_was_not_completed_is_a_defect() -> None:
    ((code, what),) = found(single(), unfinished=("model.safetensors",))

    assert (code, "not completed" in what) == ("weights-incomplete", True)


def test_what_cannot_be_read_is_not_known_and_no_defect() -> None:
    folder = ModelReader(Memory(sharded(), unreadable=(SECOND,))).whole(PATH)

    assert list(defects(folder, PATH, formats_known=True)) == []
    assert any(SECOND in sentence and "ignores ranges" in sentence for sentence in folder.unread)


class Bucket(Memory):
    """The same as a bucket, which a run reads."""

    def policy(self, name: str) -> dict[str, Any] | None:
        return None

    def objects(self, bucket: str, prefix: str) -> Any:
        written = datetime(2026, 1, 1, tzinfo=timezone.utc)
        return (StoredObject(file.key, file.size, written, etag) for file, etag in self.files(prefix))

    def unfinished(self, bucket: str, prefix: str) -> tuple[str, ...]:
        return ()

    def read(self, key: str, start: Any, size: Any, *more: int) -> bytes:  # A bucket's name comes first.
        return super().read(start, size, more[0])


def in_a_run(files: Files) -> list[tuple[str, str]]:
    """What a run finds in what it reads, where no header decides on memory."""
    bucket = Bucket(files)
    with ThreadPoolExecutor(1) as pool:
        facts, notes = stores(bucket, {"acme": [Wanted(PATH)]}, pool, bucket.place)
    assert notes == ()
    return [(one.code, one.what) for one in defects(facts["acme"].folders[PATH], PATH)]


LARGE = {f"model-{n:05}-of-00002.safetensors": {f"layer.{n}": ("BF16", (64, 64))} for n in (1, 2)}
IN_PARTS: Files = {
    "config.json": config(),
    **TOKENIZER,
    **{name: whole(tensors) for name, tensors in LARGE.items()},
    INDEX: json.dumps(
        {
            "metadata": {"total_size": 2 * 2 * 64 * 64},
            "weight_map": dict(zip(("layer.1", "layer.2"), LARGE, strict=True)),
        }
    ).encode(),
}
OTHER_PARTS = json.dumps({"weight_map": {"layer.1": next(iter(LARGE)), "mtp.1": "mtp.safetensors"}}).encode()
TOO_MUCH = IN_PARTS[INDEX].replace(b"16384", b"99999")


@pytest.mark.parametrize(
    ("files", "found"),
    [
        pytest.param(IN_PARTS, [], id="whole"),
        pytest.param({**IN_PARTS, INDEX: TOO_MUCH}, [], id="the index tells a size that is wrong"),
        pytest.param(
            {**IN_PARTS, list(LARGE)[1]: IN_PARTS[list(LARGE)[1]][:4000]},
            [("weights-broken", "is cut off")],
            id="a part is cut off",
        ),
        pytest.param(
            {**IN_PARTS, INDEX: OTHER_PARTS},
            [("weights-incomplete", "mtp.safetensors")],
            id="the index alone names a part",
        ),
        pytest.param(
            {**IN_PARTS, INDEX: IN_PARTS[INDEX][:-9]}, [("weights-broken", INDEX)], id="the index is cut off"
        ),
        pytest.param(
            {**IN_PARTS, "tokenizer.json": b'{"model": {"vocab": ' + b" " * 500},
            [("weights-broken", "tokenizer.json is cut off")],
            id="the tokenizer is cut off",
        ),
        pytest.param(
            {**IN_PARTS, "tokenizer.json": POINTER},
            [("weights-broken", "tokenizer.json is a pointer")],
            id="the tokenizer is a pointer",
        ),
    ],
)
def test_a_run_finds_what_a_check_of_the_weights_finds(files: Files, found: list[tuple[str, str]]) -> None:
    seen = in_a_run(files)

    assert [code for code, _ in seen] == [code for code, _ in found]
    assert all(words in what for (_, words), (_, what) in zip(found, seen, strict=True)), seen


def test_a_model_among_thousands_of_files_is_checked() -> None:
    files = {**sharded(), **{f"logs/{n}.txt": b"x" for n in range(3000)}}

    folder = ModelReader(Memory(files)).whole(PATH)

    assert (folder.complete, len(folder.files)) == (True, len(files))
    assert found({**files, SECOND: b""}) == [("weights-incomplete", f'{SECOND} under "{PATH}" has no bytes')]
