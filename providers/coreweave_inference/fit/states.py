"""Models some of whose layers keep a state instead of tokens: Mamba and its like, and linear attention.

A state takes the same bytes for each sequence, however long. Shapes as vLLM allocates them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .architecture import Attention, Layers

ELEMENT = 2
"""Bytes of an element of the convolution's part."""
SINGLE = 4


class Fields(Protocol):
    """A configuration that can be asked for its numbers."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """The fields themselves."""
        ...

    @property
    def family(self) -> Mapping[str, Any]:
        """The rules of its family."""
        ...

    def whole(self, *names: str, default: int | None = None) -> int:
        """A number; raises where it is missing."""
        ...

    def head(self, heads: int, hidden: int) -> int:
        """Elements of a head."""
        ...

    def kv_heads(self, heads: int) -> int:
        """Key-value heads."""
        ...


def state_layers(found: Fields, count: int, heads: int, hidden: int) -> tuple[Layers, ...]:
    """Attention layers, and layers with a state. Raises what `found` raises."""
    full, stateful = _counts(found, count)
    size = found.head(heads, hidden)
    state = {"delta": _delta, "mamba2": _mamba2, "mamba1": _mamba1, "conv": _conv}[
        str(found.family["state"])
    ](found, hidden)
    return (
        Layers(Attention.FULL, full, found.kv_heads(heads), size, size),
        Layers(Attention.STATE, stateful, state=state),
    )


def _counts(found: Fields, count: int) -> tuple[int, int]:
    """Layers with attention, and layers with a state; some have both, some neither."""
    pattern = found.fields.get("hybrid_override_pattern")
    if isinstance(pattern, str):
        return pattern.count("*"), pattern.count("M")
    if found.family.get("both"):
        return count, count
    for name in ("layer_types", "layers_block_type"):
        types = found.fields.get(name)
        if isinstance(types, Sequence) and not isinstance(types, str) and len(types) >= count:
            full = sum(1 for kind in types[:count] if kind in ("full_attention", "attention", "hybrid"))
            idle = sum(1 for kind in types[:count] if kind in ("mlp", "moe"))
            return full, count - full - idle
    if found.family.get("period"):
        period = found.whole("attn_layer_period")
        offset = found.fields.get("attn_layer_offset")
        full = sum(1 for i in range(count) if i % period == (offset if isinstance(offset, int) else 0))
        return full, count - full
    every = found.whole("full_attention_interval")
    return count // every, count - count // every


def _delta(found: Fields, _hidden: int) -> int:
    """Gated delta net: a convolution over keys, queries and values, and a matrix for each value head."""
    keys = found.whole("linear_num_key_heads") * found.whole("linear_key_head_dim")
    heads, size = found.whole("linear_num_value_heads"), found.whole("linear_value_head_dim")
    convolution = (2 * keys + heads * size) * (found.whole("linear_conv_kernel_dim") - 1) * ELEMENT
    return convolution + heads * size * found.whole("linear_key_head_dim") * _state_bytes(found)


def _mamba2(found: Fields, hidden: int) -> int:
    heads = found.whole("mamba_num_heads", "mamba_n_heads", "n_mamba_heads", "num_heads")
    size = found.whole("mamba_head_dim", "mamba_d_head", "mamba_headdim", default=0)
    inner = heads * size or found.whole(
        "mamba_d_ssm", default=hidden * found.whole("mamba_expand", "expand", default=2)
    )
    state = found.whole("ssm_state_size", "mamba_d_state", "state_size")
    groups = found.whole("n_groups", "mamba_n_groups", "mamba_ngroups", default=1)
    kernel = found.whole("conv_kernel", "mamba_d_conv", default=4)
    return (inner + 2 * groups * state) * (kernel - 1) * ELEMENT + inner * state * _state_bytes(found)


def _mamba1(found: Fields, hidden: int) -> int:
    inner = found.whole("intermediate_size_ssm", default=hidden * found.whole("mamba_expand", default=2))
    return inner * (found.whole("mamba_d_conv", default=4) - 1) * ELEMENT + inner * found.whole(
        "mamba_d_state", default=16
    ) * _state_bytes(found)


def _conv(found: Fields, hidden: int) -> int:
    return hidden * (found.whole("conv_L_cache", default=3) - 1) * ELEMENT


def _state_bytes(found: Fields) -> int:
    """Of an element of the state: single precision, unless the model says otherwise."""
    named = str(found.fields.get("mamba_ssm_dtype") or found.fields.get("mamba_ssm_cache_dtype") or "")
    return ELEMENT if named in ("bfloat16", "float16") else SINGLE
