"""The rule on size: weights that cannot fit into the GPUs of one replica."""

from __future__ import annotations

from collections.abc import Iterator

from coreweave_inference.fleet.instances import GIB, hardware_of
from coreweave_inference.fleet.values import mapping

from .facts import Folder
from .finding import Problem, Severity
from .objects import Deployment
from .rule import rule
from .view import View

LOADED_OTHERWISE = (
    "quantization",
    "cpu-offload",
    "offload",
    "hf-overrides",
    "language-model-only",
    "limit-mm-per-prompt",
    "mm-encoder-only",
)
"""How options begin with which fewer bytes come to lie in GPU memory than are read."""

LOAD_FORMATS = ("auto", "hf", "safetensors", "mistral", "runai_streamer", "fastsafetensors")
SINGLE = ("float32", "float", "torch.float32")
HALF = ("bfloat16", "float16", "half", "torch.bfloat16", "torch.float16")


@rule("weights-too-large", Severity.ERROR, "Weights are larger than the memory of a replica's GPUs")
def too_large(view: View) -> Iterator[Problem]:
    """Bytes that are loaded > memory that an engine sees x gpuCount, for GPUs whose memory is known."""
    for item in view.deployments:
        folder, memory = view.folder(item), memory_of(item)
        hardware = hardware_of(item.instance_type)
        if folder is None or memory is None or hardware is None or folder.bytes <= memory:
            continue
        least, most = _in_memory(item, folder)
        if most <= memory:
            continue
        size = f"{'' if folder.complete else 'at least '}{most / GIB:.1f} GiB"
        yield Problem(
            item.about,
            item.path("resources.gpuCount"),
            f'{size} of weights are loaded from "{item.model_path}", and {item.gpus} x {hardware.gpu} have '
            f"{item.gpus} x {hardware.memory / GIB:.1f} = {memory / GIB:.1f} GiB",
            "weights, KV cache and the engine's working memory must all fit",
            _advice(most, hardware.memory),
            Severity.WARNING if least <= memory else None,
        )


def memory_of(item: Deployment) -> int | None:
    """Bytes of GPU memory of one replica as an engine sees it; `None` where it is not known."""
    hardware = hardware_of(item.instance_type)
    return None if hardware is None or not item.gpus else hardware.memory * item.gpus


def _in_memory(item: Deployment, folder: Folder) -> tuple[int, int]:
    """Bytes that the weights take in GPU memory, at least and at most; they differ where their type is not known.

    vLLM loads weights in single precision as half precision, unless it is told otherwise.
    """
    config = {key.replace("_", "-"): value for key, value in mapping(item.config).items()}
    if (
        any(key.startswith(LOADED_OTHERWISE) for key in config)
        or config.get("load-format", "auto") not in LOAD_FORMATS
    ):
        return 0, 0
    described = mapping(folder.config)
    inner = mapping(described.get("text_config"))
    written = next(
        (part[key] for part in (described, inner) for key in ("dtype", "torch_dtype") if part.get(key)), None
    )
    half = folder.bytes // 2
    if config.get("dtype") in SINGLE or written in HALF:
        return folder.bytes, folder.bytes
    return (
        (half, half)
        if written in SINGLE and config.get("dtype", "auto") in ("auto", *HALF)
        else (half, folder.bytes)
    )


def _advice(size: int, memory: int) -> str:
    fitting = next((count for count in (1, 2, 4, 8, 16) if count * memory > size), None)
    more = f"use gpuCount {fitting} or more" if fitting else "use a GPU with more memory"
    return f"{more}, an instance type with more memory, or weights of a smaller format"


RULES = (too_large,)
