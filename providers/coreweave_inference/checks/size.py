"""Rules on GPU memory: whether weights and KV cache fit into the GPUs of one replica, and for how many requests at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coreweave_inference.fit import AUTO, GIB, HALF, SINGLE, Remedy, Verdict, gib, options_of, remedies
from coreweave_inference.model.paths import entry

from .finding import Problem, Severity
from .memory import Memory
from .objects import Deployment
from .rule import rule
from .view import View
from .vllm import CONFIG_PATH, vllm_configs, with_hyphens

GPUS_PATH, COUNT = "resources.gpuCount", "gpuCount"
LENGTH = "max-model-len"
ELSE = "an instance type with more memory, or weights of a smaller format"


@rule("weights-too-large", Severity.ERROR, "Weights leave no memory of a replica's GPUs for the KV cache")
def too_large(view: View) -> Iterator[Problem]:
    """Weights and the least that an engine needs beside them, against the memory that it may use."""
    for item, found in view.memory:
        if not (found.fit.weights_alone or _may_be_too_large(found)):
            continue
        gpus, fit = found.question.gpus, found.fit
        size = found.question.weights.bytes if found.question.weights else 0
        yield Problem(
            item.about,
            item.path(GPUS_PATH),
            f'{size / GIB:.1f} GiB of weights are stored under "{item.model_path}", and {gpus.count} x {gpus.name} have '
            f"{gpus.count} x {gpus.memory / GIB:.1f} = {gpus.count * gpus.memory / GIB:.1f} GiB",
            _why(found),
            _advice(view, item, found),
            None if fit.weights_alone else Severity.WARNING,
        )


@rule("kv-cache-too-small", Severity.ERROR, "The KV cache cannot hold one request of the longest length")
def too_long(view: View) -> Iterator[Problem]:
    """One request of max-model-len against what weights and engine leave at most."""
    for item, found in view.memory:
        if found.fit.verdict is Verdict.NO and not (found.fit.weights_alone or found.fit.refused):
            yield _problem(view, item, found, "vLLM does not start with less")


@rule("gpu-memory-tight", Severity.WARNING, "Whether weights and KV cache fit is uncertain")
def tight(view: View) -> Iterator[Problem]:
    """Between the least and the most that an engine may need."""
    for item, found in view.memory:
        if found.fit.verdict is Verdict.TIGHT and not _may_be_too_large(found):
            yield _problem(
                view, item, found, "what vLLM needs for itself differs by a few GiB between versions"
            )


@rule("gpu-memory-unknown", Severity.NOTE, "Whether weights and KV cache fit is not known")
def unknown(view: View) -> Iterator[Problem]:
    """With the reason."""
    for item, found in view.memory:
        if found.fit.verdict is Verdict.UNKNOWN and not _may_be_too_large(found):
            yield Problem(
                item.about,
                item.path(GPUS_PATH),
                "whether the model fits into the GPUs was not computed",
                found.fit.why,
                "compare its size with the GPUs' memory",
            )


@rule("engine-does-not-start", Severity.ERROR, "vLLM refuses its options, or refuses them for the model")
def refused(view: View) -> Iterator[Problem]:
    """Values that it does not read, sizes that do not divide the model, and lengths beyond the model's own."""
    of_model = {item.key: found.fit.refused for item, found in view.memory}
    for item, config in vllm_configs(view):
        for fault in of_model.get(item.key, options_of(config, item.environment).refused):
            if fault.option != COUNT:  # That one is `engine-tensor-parallel`.
                given = next((key for key in config if with_hyphens(key) == fault.option), fault.option)
                do = "correct the value, or remove the option for vLLM's own"
                yield Problem(
                    item.about, item.path(entry(CONFIG_PATH, given)), fault.why, "vLLM does not start", do
                )


@rule("concurrency-kv-cache", Severity.NOTE, "concurrency is more than the KV cache holds at full length")
def at_once(view: View) -> Iterator[Problem]:
    """Only where max-model-len is declared: what remains at most, in requests of that length."""
    for item, found in view.memory:
        fit, length = found.fit, found.question.options.length
        most = fit.concurrency.high
        if (
            fit.verdict is Verdict.NO
            or length in (None, AUTO)
            or not fit.request.high
            or not item.concurrency
        ):
            continue
        if most >= 1 and item.concurrency > most:
            yield Problem(
                item.about,
                item.path("autoscaling.concurrency"),
                f"autoscaling.concurrency is {item.concurrency}, and the KV cache of a replica holds at most {most:.1f} requests "
                f"of {fit.tokens} tokens",
                "requests of that length wait, or are computed again",
                f"lower concurrency or {LENGTH}, or keep it where requests are shorter",
            )


def _may_be_too_large(found: Memory) -> bool:
    """Whether the bytes that are stored are too many, and it is not known that all of them are loaded."""
    fit, options = found.fit, found.question.options
    sure = not (options.loads_less or options.unknown)
    return sure and fit.verdict is not Verdict.NO and fit.weights.expected > fit.budget


def _why(found: Memory) -> str:
    """What the weights take of each GPU; and where that is not known, whether it is the type in which they are stored."""
    fit, weights, dtype = found.fit, found.question.weights, found.question.options.dtype
    single = _is_made_single(found)
    start = f"with dtype {dtype} " if single else ""
    if fit.weights_alone:
        return f"{start}{fit.why}"
    low, expected, budget = (gib(size) for size in (fit.weights.low, fit.weights.expected, fit.budget))
    stored = weights.dtype if weights and weights.tensors is None and not weights.quantised else dtype
    open_type = stored not in SINGLE if single else not stored
    why = ": in what type they are stored is not known" if open_type else ""
    return f"{start}they take {low} to {expected} GiB of each GPU, of which vLLM may use {budget} GiB{why}"


def _is_made_single(found: Memory) -> bool:
    """Whether an option loads the weights in single precision."""
    weights = found.question.weights
    return found.question.options.dtype in SINGLE and not (weights and weights.quantised)


def _problem(view: View, item: Deployment, found: Memory, why: str) -> Problem:
    declared = LENGTH in (item.config or ())
    path = f"{CONFIG_PATH}.{LENGTH}" if declared else GPUS_PATH
    gpus = found.question.gpus
    what = f"{found.fit.why}, on each of {gpus.count} x {gpus.name} ({gib(gpus.memory)} GiB)"
    if not declared and found.fit.tokens:
        what += f"; {LENGTH} is not set, so it is the model's own"
    return Problem(item.about, item.path(path), what, why, _advice(view, item, found))


def _advice(view: View, item: Deployment, found: Memory) -> str:
    """The changes that help, as far as the service allows them."""
    allowed = view.catalogue.config_keys.get(item.engine or "")
    helping = [
        remedy
        for remedy in remedies(found.question, found.fit)
        if not allowed or remedy.setting.startswith(COUNT) or remedy.setting.split(":")[0] in allowed
    ]
    half = [HALF] if _is_made_single(found) and all(one.setting != HALF for one in helping) else []
    return f"use {', '.join([*half, *_settings(helping), ELSE])}"


def _settings(found: Sequence[Remedy]) -> Iterator[str]:
    for remedy in found:
        name, _, value = remedy.setting.partition(": ")
        if name == COUNT:
            yield f"{COUNT} {value} or more" + (" (tight)" if remedy.fit.verdict is Verdict.TIGHT else "")
        else:
            yield f"{remedy.setting} ({remedy.fit.verdict.value})"
