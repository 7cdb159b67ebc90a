"""Rules on the parallel sizes of an engine against the GPUs of a replica, and on how many sequences it decodes at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from coreweave_inference.model.paths import entry

from .finding import Problem, Severity
from .rule import rule
from .view import View
from .vllm import CONFIG_PATH, vllm_configs, whole, with_hyphens

TENSOR = "tensor-parallel-size"
DATA = "data-parallel-size"
SIZES = (TENSOR, "pipeline-parallel-size", DATA)
"""Sizes whose product is the number of GPUs; experts are spread over the same GPUs and do not multiply."""

ELSEWHERE = (
    "data-parallel-size-local",
    "data-parallel-rank",
    "data-parallel-start-rank",
    "data-parallel-address",
    "data-parallel-external-lb",
    "data-parallel-hybrid-lb",
    "data-parallel-backend",
    "distributed-executor-backend",
    "prefill-context-parallel-size",
    "nnodes",
    "node-rank",
)
"""Options with which an engine is one part of several, or has one size more: the product is not known then."""

SEQUENCES = "max-num-seqs"


def gpus_of(config: Mapping[str, object]) -> tuple[int, ...] | None:
    """The sizes in the order of `SIZES`; `None` where their product is not what one replica runs on."""
    given = {with_hyphens(key): value for key, value in config.items()}
    found = tuple(whole(given, key, 1) for key in SIZES)
    if any(key in given for key in ELSEWHERE):
        return None
    known = tuple(size for size in found if size is not None)
    return known if len(known) == len(SIZES) else None


@rule("engine-tensor-parallel", Severity.ERROR, "Parallel sizes do not fit the number of GPUs")
def parallel_sizes(view: View) -> Iterator[Problem]:
    """tensor-, pipeline- and data-parallel-size multiplied, against gpuCount; fewer leaves GPUs idle."""
    for item, config in vllm_configs(view):
        given = {with_hyphens(key): key for key in config if with_hyphens(key) in SIZES}
        sizes = gpus_of(config)
        if not given or sizes is None or item.gpus is None or math.prod(sizes) == item.gpus:
            continue
        used = math.prod(sizes)
        more = used > item.gpus
        if more or TENSOR in given:
            terms = " x ".join(
                f"{key} {size}" for key, size in zip(SIZES, sizes, strict=True) if key in given
            )
            yield Problem(
                item.about,
                item.path(entry(CONFIG_PATH, next(given[key] for key in SIZES if key in given))),
                f"{terms} = {used} GPUs, and a replica has {item.gpus}",
                "the engine does not start" if more else "the other GPUs are billed and idle",
                f"make the product {item.gpus}, or change resources.gpuCount",
                None if more else Severity.WARNING,
            )


@rule("concurrency-max-num-seqs", Severity.NOTE, "concurrency and the engine's max-num-seqs differ")
def sequences_at_once(view: View) -> Iterator[Problem]:
    """The lower of both is what a replica does; an engine that takes fewer than the target is a warning."""
    for item, config in vllm_configs(view):
        sizes, each = gpus_of(config), whole(config, SEQUENCES, 0)
        if not each or not item.concurrency or sizes is None:
            continue
        ranks = sizes[SIZES.index(DATA)]
        if each * ranks == item.concurrency:
            continue
        fewer = each * ranks < item.concurrency
        per_rank = f" x {ranks} data-parallel ranks = {each * ranks}" if ranks > 1 else ""
        yield Problem(
            item.about,
            item.path(entry(CONFIG_PATH, SEQUENCES)),
            f"{SEQUENCES} is {each}{per_rank}, and autoscaling.concurrency is {item.concurrency}",
            "the engine queues the requests beyond it"
            if fewer
            else "the service's own client says that a replica decodes at most concurrency sequences at once",
            f"raise {SEQUENCES}, or lower concurrency"
            if fewer
            else f"raise concurrency, or lower {SEQUENCES}",
            Severity.WARNING if fewer else None,
        )
