"""An answer of `fit` as lines and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from coreweave_inference.fit import AUTO, GIB, Fit, Question, Range, Verdict, fit, remedies
from coreweave_inference.fit.remedies import RANK
from coreweave_inference.fit.table import Row
from coreweave_inference.fleet.instances import default_prices

KIB = 2**10
NOTHING: dict[str, Any] = {"ok": True, "errors": [], "findings": []}
"""What every document has."""


@dataclass(frozen=True)
class Answer:
    """One model on the GPUs that were asked for, and on all others."""

    subject: str
    key: str
    instance_type: str
    question: Question
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def document(answer: Answer) -> dict[str, Any]:
    """One answer as JSON; numbers that are not known are null."""
    question, found = answer.question, fit(answer.question)
    return {
        **NOTHING,
        "ok": found.verdict is not Verdict.NO,
        "verdict": found.verdict.value,
        "why": found.why,
        "refused": [fault.why for fault in found.refused],
        "weightsGiBPerGpu": _number(found.weights.expected / GIB) if question.weights else None,
        "kvBytesPerToken": found.per_token and int(found.per_token),
        "kvGiBAvailable": _available(question, found),
        "kvGiBPerRequest": _number(found.request.high / GIB) if found.per_token else None,
        "maxModelLen": found.tokens,
        "largestMaxModelLen": found.largest,
        "maxConcurrency": _number(found.concurrency.low) if found.per_token else None,
        "deployment": answer.key or None,
        "instanceType": answer.instance_type,
        "gpus": question.gpus.count,
        "unknown": list(found.unknown),
        "helps": [
            {"setting": remedy.setting, "verdict": remedy.fit.verdict.value}
            for remedy in remedies(question, found)
        ],
        "instanceTypes": [_row(row) for row in answer.rows],
        "pricesOf": default_prices().date.isoformat(),
        "notes": list(answer.notes),
    }


def several(answers: Sequence[Answer]) -> dict[str, Any]:
    """All deployments of a declaration: the worst verdict, and each of them."""
    documents = [document(answer) for answer in answers]
    order = [verdict.value for verdict in sorted(Verdict, key=lambda verdict: -RANK[verdict])]
    worst = min((found["verdict"] for found in documents), key=order.index)
    whys = (f"{found['deployment']}: {found['why']}" for found in documents if found["verdict"] == worst)
    right = all(found["ok"] for found in documents)
    return {**NOTHING, "ok": right, "verdict": worst, "why": "; ".join(whys), "deployments": documents}


def text(answer: Answer, *, brief: bool = False) -> Iterator[str]:
    """The verdict, its sum, what would help and the table; `brief`: the verdict alone."""
    question, found = answer.question, fit(answer.question)
    yield f"{answer.subject}: {found.verdict.value}"
    yield f"  {found.why}"
    if brief:
        return
    if not found.refused and not (found.unknown and found.verdict is Verdict.UNKNOWN):
        yield ""
        yield from _sum(answer, found)
    for remedy in remedies(question, found):
        yield f"  helps: {remedy.setting} ({remedy.fit.verdict.value})"
    yield from _table(answer.rows)
    for note in answer.notes:
        yield f"note: {note}"


def _sum(answer: Answer, found: Fit) -> Iterator[str]:
    question, options = answer.question, answer.question.options
    share = question.options.utilization or question.engine.utilization
    memory = question.gpus.memory / GIB
    size = f"{memory:.1f} GiB"
    if options.cache_bytes is None:
        size += f" x {share:g} = {found.budget / GIB:.1f} GiB"
    lines = [
        ("memory that vLLM may use", size),
        ("weights and adapters" if options.lora else "weights", _span(found.weights)),
        ("working memory", f"{_span(found.working)} (activations, CUDA graphs, outside of torch)"),
        ("left for the KV cache", _span(found.available, least=0)),
    ]
    if found.per_token:
        lines.append(("KV cache of one token", f"{found.per_token / KIB:,.2f} KiB"))
    if found.tokens:
        auto = ", the length that vLLM chooses" if options.length == AUTO else ""
        own = ", the model's own length" if options.length is None else ""
        lines.append((f"of one request of {found.tokens} tokens", f"{_span(found.request)}{auto}{own}"))
        lines.append(("such requests at once", _count(found.concurrency)))
    if found.largest is not None:
        lines.append(("longest request that fits for certain", f"{found.largest} tokens"))
    yield f"  on each of {question.gpus.count} x {question.gpus.name} ({answer.instance_type})"
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        yield f"    {name:<{width}}  {value}"


def _table(rows: Sequence[Row]) -> Iterator[str]:
    """The table; one line where no row has another verdict."""
    verdicts = {_cells(row)[3] for row in rows}
    without_sum = (not row.fit or row.fit.refused or row.fit.verdict is Verdict.UNKNOWN for row in rows)
    if len(verdicts) == 1 and all(without_sum):
        yield f"  the same on all {len(rows)} instance types: {verdicts.pop()}"
        return
    yield ""
    head = ("instance type", "GPU", "GPUs", "verdict", "longest request", "USD per hour")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    for line in cells:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
    yield f"  list prices of {default_prices().date}, not your contract; GPUs: the fewest with that verdict"


def _cells(row: Row) -> tuple[str, ...]:
    if row.fit is None:
        why = (
            "parallel sizes that share no number of its GPUs"
            if row.gpu
            else "unknown: its memory is not known"
        )
        return (row.instance_type, row.gpu or "-", "-", why, "-", "-")
    longest = "-" if row.fit.largest is None else str(row.fit.largest)
    price = "no list price" if row.price is None else f"{row.price:.2f}"
    return (row.instance_type, row.gpu, str(row.gpus), row.fit.verdict.value, longest, price)


def _row(row: Row) -> dict[str, Any]:
    return {
        "instanceType": row.instance_type,
        "gpu": row.gpu or None,
        "gpus": row.gpus or None,
        "verdict": row.fit.verdict.value if row.fit else Verdict.UNKNOWN.value,
        "largestMaxModelLen": row.fit.largest if row.fit else None,
        "usdPerHour": None if row.price is None else float(row.price),
    }


def _number(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None


def _available(question: Question, found: Fit) -> dict[str, float | None]:
    """What remains for the cache; at least, nothing is known of it where the weights are not."""
    if question.weights is None or found.refused:
        return {"low": None, "high": None}
    return {"low": _left(found.available.low), "high": _left(found.available.high)}


def _left(size: float) -> float | None:
    return _number(max(0.0, size) / GIB)


def _count(found: Range) -> str:
    if found.high < 1:
        return "less than 1"
    low, high = (math.floor(part) for part in (found.low, found.high))
    return f"{low}" if low == high else f"{low} to {high}"


def _span(found: Range, least: float = -math.inf) -> str:
    """`3.4 to 10.9 GiB`."""
    low, high = (max(least, part) / GIB for part in (found.low, found.high))
    if not math.isfinite(high):
        return f"at least {low:.2f} GiB"
    if not math.isfinite(low):
        return "not known"
    return f"{low:.2f} GiB" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f} GiB"
