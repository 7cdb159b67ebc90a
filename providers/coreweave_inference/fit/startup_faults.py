"""What vLLM refuses when it starts, whatever memory there is: sizes and lengths that the model does not allow. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from .architecture import Attention, Model
from .options import CONTEXT, LENGTH, TENSOR, Options, StartupFault

COUNT = "gpuCount"
"""What a fault names where the GPUs of a replica are too few."""


def startup_faults(model: Model | None, options: Options, gpus: int) -> tuple[StartupFault, ...]:
    """Why the engine does not start on so many GPUs; none where that is not certain."""
    return (*options.refused, *_too_many(options, gpus), *_of_model(model, options, gpus))


def tensor_size(options: Options, gpus: int) -> int:
    """The GPUs that share a layer: those that are declared, else what remains of a replica's."""
    return options.tensor or max(1, gpus // (options.pipeline * options.data))


def _too_many(options: Options, gpus: int) -> Iterator[StartupFault]:
    product = (options.tensor or 1) * options.pipeline * options.data
    if product > gpus:
        yield StartupFault(COUNT, f"the parallel sizes need {product} GPUs, and a replica has {gpus}")


def _of_model(model: Model | None, options: Options, gpus: int) -> Iterator[StartupFault]:
    if model is None or options.reconfigured:
        return
    tensor = tensor_size(options, gpus)
    if options.tensor and model.heads % tensor:
        yield StartupFault(TENSOR, unshared_heads(model, tensor))
    if options.length and model.longest and options.length > model.longest and not options.beyond:
        yield StartupFault(
            LENGTH, f"{LENGTH} is {options.length}, and the model is made for {model.longest} tokens"
        )
    heads = max((group.heads for group in model.layers if group.kind is not Attention.STATE), default=1)
    context = options.context
    # GPUs share the tokens of a request only where they would hold the same heads of it.
    if context > 1 and (options.tensor or gpus == 1) and (tensor % context or context > tensor // heads):
        yield StartupFault(CONTEXT, f"{CONTEXT} is {context}, and {tensor} GPUs hold {heads} key-value heads")


def unshared_heads(model: Model, tensor: int) -> str:
    """A sentence on attention heads that do not divide by the GPUs."""
    return f"{model.heads} attention heads cannot be shared by {tensor} GPUs"
