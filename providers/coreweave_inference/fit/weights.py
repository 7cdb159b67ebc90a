"""How many bytes of a model's weights one GPU holds. Pure.

Bytes are counted as they are stored, not by the name of a format. Single precision is loaded as half precision, unless the
engine is configured otherwise; where neither a header nor config.json says what is stored, both are possible.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from coreweave_inference.fleet.instances import GIB

from .adapters import adapters_per_gpu
from .architecture import Model, Range, Tensor, Weights, exactly
from .options import Options

SINGLE = ("float32", "float")
WRITTEN_HALF = ("bfloat16", "float16", "half")
HALF = ("F16", "BF16")
STORED_SINGLE = "F32"
EMBEDDING = re.compile(r"(?:^|\.)(?:embed_tokens|wte|word_embeddings|embeddings?)\.weight\Z")
OUTPUT = re.compile(r"(?:^|\.)(?:lm_head|output|embed_out)\.weight\Z")
ENCODER = re.compile(
    r"(?:^|\.)(?:visual|vision_tower|vision_model|vision_encoder|audio_tower|audio_encoder)\."
)
CONDENSED_ENCODER = "encoder"
PREDICTOR = re.compile(r"(?:^|\.)(?:mtp|mtp_layers|nextn_predict_layers|eagle)\.")
NUMBERED = re.compile(r"(?:^|\.)layers\.(?P<number>[0-9]{1,5})\.")
EXPERT = re.compile(r"\.experts\.|\.experts_|\.mlp\.experts\b")
USUAL_EXPERTS, FEW_EXPERTS = 0.97, 0.85
"""The part that experts have of public mixtures, and of the one that has the least of them."""
FP8 = ("fp8", "fp8_per_tensor", "fp8_per_block", "mxfp8")
"""Quantisations of weights in half precision while they are loaded, to half their bytes."""
AT_LEAST = {**dict.fromkeys(FP8, 0.5), "experts_int8": 0.5, "bitsandbytes": 0.25}
"""The part of the bytes that is left at least, by quantisation."""
STORED_SO = (
    "awq",
    "awq_marlin",
    "gptq",
    "gptq_marlin",
    "compressed-tensors",
    "modelopt",
    "modelopt_fp4",
    "mxfp4",
)
"""Quantisations that files have already, or else vLLM refuses them."""
SPARED = 0.1
"""Of the layers' bytes, the part that may stay as it is: norms, routers, what does not divide."""


def weights_per_gpu(
    weights: Weights, model: Model | None, options: Options, tensor: int, *, predictors: bool
) -> Range:
    """Bytes on the fullest GPU. `predictors`: whether layers for multi-token prediction are loaded."""
    whole = _kept(_loaded(weights, model, options, predictors=predictors), weights, model, options)
    shards, stages = tensor, options.pipeline
    even = stages * shards
    spread = even * options.data if model is None or model.experts else even
    low, expected, high = whole.low / spread, whole.expected / even, whole.high / even
    if spread != even:
        shares = _expert_shares(weights)
        expected, high = (
            size * (share / spread + (1 - share) / even)
            for size, share in ((whole.expected, shares[0]), (whole.high, shares[1]))
        )
    if stages > 1 and model is not None and model.depth:
        ends = 2 * model.vocabulary * model.hidden * 2
        stage = math.ceil(model.depth / stages) / model.depth
        expected = max(expected, (max(0.0, whole.expected - ends) * stage + ends / 2) / shards)
        high = max(high, (whole.high * stage + ends / 2) / shards)
    found = Range(low, max(low, expected), max(low, expected, high))
    found = _offloaded(found, weights, model, options, _ends(weights, model) / shards)
    return found + adapters_per_gpu(model, options.lora, tensor, stages)


def unsized(options: Options) -> Iterable[str]:
    """Why it is not known how many of the stored bytes are in GPU memory, a sentence each."""
    yield from options.unsized
    name = options.quantization
    if name in STORED_SO:
        yield f'quantization is "{name}", and config.json does not say that the weights are quantised'
    elif name and name not in AT_LEAST:
        yield f'how many bytes quantization "{name[:40]}" leaves of the weights is not known here'


def _ends(weights: Weights, model: Model | None) -> float:
    """Bytes of embedding, output layer and encoders, which stay as they are stored."""
    if weights.tensors is not None:
        ends = (EMBEDDING, OUTPUT, ENCODER)
        return sum(
            tensor.bytes
            for tensor in weights.tensors
            if tensor.name == CONDENSED_ENCODER or any(end.search(tensor.name) for end in ends)
        )
    return 0.0 if model is None else 2 * model.vocabulary * model.hidden * (1 if model.tied else 2)


def _kept(whole: Range, weights: Weights, model: Model | None, options: Options) -> Range:
    """What stays in GPU memory of the model's bytes, with the options that make them fewer."""
    low, expected, high = whole.low, whole.expected, whole.high
    if options.unsized:
        return Range(0, expected, high)
    if options.text_only:
        low = min(low, model.fewest_bytes(quantised=weights.quantised) if model else 0)
    name = options.quantization
    if not name or name in STORED_SO:
        return Range(low, expected, high)
    part = AT_LEAST.get(name)
    if part is None:
        return Range(0, expected, high)
    fixed = min(expected, _ends(weights, model))
    smaller = fixed + (expected - fixed) * part
    if name in FP8 and model is not None:
        high = fixed + (high - fixed) * (part + SPARED)
    return Range(low * part, smaller, max(smaller, high))


