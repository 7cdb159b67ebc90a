"""What would help where a model does not fit, each computed: a shorter request, a smaller cache, fewer sequences, more GPUs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .answer import Fit, Verdict
from .cache import WIDE
from .verdict import Question, fit
from .weights import SINGLE

COUNTS = (1, 2, 4, 8, 16)
"""GPUs that a replica may have (documentation)."""
COUNT = "gpuCount"
HALF = "dtype: auto"
FEWER_SEQUENCES = 256
RANK = {Verdict.FITS: 0, Verdict.TIGHT: 1, Verdict.UNKNOWN: 2, Verdict.NO: 3}


@dataclass(frozen=True)
class Remedy:
    """One change, and what it comes to. `setting`: an option or field with its value."""

    setting: str
    fit: Fit


def remedies(question: Question, found: Fit) -> tuple[Remedy, ...]:
    """Single changes with which the verdict is better; none where it is not known what is missing."""
    if found.verdict not in (Verdict.NO, Verdict.TIGHT):
        return ()
    return tuple(
        remedy
        for remedy in _candidates(question, found)
        if RANK[remedy.fit.verdict] < RANK[found.verdict]
        and (remedy.fit.verdict is not Verdict.UNKNOWN or remedy.setting.startswith(COUNT))
    )


def _candidates(question: Question, found: Fit) -> Iterator[Remedy]:
    options = question.options
    if found.largest and found.tokens and found.largest < found.tokens:
        yield _with(question, f"max-model-len: {found.largest}", length=found.largest)
    if options.dtype in SINGLE:
        yield _with(question, HALF, dtype="auto")
    if options.cache_type in WIDE and question.model and not question.model.cache:
        yield _with(question, "kv-cache-dtype: fp8", cache_type="fp8")
    usual = question.engine.utilization
    if options.utilization is not None and options.utilization < usual and options.cache_bytes is None:
        yield _with(question, f"gpu-memory-utilization: {usual:g}", utilization=usual)
    if options.sequences is None or options.sequences > FEWER_SEQUENCES:
        yield _with(question, f"max-num-seqs: {FEWER_SEQUENCES}", sequences=FEWER_SEQUENCES)
    yield from _more_gpus(question, found)


def _with(question: Question, setting: str, **changes: object) -> Remedy:
    options = replace(question.options, **changes)  # type: ignore[arg-type]
    return Remedy(setting, fit(replace(question, options=options)))


def _more_gpus(question: Question, found: Fit) -> Iterator[Remedy]:
    """The first number of GPUs with which it fits, else the first with which it may."""
    best: Remedy | None = None
    for count in COUNTS:
        if count <= question.gpus.count:
            continue
        larger = replace(
            question,
            gpus=replace(question.gpus, count=count),
            options=replace(question.options, tensor=None),
        )
        remedy = Remedy(f"{COUNT}: {count}", fit(larger))
        if remedy.fit.verdict is Verdict.FITS:
            yield remedy
            return
        open_still = remedy.fit.verdict is Verdict.UNKNOWN and remedy.fit.unknown == found.unknown
        if best is None and (remedy.fit.verdict is Verdict.TIGHT or open_still):
            best = remedy
    if best is not None:
        yield best
