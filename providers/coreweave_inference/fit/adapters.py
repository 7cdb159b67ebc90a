"""The room that vLLM keeps for LoRA adapters: it is taken when the engine starts, for as many of them and ranks as are allowed.

For each projection two thin matrices: one as wide as what goes in, one as wide as what comes out, each once for each adapter.
Of these, GPUs share what the projection itself is split by; the other one is on each of them, unless all is to be shared.
"""

from __future__ import annotations

import math

from .architecture import NOTHING, Attention, Layers, Model, Range
from .options import Lora

ELEMENT = 2
INPUTS = ("q_proj", "k_proj", "v_proj", "qkv_proj")
OUTPUT = "o_proj"
WIDENING = ("gate_proj", "up_proj", "gate_up_proj")
NARROWING = "down_proj"
WITH_PROJECTIONS = (Attention.FULL, Attention.WINDOW, Attention.CHUNK)


def adapters_per_gpu(model: Model | None, lora: Lora | None, tensor: int, stages: int) -> Range:
    """Bytes on the fullest GPU. The least counts the projections that every model of its kind has, in the fewest parts."""
    if lora is None or model is None:
        return NOTHING
    shared = tensor if lora.sharded else 1
    unit = lora.adapters * lora.rank * ELEMENT
    attention = [group for group in model.layers if group.kind in WITH_PROJECTIONS]
    least = sum(group.count * _least(model, group, lora, tensor, shared) for group in attention)
    hidden, depth = model.hidden, math.ceil(model.depth / stages)
    widest = max(((model.heads + group.heads) * group.key for group in attention), default=2 * hidden)
    inner = 3 * model.inner + 2 * widest
    likely = depth * (7 * hidden / shared + inner / tensor)
    most = depth * (7 * hidden + inner) + 2 * (model.vocabulary + hidden)
    if model.experts:
        likely += depth * model.experts * 3 * (hidden / shared + model.narrow / tensor)
        most += depth * model.experts * 3 * (hidden + model.narrow)
    low = unit * least / stages
    return Range(low, max(low, unit * likely), max(low, unit * most))


def _least(model: Model, group: Layers, lora: Lora, tensor: int, shared: int) -> float:
    """Elements of one layer for each adapter and rank, on one GPU."""
    hidden, queries, keys = model.hidden, model.heads * group.key, group.heads * group.key
    found = 0.0
    if _adapts(lora, *INPUTS):
        found += hidden / shared + (queries + 2 * keys) / tensor
    if _adapts(lora, OUTPUT):
        found += queries / tensor + hidden / shared
    if model.is_dense and not any(other.kind is Attention.STATE for other in model.layers):
        if _adapts(lora, *WIDENING):
            found += hidden / shared + model.inner / tensor
        if _adapts(lora, NARROWING):
            found += model.inner / tensor + hidden / shared
    return found


def _adapts(lora: Lora, *names: str) -> bool:
    return not lora.targets or any(name in lora.targets for name in names)
