"""An answer on GPU memory: the verdict, the sum behind it, and one sentence on what decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from coreweave_inference.fleet.instances import GIB

from .architecture import Range
from .options import Options, StartupFault


class Verdict(str, Enum):
    """What the sum comes to; what the engine refuses whatever memory there is does not fit either."""

    FITS = "fits"
    TIGHT = "tight"
    NO = "does not fit"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Fit:
    """The answer. Bytes are those of the fullest GPU. `tokens`: of one request, `None` where that is not known.

    `request`: KV cache of one request of that length; `largest`: the longest request that fits for certain, 0 for none;
    `concurrency`: requests of `tokens` tokens at once, at least and at most. `loading`: weights while they are loaded, where these
    are more than afterwards. `refused`: why the engine does not start, whatever memory there is.
    """

    verdict: Verdict
    why: str
    budget: float
    weights: Range
    working: Range
    available: Range
    tokens: int | None
    request: Range
    per_token: float | None
    largest: int | None
    concurrency: Range
    weights_alone: bool = False
    unknown: tuple[str, ...] = field(default=())
    refused: tuple[StartupFault, ...] = field(default=())
    loading: float = 0.0


def reason(found: Fit, options: Options) -> str:
    """One sentence on what decides."""
    weights = found.weights.low if found.verdict is Verdict.NO else found.weights.expected
    if found.verdict is Verdict.UNKNOWN:
        return "; ".join(found.unknown)
    if found.refused:
        return f"{'; '.join(fault.why for fault in found.refused)}: vLLM does not start"
    size = "the KV cache" if options.cache_bytes is None else "kv-cache-memory-bytes"
    if found.weights_alone:
        return (
            f"weights {'and adapters ' if options.lora else ''}take {gib(weights)} GiB of each GPU and the engine needs at least {gib(found.working.low)} GiB more, "
            f"of {gib(found.budget)} GiB: nothing is left for {size}"
        )
    if found.verdict is Verdict.TIGHT and found.loading:
        return (
            f"the weights are quantised while they are loaded, and versions that load all of them before need {gib(found.loading)} GiB "
            "of each GPU"
        )
    if found.tokens is None:
        return f"{_span(found.available)} GiB are left for {size}"
    need = f"one request of {found.tokens} tokens takes {gib(found.request.high)} GiB of KV cache"
    if found.verdict is Verdict.NO:
        return f"{need}, and at most {gib(max(0.0, found.available.high))} GiB are left"
    return f"{need}, and {_span(found.available)} GiB are left"


def gib(size: float) -> str:
    """Bytes in GiB, as a text."""
    return f"{size / GIB:.2f}" if abs(size) < 10 * GIB else f"{size / GIB:.1f}"


def _span(found: Range) -> str:
    return f"{gib(max(0.0, found.low))} to {gib(max(0.0, found.high))}"
