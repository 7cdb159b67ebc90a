"""What the one reader of models reads, how often, and what it makes of files that are not what they seem."""

from __future__ import annotations

import json
import threading
import time

import pytest
from coreweave_inference.checks import WeightsFile
from coreweave_inference.errors import InvalidDeclaration, StorageError
from coreweave_inference.fit import Tensor
from coreweave_inference.storage import model_reader
from coreweave_inference.storage.model_reader import FIRST, LocalFolder, ModelReader
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage.weights_files import LLAMA, header, whole

PATH = "models/a"
SHARDS = {
    "model-00001-of-00002.safetensors": {"model.embed_tokens.weight": ("BF16", (100, 8))},
    "model-00002-of-00002.safetensors": {
        "model.layers.0.mlp.down_proj.weight": ("F32", (8, 16)),
        "model.norm.weight": ("BF16", (8,)),
    },
}


class Memory:
    """Files in memory; `sizes` are what a listing says of them where that differs. Counts and times its reads."""

    def __init__(self, files, sizes=(), *, ignores_ranges=False, etag="1"):
        self.contents = {f"{PATH}/{name}": content for name, content in files.items()}
        self.sizes = {f"{PATH}/{name}": size for name, size in dict(sizes).items()}
        self.ignores_ranges, self.etag = ignores_ranges, etag
        self.reads, self.at_once, self.most_at_once = [], 0, 0
        self._lock = threading.Lock()
        self.place = f"memory {id(self)} {time.monotonic_ns()}"

    def files(self, path):
        for key, content in self.contents.items():
            yield WeightsFile(key, self.sizes.get(key, len(content))), self.etag

    def read(self, key, start, size):
        with self._lock:
            self.reads.append((key.rpartition("/")[2], start, size))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(0.001)
        with self._lock:
            self.at_once -= 1
        if self.ignores_ranges:
            raise StorageError("the server ignores ranges")
        return self.contents[key][start : start + size]


def read(files, sizes=(), **more):
    source = Memory(files, sizes, **more)
    reader = ModelReader(source)
    folder = reader.folder(PATH)
    return reader.with_headers(folder), source


def sharded(**more):
    index = {"weight_map": {name: shard for shard, tensors in SHARDS.items() for name in tensors}}
    return {
        "config.json": json.dumps(LLAMA).encode(),
        "model.safetensors.index.json": json.dumps(index).encode(),
        **{name: whole(tensors) for name, tensors in SHARDS.items()},
        **more,
    }


def test_the_headers_of_all_shards_are_read_with_one_request_each():
    folder, source = read(sharded())

    assert folder.config == LLAMA
    assert {(t.name, t.dtype, t.bytes) for t in folder.tensors} == {
        ("embed_tokens.weight", "BF16", 1600),
        ("layers.0.part", "F32", 512),
        ("other.part", "BF16", 16),
    }
    assert [name for name, start, _ in source.reads if name.endswith("tensors")] == list(SHARDS)
    assert all(start == 0 and size <= FIRST for _, start, size in source.reads)


def test_the_index_lists_which_files_are_loaded_and_is_read_once():
    _, alone = read(sharded())
    folder, _ = read(sharded(**{"consolidated.safetensors": whole({"a": ("BF16", (4,))})}))

    assert [name for name, *_ in alone.reads].count("model.safetensors.index.json") == 1
    assert [file.name for file in folder.loaded] == list(SHARDS)


def test_a_long_header_takes_a_second_request_for_the_rest():
    tensors = {f"model.layers.{n}.mlp.experts.{n}.down_proj.weight": ("U8", (1,)) for n in range(4000)}
    content = whole(tensors)

    folder, source = read({"model.safetensors": content})

    assert sum(tensor.bytes for tensor in folder.tensors) == 4000
    length = 8 + int.from_bytes(content[:8], "little")
    assert [(start, size) for _, start, size in source.reads] == [(0, FIRST), (FIRST, length - FIRST)]


def test_no_more_than_eight_headers_are_read_at_once():
    shards = {f"model-{n:05}-of-00040.safetensors": whole({f"t{n}": ("U8", (1,))}) for n in range(1, 41)}

    folder, source = read(shards)

    assert sum(tensor.bytes for tensor in folder.tensors) == 40
    assert len(source.reads) == 40
    assert 1 < source.most_at_once <= 8


def test_what_was_read_is_kept_by_its_etag():
    source = Memory(sharded())
    for _ in range(50):
        reader = ModelReader(source)
        reader.with_headers(reader.folder(PATH))
    once = len(source.reads)
    source.etag = "2"
    reader = ModelReader(source)
    reader.with_headers(reader.folder(PATH))

    assert once == 4
    assert len(source.reads) == 2 * once


def length_of(size):
    return size.to_bytes(8, "little")


