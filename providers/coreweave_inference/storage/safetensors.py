"""The header of a safetensors file: 8 bytes of its length, then JSON that names each tensor. Pure; nothing is trusted.

What is no header raises `BadHeader`, with what it is instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from coreweave_inference.fit import Tensor
from coreweave_inference.json_text import read_json

PREFIX = 8
LARGEST = 32 * 2**20
"""Bytes of a header that is read; the largest published ones have a tenth of that."""
POINTER = b"version https://git-lfs"
LFS = "is a pointer of Git LFS and not the file itself: download the weights and push them again"
METADATA = "__metadata__"
MOST_DIMENSIONS = 32


class BadHeader(Exception):
    """What a file has in the place of a header, as the end of a sentence."""


def header_length(start: bytes, size: int) -> int:
    """Bytes of the JSON in a file of `size` bytes that begins with `start`."""
    if start.startswith(POINTER):
        raise BadHeader(LFS)
    if size < PREFIX or len(start) < PREFIX:
        raise BadHeader(f"has {size} bytes, too few for a header")
    length = int.from_bytes(start[:PREFIX], "little")
    if length > size - PREFIX:
        raise BadHeader(f"is cut off or no safetensors file: a header of {length} bytes in a file of {size}")
    if length > LARGEST:
        raise BadHeader(f"has a header of {length} bytes, more than any model's")
    return length


def tensors_in(header: bytes, data: int) -> tuple[Tensor, ...]:
    """The tensors that the JSON names, of a file with `data` bytes behind it."""
    try:
        found = read_json(header, _without_duplicates)
    except ValueError:
        raise BadHeader("has a header that is no JSON") from None
    if not isinstance(found, dict):
        raise BadHeader("has a header that is no JSON object")
    return tuple(_tensor(name, entry, data) for name, entry in found.items() if name != METADATA)


def _without_duplicates(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BadHeader(f'names "{name[:60]}" twice in its header')
        found[name] = value
    return found


def _tensor(name: str, entry: Any, data: int) -> Tensor:
    wrong = BadHeader(f'does not say where "{name[:60]}" is, in its header')
    if not isinstance(entry, dict):
        raise wrong
    dtype, shape, offsets = (
        entry.get("dtype"),
        _numbers(entry.get("shape")),
        _numbers(entry.get("data_offsets")),
    )
    if not isinstance(dtype, str) or shape is None or offsets is None or len(offsets) != 2:
        raise wrong
    start, end = offsets
    if not start <= end <= data:
        raise BadHeader(f'is cut off: "{name[:60]}" ends at byte {end} of {data}')
    return Tensor(name, dtype, shape, end - start)


def _numbers(found: Any) -> tuple[int, ...] | None:
    """A short list of whole numbers; `None` for anything else."""
    if not isinstance(found, list) or len(found) > MOST_DIMENSIONS:
        return None
    right = all(isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 2**63 for item in found)
    return tuple(found) if right else None
