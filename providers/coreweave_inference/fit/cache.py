"""The KV cache of one GPU: bytes for each token, and for one request of a length, as vLLM's own planning counts them.

vLLM gives out blocks of one size from one pool. Layers that keep different things form groups of equally many layers, and
each group takes blocks of its own, so a model of several kinds of layers takes more than the sum of its layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from .architecture import Attention, Layers, Model
from .options import Options

ONE_BYTE = ("fp8", "fp8_e4m3", "fp8_e5m2", "fp8_inc", "int8_per_token_head", "fp8_per_token_head")
PER_TOKEN_HEAD = ("int8_per_token_head", "fp8_per_token_head")
"""With two scales of 4 bytes for each token and head."""
WIDE = {"auto": 2, "float16": 2, "half": 2, "bfloat16": 2, "float32": 4, "float": 4}
PACKED = "nvfp4"
LATENT_FP8 = "fp8_ds_mla"
LATENT_FP8_BYTES = 656
"""Of one token and layer in the layout of sparse latent attention."""
GROWING = (Attention.FULL, Attention.LATENT)
UNEVEN = 1.5
"""Up to this ratio of layers the larger kind gives the size of the groups."""


def is_known_type(cache_type: str) -> bool:
    """Whether the bytes of an entry are known for a kv-cache-dtype."""
    return cache_type in (*ONE_BYTE, *WIDE, PACKED, LATENT_FP8)


@dataclass(frozen=True)
class Cache:
    """The cache of a model on one GPU. `batched`: tokens of one step; `speculated`: tokens ahead of the last one.

    `tensor` GPUs share the heads, `context` the tokens, `pipeline` the layers.
    """

    layers: tuple[Layers, ...]
    cache_type: str
    dtype_bytes: int
    block: int
    batched: int
    tensor: int = 1
    context: int = 1
    pipeline: int = 1
    speculated: int = 0

    @cached_property
    def bytes_per_token(self) -> float:
        """Of one more token of a long request, in all layers of the GPU."""
        growing = [group for group in self._staged if group.kind in GROWING] or list(self._staged)
        return sum(group.count * self._entry(group) for group in growing) / self.context

    def bytes_of_request(self, length: int) -> float:
        """What one request of `length` tokens takes at most, in whole blocks."""
        if self._is_even:
            return sum(
                group.count
                * (self._entry(group) * self.block or self._state(group))
                * self._blocks(group, length, self.block)
                for group in self._staged
            )
        return self._block_bytes * sum(
            number * self._blocks(group, length, tokens) for group, number, tokens in self._groups
        )

    @property
    def reserved(self) -> float:
        """The one block that vLLM never gives out."""
        if self._is_even:
            return sum(group.count * self._entry(group) * self.block for group in self._staged)
        return self._block_bytes

    @cached_property
    def _staged(self) -> tuple[Layers, ...]:
        """The layers of the largest stage of a pipeline."""
        return tuple(replace(group, count=math.ceil(group.count / self.pipeline)) for group in self.layers)

    @property
    def _is_even(self) -> bool:
        """Whether all layers keep equally many tokens, so that no groups are made."""
        kinds = {(group.kind in GROWING, group.kind, group.window) for group in self._staged}
        return len(kinds) <= 1 or all(group.kind in GROWING for group in self._staged)

    def _entry(self, group: Layers) -> float:
        """Bytes of one token in one layer."""
        if group.kind is Attention.STATE:
            return 0
        if group.kind is Attention.LATENT:
            if self.cache_type == LATENT_FP8 or (group.index and self.cache_type in ONE_BYTE):
                return LATENT_FP8_BYTES + group.index
            return group.key * self._element + group.index
        heads = max(1, math.ceil(group.heads / self.tensor))
        if self.cache_type == PACKED:
            return heads * sum(size // 2 + size // 16 for size in (group.key, group.value)) + group.index
        scales = 2 * heads * 4 if self.cache_type in PER_TOKEN_HEAD else 0
        return heads * (group.key + group.value) * self._element + scales + group.index

    @property
    def _element(self) -> int:
        return (
            1
            if self.cache_type in ONE_BYTE
            else WIDE.get(self.cache_type, 2)
            if self.cache_type != "auto"
            else self.dtype_bytes
        )

    def _state(self, group: Layers) -> float:
        return group.state / self.tensor

    def _blocks(self, group: Layers, length: int, block: int) -> int:
        """Blocks of one request in one layer of a kind."""
        if group.kind is Attention.STATE:
            return 1 + self.speculated
        if group.kind is Attention.WINDOW:
            kept = min(group.window - 1 + self.batched, length)
            return min(math.ceil(kept / block) + 1, math.ceil(length / block) + 1)
        if group.kind is Attention.CHUNK:
            return math.ceil(min(group.window + self.batched, length) / block)
        return math.ceil(math.ceil(length / self.context) / block)

    @cached_property
    def _groups(self) -> tuple[tuple[Layers, int, int], ...]:
        """The layers of each kind, the groups that they make, and the tokens of one of their blocks."""
        found = []
        for group in self._staged:
            entry = self._entry(group)
            tokens = self.block if not entry else max(1, int(self._page / entry))
            found.append((group, math.ceil(group.count / self._group_size), tokens))
        return tuple(found)

    @cached_property
    def _group_size(self) -> int:
        counts = [group.count for group in self._staged]
        return max(counts) if max(counts) < UNEVEN * min(counts) else min(counts)

    @cached_property
    def _page(self) -> float:
        """Bytes of a block in one layer: the largest of all kinds; a state makes the blocks of tokens as large."""
        entries = [self._entry(group) for group in self._staged if self._entry(group)]
        largest = max((entry * self.block for entry in entries), default=0)
        state = max(self._state(group) for group in self._staged)
        if state <= largest or not entries:
            return max(largest, state)
        step = max(entries) * self.block
        return math.ceil(state / step) * step

    @property
    def _block_bytes(self) -> float:
        return self._page * self._group_size


def cache_of(
    model: Model, options: Options, tensor: int, batched: int, *, latent: bool, windows: bool, cache_type: str
) -> Cache:
    """The cache of `model`. `latent`, `windows`: whether the engine keeps latent entries, and windows alone."""
    return Cache(
        layers=tuple(_kept(model, latent=latent, windows=windows)),
        cache_type=cache_type,
        dtype_bytes=WIDE.get(options.dtype, 2) if options.dtype != "auto" else 2,
        block=options.block,
        batched=batched,
        tensor=tensor,
        context=options.context,
        pipeline=options.pipeline,
        speculated=options.speculated,
    )


def _kept(model: Model, *, latent: bool, windows: bool) -> Iterable[Layers]:
    for group in model.layers:
        if group.kind is Attention.LATENT and not latent:
            yield Layers(
                Attention.FULL,
                group.count,
                model.heads,
                model.unabsorbed,
                model.unabsorbed,
                index=group.index,
            )
        elif group.kind in (Attention.WINDOW, Attention.CHUNK) and not windows:
            yield replace(group, kind=Attention.FULL, window=0)
        else:
            yield group