TENSOR = b'{"dtype":"U8","shape":[1],"data_offsets":[0,1]}'
HOSTILE = {
    "a pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", None),
    "a length of 2^60": (length_of(2**60) + b"{}", None),
    "a length of 100 MB in a file that has them": (length_of(100 * 10**6) + b"{" * 300_000, 200 * 10**6),
    "a header that is cut off": (whole({"a": ("BF16", (4,))})[:20], None),
    "a file that is cut off": (header({"a": ("BF16", (4,))})[0], None),
    "a listing that promises more": (whole({"a": ("BF16", (4,))})[:30], 5000),
    "an empty file": (b"", None),
    "seven bytes": (b"1234567", None),
    "duplicate keys": (
        length_of(2 * len(TENSOR) + 11) + b'{"a":' + TENSOR + b',"a":' + TENSOR + b"}" + b"0",
        None,
    ),
    "no JSON": (length_of(9) + b"not JSON!", None),
    "a list": (length_of(2) + b"[]", None),
    "nested lists": (length_of(200_000) + b"[" * 200_000, None),
    "a tensor that is a number": (length_of(7) + b'{"a":1}', None),
    "a negative offset": (
        length_of(len(TENSOR) + 7) + b'{"a":' + TENSOR.replace(b"[0,1]", b"[-1,1]") + b" }",
        None,
    ),
    "a number too large": (
        length_of(len(TENSOR) + 36) + b'{"a":' + TENSOR.replace(b"[1]", b"[" + b"9" * 30 + b"]") + b" }",
        None,
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_no_safetensors_file_is_one_sentence_and_no_tensors(name):
    content, size = HOSTILE[name]

    folder, source = read({"model.safetensors": content}, {"model.safetensors": size} if size else ())

    assert folder.tensors is None
    (sentence,) = folder.unread
    assert folder.broken == (() if name == "an empty file" else (sentence,))
    assert sentence.startswith("model.safetensors ")
    assert "\n" not in sentence
    assert sum(size for _, _, size in source.reads) <= 2 * 10**6


def test_a_config_that_is_too_large_is_a_sentence_with_its_size():
    folder, source = read({"config.json": b"{}"}, {"config.json": 5_000_000})

    assert folder.unread == ("config.json has 5,000,000 bytes, more than any model's",)
    assert not source.reads


@given(st.binary(max_size=400), st.integers(0, 10**9))
@settings(deadline=None, max_examples=200, database=None)
def test_no_bytes_make_it_fail(content, more):
    folder, _ = read({"model.safetensors": content}, {"model.safetensors": len(content) + more})

    assert folder.tensors is not None or len(folder.unread) == 1


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'{"a": 1}' * 2, b"[" * 100_000, b"\xff\xfe"])
def test_a_config_that_is_no_json_object_is_a_sentence(text):
    folder, _ = read({"config.json": text, "model.safetensors": whole({"a": ("U8", (1,))})})

    assert folder.config is None
    assert len(folder.unread) == 1


def test_a_server_that_ignores_ranges_is_one_sentence():
    folder, _ = read({"model.safetensors": whole({"a": ("U8", (1,))})}, ignores_ranges=True)

    assert folder.tensors is None
    assert folder.unread == ("the header of model.safetensors could not be read: the server ignores ranges",)


def test_a_folder_on_this_machine_is_read_like_a_bucket(tmp_path):
    for name, content in sharded().items():
        (tmp_path / name).write_bytes(content)
    reader = ModelReader(LocalFolder(tmp_path))

    folder = reader.with_headers(reader.folder("."))

    assert folder.config == LLAMA
    assert [file.name for file in folder.loaded] == list(SHARDS)
    assert Tensor("embed_tokens.weight", "BF16", (1, 1), 1600) in folder.tensors


@pytest.mark.parametrize(
    ("dangling", "ends"), [("README.md", False), ("figures", False), ("model-00001.safetensors", True)]
)
def test_a_link_to_nothing_ends_the_reading_of_a_folder_only_where_it_may_decide(tmp_path, dangling, ends):
    for name, content in sharded().items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / dangling).symlink_to("nowhere")
    reader = ModelReader(LocalFolder(tmp_path))

    if ends:
        with pytest.raises(InvalidDeclaration) as error:
            reader.folder(".")
        assert "is a link to a file that does not exist" in str(error.value)
        assert "--exclude" not in str(error.value)
    else:
        assert reader.folder(".").config == LLAMA


def test_other_formats_have_no_header_to_read():
    folder, source = read({"pytorch_model.bin": b"PK", "config.json": b"{}"})

    assert folder.tensors is None
    assert folder.unread == ()
    assert [name for name, *_ in source.reads] == ["config.json"]
    assert model_reader.AT_ONCE == 8
