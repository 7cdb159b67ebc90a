"""The memory that an engine needs besides weights and cache: the peak of a step, what is outside of torch, CUDA graphs.

What decides is the larger of two: the logits of all sequences at once when they are sampled, in several copies of single
precision, and the vectors of all tokens of one step in the widest layer. Published logs agree with the first to a few
percent for versions up to 0.16 (docs/fit-validation.md); since then the sampler keeps fewer copies, and no log tells how many.
"""

from __future__ import annotations

from dataclasses import dataclass

from coreweave_inference.fleet.instances import GIB

from .architecture import Model, Range
from .engines import LARGE, LARGEST, Engine
from .options import Options

LEAST = 0.4 * GIB
"""Less than any published log shows, graphs included."""
MARGIN = 3 * GIB
SHARE = 0.05
"""What is tight: within 3 GiB or 5 % of the GPU's memory, whichever is more."""
OUTSIDE_ALONE, OUTSIDE_TOGETHER = 0.13 * GIB, 0.55 * GIB
"""Of memory outside of torch, for one GPU alone and for several that talk to each other."""
LONG = 32_768
"""Tokens from which on older versions work on a request in parts."""
VECTORS = 4
"""Vectors of the model's width that live at once, beside those of the inner layer."""
INNER = 3


@dataclass(frozen=True)
class Step:
    """What an engine works on at once: tokens of a step, and sequences."""

    batched: int
    sequences: int


def step_of(engine: Engine, options: Options, memory: float, gpu: str, length: int) -> Step:
    """The sizes that are given, or the version's defaults for the GPU."""
    large = memory >= LARGE and "A100" not in gpu.upper()
    if engine.scheduler:
        sequences = 1024 if large else 256
        batched = 2048 if not large else engine.largest_batch if memory >= LARGEST else 8192
    else:
        sequences = 256
        batched = 2048 if length > LONG and engine.chunked else max(length, 2048)
    batched = options.batched or batched
    return Step(batched, min(options.sequences or sequences, batched))


def margin(memory: float) -> float:
    """How far an estimate may be off."""
    return max(MARGIN, SHARE * memory)


def working_memory(
    model: Model | None, engine: Engine, step: Step, tensor: int, ranks: int, memory: float
) -> Range:
    """Bytes on one GPU; `ranks` are the GPUs of the engine. Without a model only a lower bound is known.

    The encoders of a multimodal model may need more, and how much is not known.
    """
    if model is None:
        return Range(LEAST, LEAST + margin(memory), LEAST + 2 * margin(memory))
    sampling = engine.copies * step.sequences * model.vocabulary * 4
    vectors = step.batched * 2 * (VECTORS * model.hidden + INNER * model.inner / tensor)
    outside = OUTSIDE_TOGETHER if ranks > 1 else OUTSIDE_ALONE
    expected = max(sampling, vectors) + outside + engine.graphs * GIB
    above = 2 * margin(memory) if model.multimodal else margin(memory)
    return Range(max(LEAST, expected - margin(memory)), max(LEAST, expected), expected + above)
