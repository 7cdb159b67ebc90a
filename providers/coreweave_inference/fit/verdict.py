"""Whether a model fits into the memory of a replica's GPUs, and the sum that says so. Pure: data in, verdict out.

Each quantity is a range. `fits` holds at its worst end, `does not fit` at its best; between them the verdict is `tight`. What
is not known has its lower bound alone: that can still prove that a model does not fit, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from .answer import Fit, Verdict, reason
from .architecture import NOTHING, Attention, Model, Range, Weights
from .cache import PACKED, Cache, cache_of, is_known_type
from .engines import NEWEST, Engine
from .options import AUTO, DEFAULTS, Options, StartupFault
from .startup_faults import startup_faults, tensor_size, unshared_heads
from .weights import FP8, unsized, weights_per_gpu
from .working import LEAST, Step, step_of, working_memory

MOST_TOKENS = 2**24
"""Tokens up to which a length is looked for, where the model does not say how long it may be."""


@dataclass(frozen=True)
class Gpus:
    """The GPUs of one replica; `memory` in bytes for each, as an engine sees it."""

    name: str
    memory: int
    count: int


@dataclass(frozen=True)
class Question:
    """`model`, `weights`: `None` where they are not known; `unknown` says why, a sentence each."""

    model: Model | None
    weights: Weights | None
    gpus: Gpus
    options: Options = DEFAULTS
    engine: Engine = NEWEST
    unknown: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def fit(question: Question) -> Fit:
    """The verdict on a question, with its sum; each distinct question is answered once."""
    return _Sum(question).answer()


class _Sum:
    """One question, computed step by step."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.options, self.model, self.engine = question.options, question.model, question.engine
        if question.weights is not None and question.weights.quantised:
            # The option names what the checkpoint is already.
            self.options = replace(self.options, quantization="")
        self.gpus = question.gpus
        self.tensor = tensor_size(self.options, self.gpus.count)

    def answer(self) -> Fit:
        low, high = self.lengths
        verdict = self.verdict_at(low, high)
        largest = self.largest if self.model and not (self.without_bounds or self.unknown) else None
        if self.options.length == AUTO:
            verdict = self.automatic(verdict)
            low = high = largest or 0
        if self.without_bounds or (self.unknown and verdict is not Verdict.NO):
            verdict = Verdict.UNKNOWN
        if self.refused:
            verdict = Verdict.NO
        request = self.request(low, high)
        found = Fit(
            verdict=verdict,
            why="",
            budget=self.budget,
            weights=self.weights,
            working=self.working(high),
            available=self.available(high),
            tokens=high or None,
            request=request,
            per_token=self.caches[0].bytes_per_token if self.caches else None,
            largest=largest,
            concurrency=self.concurrency(request, high),
            weights_alone=verdict is Verdict.NO and not self.refused and self.available(1).high <= 0,
            unknown=(*self.without_bounds, *self.unknown),
            refused=self.refused,
            loading=0.0 if self.is_loadable else self.loading,
        )
        return replace(found, why=reason(found, self.options))

    @cached_property
    def without_bounds(self) -> tuple[str, ...]:
        """Reasons for which not even a lower bound is known, a sentence each."""
        return (*self.options.unknown, *self._parallel())

    def _parallel(self) -> Iterator[str]:
        options, gpus = self.options, self.gpus.count
        if options.tensor is None and self.tensor * options.pipeline * options.data != gpus:
            yield f"tensor-, pipeline- and data-parallel-size do not share {gpus} GPUs evenly"
        elif self.model and self.model.heads % self.tensor:
            yield unshared_heads(self.model, self.tensor)
        latent = self.model is not None and any(group.kind is Attention.LATENT for group in self.model.layers)
        if not is_known_type(options.cache_type) or (latent and options.cache_type == PACKED):
            yield f'the bytes of kv-cache-dtype "{options.cache_type[:40]}" are not known'

    @cached_property
    def unknown(self) -> tuple[str, ...]:
        """Reasons for which more than a lower bound is not known."""
        found = list(self.question.unknown)
        if self.options.draft:
            found.append("the size of the draft model for speculative decoding is not known")
        found += unsized(self.options)
        if self.question.weights is not None and self.question.weights.smallest:
            found.append("which of several sets of weights is loaded is not known")
        weights = self.question.weights
        if weights is not None and seems_incomplete(self.model, weights):
            found.append(
                f"the files have {weights.bytes:,} bytes, fewer than a model of this size has: some may be missing"
            )
        if self.model and self.options.length is None and self.model.longest is None:
            found.append("config.json does not say how long a request may be, and max-model-len is not set")
        return tuple(found)

    @cached_property
    def refused(self) -> tuple[StartupFault, ...]:
        """Why the engine does not start whatever memory there is; nothing where it does."""
        return startup_faults(self.model, self.options, self.gpus.count)

    @cached_property
    def budget(self) -> float:
        share = self.options.utilization if self.options.utilization is not None else self.engine.utilization
        return self.gpus.memory * share

    @cached_property
    def lengths(self) -> tuple[int, int]:
        """Tokens of one request, at least and at most; 0 where nothing is known."""
        if self.options.length is not None and self.options.length > 0:
            return self.options.length, self.options.length
        if self.model is None or self.model.longest is None or self.model.default is None:
            return 0, 0
        own = self.model.own if self.engine.own_length else 0
        return max(self.model.default, own), self.model.longest

    @cached_property
    def weights(self) -> Range:
        weights = self.question.weights
        if weights is None:
            return Range(0, 0, math.inf)
        predictors = self.options.speculation.endswith("mtp")
        return weights_per_gpu(weights, self.model, self.options, self.tensor, predictors=predictors)

    @cached_property
    def loading(self) -> float:
        """Bytes of the weights on one GPU before they are quantised, where versions may load all of them first."""
        options, weights = self.options, self.question.weights
        if weights is None or options.quantization not in FP8:
            return 0.0
        whole = replace(options, quantization="")
        return weights_per_gpu(weights, self.model, whole, self.tensor, predictors=False).high

    @property
    def is_loadable(self) -> bool:
        """Whether the weights fit while they are loaded, in all versions."""
        return self.loading + LEAST <= self.gpus.memory

    def step(self, length: int) -> Step:
        return step_of(self.engine, self.options, self.gpus.memory, self.gpus.name, length)

    def working(self, length: int) -> Range:
        ranks = self.tensor * self.options.pipeline * self.options.data
        return working_memory(
            self.model, self.engine, self.step(length), self.tensor, ranks, self.gpus.memory
        )

    def available(self, length: int) -> Range:
        """What remains for the cache; of a size that is given, what remains of it where the rest does not fit."""
        weights, working = self.weights, self.working(length)
        total = self.budget if self.options.cache_bytes is None else self.gpus.memory
        left = Range(
            total - weights.high - working.high,
            total - weights.expected - working.expected,
            total - weights.low - working.low,
        )
        size = self.options.cache_bytes
        if size is None:
            return left
        return Range(
            *(size if part >= size else part - size for part in (left.low, left.expected, left.high))
        )

    @cached_property
    def caches(self) -> tuple[Cache, ...]:
        """The cache at its smallest and at its largest, where the version decides; none without a model."""
        if self.model is None or self.without_bounds:
            return ()
        cache_type = self.options.cache_type
        if cache_type == "auto" and self.engine.checkpoint_cache and is_known_type(self.model.cache or "-"):
            cache_type = self.model.cache
        types = [cache_type, cache_type]
        if any(group.index for group in self.model.layers) and cache_type == "auto":
            types[0] = "fp8_ds_mla"
        windows = self.engine.windows and self.options.hybrid is not False
        return tuple(
            cache_of(
                self.model,
                self.options,
                self.tensor,
                self.step(self.lengths[1]).batched * (1 if lowest else self.engine.in_flight),
                latent=self.engine.latent and self.options.latent,
                windows=windows and (lowest or self.options.hybrid is True),
                cache_type=kind,
            )
            for lowest, kind in ((True, types[0]), (False, types[1]))
        )

    def request(self, low: int, high: int) -> Range:
        """KV cache of one request, with the block that is never given out."""
        if not self.caches or not high:
            return NOTHING
        least, most = (
            cache.bytes_of_request(length) for cache, length in zip(self.caches, (low, high), strict=True)
        )
        return Range(least, least if least == most else most, most)

    def verdict_at(self, low: int, high: int) -> Verdict:
        request = self.request(low, high)
        most, least = self.available(low).high, self.available(high).low
        reserved = tuple(cache.reserved for cache in self.caches) or (0.0, 0.0)
        if most <= 0 or most < request.low + reserved[0]:
            return Verdict.NO
        fits = least > 0 and least >= request.high + reserved[1] and self.is_loadable
        return Verdict.FITS if fits else Verdict.TIGHT

    def automatic(self, verdict: Verdict) -> Verdict:
        """Where the engine chooses the length, one block is enough."""
        if verdict is Verdict.FITS or not self.caches:
            return verdict
        return self.verdict_at(1, 1)

    @cached_property
    def largest(self) -> int:
        """The longest request that fits for certain, in whole blocks; the model's own length where that fits."""
        if not self.caches:
            return 0
        own = self.model.longest if self.model else None
        most = own or MOST_TOKENS
        if self.verdict_at(most, most) is Verdict.FITS:
            return most
        block = self.options.block
        left, right = 0, most // block
        while left < right:
            middle = (left + right + 1) // 2
            if self.verdict_at(middle * block, middle * block) is Verdict.FITS:
                left = middle
            else:
                right = middle - 1
        return left * block

    def concurrency(self, request: Range, length: int) -> Range:
        if not self.caches or not request.high:
            return NOTHING
        available = self.available(length)
        reserved = self.caches[1].reserved
        replicas = self.options.data
        return Range(
            *(
                max(0.0, (part - reserved) / size) * replicas
                for part, size in (
                    (available.low, request.high),
                    (available.expected, request.expected),
                    (available.high, request.low),
                )
            )
        )


def seems_incomplete(model: Model | None, weights: Weights) -> bool:
    """Whether the files are too small for the model, whatever their format."""
    return model is not None and weights.bytes < model.fewest_bytes(quantised=True)