def _offloaded(found: Range, weights: Weights, model: Model | None, options: Options, ends: float) -> Range:
    """Without what is in the memory of the CPU: parameters of layers one by one, until they are as many as is asked for."""
    if not options.offload:
        return found
    size = options.offload * GIB
    last = found.high / model.depth if model and model.depth else found.high
    low = max(0.0, found.low - size - last)
    if model is None or weights.quantised or options.quantization:
        # Versions differ in whether quantised weights are moved.
        return Range(low, max(low, found.expected - size), found.high)
    expected, high = (part - min(size, max(0.0, part - ends)) for part in (found.expected, found.high))
    return Range(low, max(low, expected), max(low, expected, high))


def condensed(tensors: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """The same bytes in fewer tensors: one for each part of the model that is counted by itself, and each type."""
    sums: dict[tuple[str, str, bool], int] = {}
    for tensor in tensors:
        key = (_part(tensor.name), tensor.dtype, len(tensor.shape) > 1)
        sums[key] = sums.get(key, 0) + tensor.bytes
    return tuple(
        Tensor(name, dtype, (1, 1) if matrix else (1,), size) for (name, dtype, matrix), size in sums.items()
    )


def _part(name: str) -> str:
    """A name that is shared by all tensors that are counted alike."""
    if ENCODER.search(name):
        return CONDENSED_ENCODER
    if PREDICTOR.search(name):
        return "mtp.part"
    numbered = NUMBERED.search(name)
    experts = ".experts." if EXPERT.search(name) else "."
    if numbered is not None:
        return f"layers.{int(numbered['number'])}{experts}part"
    if EMBEDDING.search(name):
        return "embed_tokens.weight"
    return "lm_head.weight" if OUTPUT.search(name) else f"other{experts}part"


def _loaded(weights: Weights, model: Model | None, options: Options, *, predictors: bool) -> Range:
    """Bytes of the whole model in GPU memory."""
    if weights.tensors is None:
        return _from_files(weights, model, options, predictors=predictors)
    kept = [
        tensor
        for tensor in _once(weights.tensors, model)
        if predictors or not is_predictor(tensor.name, model)
    ]
    found = sum(_in_memory(tensor, options, weights.quantised) for tensor in kept)
    return Range(found, found, math.inf if weights.smallest else found)


def _from_files(weights: Weights, model: Model | None, options: Options, *, predictors: bool) -> Range:
    stored, written = weights.bytes, weights.dtype
    if weights.quantised:
        found = exactly(stored)
    elif options.dtype in SINGLE:
        found = (
            exactly(stored)
            if written in SINGLE
            else Range(stored, stored * 2 if written else stored, stored * 2)
        )
    elif written in SINGLE:
        found = exactly(stored / 2)
    elif written in WRITTEN_HALF:
        found = exactly(stored)
    else:
        found = Range(stored / 2, stored, stored)
    if model and model.predictors and not predictors:
        without = model.depth / (model.depth + model.predictors)
        found = Range(found.low * without, found.expected * without, found.high)
    if model and model.tied:
        # The output layer may be stored beside the embedding that it shares.
        found = Range(max(0, found.low - 2 * model.vocabulary * model.hidden), found.expected, found.high)
    return Range(found.low, found.expected, math.inf) if weights.smallest else found


def _once(tensors: Iterable[Tensor], model: Model | None) -> Iterable[Tensor]:
    """The tensors without an output layer that the model shares with its embedding."""
    found = tuple(tensors)
    shared = bool(model and model.tied) and any(EMBEDDING.search(tensor.name) for tensor in found)
    return (tensor for tensor in found if not (shared and OUTPUT.search(tensor.name)))


def is_predictor(name: str, model: Model | None) -> bool:
    """Whether a tensor belongs to multi-token prediction: by its name, or a layer behind the last one."""
    if model is None or not model.predictors:
        return False
    if PREDICTOR.search(name):
        return True
    numbered = NUMBERED.search(name)
    return numbered is not None and int(numbered["number"]) >= model.length_of_stack > 0


def _in_memory(tensor: Tensor, options: Options, quantised: bool) -> float:
    """Bytes of a tensor in GPU memory; those of a quantised checkpoint stay what they are."""
    if quantised:
        return tensor.bytes
    if options.dtype in SINGLE:
        return tensor.bytes * 2 if tensor.dtype in HALF else tensor.bytes
    return tensor.bytes / 2 if tensor.dtype == STORED_SINGLE and len(tensor.shape) > 1 else tensor.bytes


def _expert_shares(weights: Weights) -> tuple[float, float]:
    """The part of the weights that experts have, which all replicas in one engine share: most likely, and at least."""
    if weights.tensors is None:
        return USUAL_EXPERTS, FEW_EXPERTS
    total = sum(tensor.bytes for tensor in weights.tensors)
    share = sum(tensor.bytes for tensor in weights.tensors if EXPERT.search(tensor.name)) / max(1, total)
    return share, share
