"""The rule on size: weights that cannot fit into the GPUs of one replica."""

from __future__ import annotations

from collections.abc import Iterator

from .finding import Problem, Severity
from .hardware import GB, hardware_of
from .objects import Deployment
from .rule import rule
from .view import View


@rule("weights-too-large", Severity.ERROR, "Weights are larger than the memory of a replica's GPUs")
def too_large(view: View) -> Iterator[Problem]:
    """Bytes under the path > memory x gpuCount, for GPUs whose memory is known."""
    for item in view.deployments:
        folder, memory = view.folder(item), memory_of(item)
        hardware = hardware_of(item.instance_type)
        if folder is None or memory is None or hardware is None or folder.bytes <= memory:
            continue
        size = f"{'' if folder.complete else 'at least '}{folder.bytes / GB:.1f} GB"
        yield Problem(
            item.about,
            item.path("resources.gpuCount"),
            f'{size} of weights lie under "{item.model_path}", and {item.gpus} x {hardware.gpu} have '
            f"{item.gpus} x {hardware.memory / GB:g} = {memory / GB:g} GB",
            "weights, KV cache and the engine's working memory must all fit",
            _advice(folder.bytes, hardware.memory),
        )


def memory_of(item: Deployment) -> int | None:
    """Bytes of GPU memory of one replica; `None` where it is not known."""
    hardware = hardware_of(item.instance_type)
    return None if hardware is None or not item.gpus else hardware.memory * item.gpus


def _advice(size: int, memory: int) -> str:
    fitting = next((count for count in (1, 2, 4, 8, 16) if count * memory > size), None)
    more = f"use gpuCount {fitting} or more" if fitting else "use a GPU with more memory"
    return f"{more}, an instance type with more memory, or weights of a smaller format"


RULES = (too_large,)
