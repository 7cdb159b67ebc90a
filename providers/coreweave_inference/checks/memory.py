"""Deployments as questions of GPU memory: what is known of a model's files, the engine's options and the GPUs. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from coreweave_inference.errors import one_line
from coreweave_inference.fit import (
    Fit,
    Gpus,
    Model,
    NotKnown,
    Question,
    Verdict,
    Weights,
    engine_of,
    fit,
    model_of,
    options_of,
    seems_incomplete,
    stored_type,
)
from coreweave_inference.fit.weights import WRITTEN_HALF
from coreweave_inference.fleet.instances import Hardware, hardware_of
from coreweave_inference.fleet.objects import Deployment

from .facts import Folder
from .loading import stored_in

ENGINES = ("vllm", "dynamo-vllm")
"""Engines that take vLLM's options."""
VLLM = ENGINES[0]
PACKED, WITH_HEADERS = ".gguf", ".safetensors"


@dataclass(frozen=True)
class Memory:
    """A question, and its answer."""

    question: Question
    fit: Fit


@dataclass(frozen=True)
class MemoryVerdict:
    """What is known of one deployment: the verdict, and the one that it had before this run, `None` where there was none."""

    label: str
    verdict: Verdict
    why: str
    before: Verdict | None = None

    def as_data(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "object": self.label,
            "verdict": self.verdict.value,
            "why": self.why,
            "before": self.before.value if self.before else None,
        }


def memory_of(item: Deployment, folder: Folder | None, newest: str | None = None) -> Memory | None:
    """What a deployment needs of its GPUs; `None` where nothing can be asked: another engine, GPUs or files not known.

    `newest`: the version of vLLM that runs where none is declared.
    """
    hardware = hardware_of(item.instance_type)
    if folder is None or hardware is None or not item.gpus or item.engine not in ENGINES:
        return None
    version = (item.version or newest) if item.engine == VLLM else None
    found = question_of(folder, hardware, item.gpus, item.config, item.environment, version)
    return Memory(found, fit(found))


def question_of(
    folder: Folder,
    hardware: Hardware,
    gpus: int,
    config: Mapping[str, Any] | None,
    environment: Mapping[str, Any] | None = None,
    version: str | None = None,
) -> Question:
    """The question of one folder of weights on some GPUs, with the options of an engineConfig."""
    model, unknown = _model(folder)
    weights = None
    if folder.loaded:
        weights = Weights(folder.bytes, folder.tensors, folder.is_ambiguous, *_stored_type(folder))
        if folder.missing:
            unknown = (*unknown, f"parts of the weights are missing: {len(folder.missing)}")
        if any(file.name.endswith(PACKED) for file in folder.loaded):
            unknown = (*unknown, "how much of GGUF files vLLM keeps packed is not known")
    elif folder.files or not folder.unread:
        why = (
            "no weights were found"
            if folder.complete
            else "there are too many files to tell the weights among them"
        )
        unknown = (*unknown, why)
    options = options_of(config, environment)
    return Question(
        model,
        weights,
        Gpus(hardware.gpu, hardware.memory, gpus),
        replace(options, beyond=True) if folder.has_params else options,
        engine_of(version),
        tuple(map(one_line, unknown)),  # Names in files of others are part of it.
    )


def _stored_type(folder: Folder) -> tuple[str, bool]:
    """What the weights are stored in, and whether they are quantised. A config.json of half precision says how they are meant
    to be loaded: training may leave single precision beside it, which the headers of safetensors alone would tell.
    """
    dtype, quantised = stored_type(folder.config)
    if named := "" if quantised else stored_in(folder.loaded):
        return named, quantised
    tells = all(file.name.endswith(WITH_HEADERS) for file in folder.loaded)
    return dtype if quantised or tells or dtype not in WRITTEN_HALF else "", quantised


def _model(folder: Folder) -> tuple[Model | None, tuple[str, ...]]:
    try:
        return model_of(folder.config), folder.unread
    except NotKnown as error:
        return None, (*folder.unread, str(error)) if not folder.unread else folder.unread


def headers_decide(item: Deployment, folder: Folder, *, sum_counts: bool = False) -> bool:
    """Whether the headers of the weights may change the verdict: which types are stored, and what is not loaded.

    `sum_counts`: or the sum, which somebody is going to read.
    """
    found = memory_of(item, folder)
    if found is None or found.question.weights is None or folder.tensors is not None:
        return False
    if (
        found.fit.verdict is Verdict.NO
        and not found.fit.refused
        and found.question.weights.dtype in WRITTEN_HALF
    ):
        open_type = replace(found.question.weights, dtype="")
        return fit(replace(found.question, weights=open_type)).verdict is not Verdict.NO
    if seems_incomplete(found.question.model, found.question.weights):
        return True  # What is there in their place is known from the first header.
    weights = found.fit.weights
    return weights.low < weights.high and (sum_counts or found.fit.verdict is Verdict.TIGHT)
