"""Files of models as they are published: safetensors with headers and no data, made in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping

SIZES = {"F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "U8": 1, "I32": 4}
LLAMA = {
    "model_type": "llama",
    "torch_dtype": "bfloat16",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}
TINY = {
    **LLAMA,
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "vocab_size": 100,
}
TINY_WEIGHTS = {"model.layers.0.mlp.down_proj.weight": ("BF16", (64, 128))}
"""A model of a few kilobytes, so that all of it can be in a bucket."""
LLAMA_70B = {
    **LLAMA,
    "num_hidden_layers": 80,
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_attention_heads": 64,
}
QWEN_SMALL = {
    "model_type": "qwen3",
    "num_hidden_layers": 28,
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "max_position_embeddings": 40960,
    "tie_word_embeddings": True,
}


def header(tensors: Mapping[str, tuple[str, tuple[int, ...]]]) -> tuple[bytes, int]:
    """The header of a file with these tensors (type and shape), and the bytes of data that it promises."""
    entries, at = {}, 0
    for name, (dtype, shape) in tensors.items():
        size = SIZES[dtype]
        for one in shape:
            size *= one
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps({"__metadata__": {"format": "pt"}, **entries}).encode()
    return len(text).to_bytes(8, "little") + text, at


def whole(tensors: Mapping[str, tuple[str, tuple[int, ...]]]) -> bytes:
    """A small file, its data included."""
    start, data = header(tensors)
    return start + bytes(data)
