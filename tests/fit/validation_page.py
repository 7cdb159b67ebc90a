"""docs/fit-validation.md: every published case with what is predicted, what was logged, and the error; misses included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from coreweave_inference.fit import GIB, Verdict, fit

from .published import HERE, ROWS, Case, cases, question_of

INTRODUCTION = """# What `fit` predicts, and what engines logged

Generated from `tests/fit/cases.yaml` by `make docs`; a test keeps it current. Each row is a case that somebody published: a model, a
GPU, the options, and what vLLM logged or why it refused to start. Weights are those that the row's log names, or the size of the
files; everything else is predicted. GiB are those of one GPU.

The KV cache is exact: bytes for each token follow from the model's config.json, and agree with every log. Beyond these rows, the
layers and the bytes of a request of {count} public models and configuration classes are those of vLLM's own planning
(`tests/fit/second_opinion.yaml`). What remains for it is
not: the memory of a step decides, and versions differ. A verdict therefore has a margin of 3 GiB or 5 % of the GPU's memory,
whichever is more, on both sides: `fits` holds at its worst end, `does not fit` at its best, and `tight` is what lies between.

The memory of a step is the logits of all sequences when they are sampled, in 9.66 copies. That number was taken from rows 1 to 8; the
rows after them are other people's, with other versions, and were not used for it.

Versions from 0.5.4 to 0.16 are known from logs; since 0.17 the sampler needs less, and how much less no published log tells, so
the prediction of such a row is in brackets.

"""
SECOND_OPINIONS = (HERE / "second_opinion.yaml").read_text(encoding="utf-8").count("\n- ")
HEAD = "| case | model | GPUs | vLLM | the engine | verdict | left, predicted | left, logged | error | bytes for each token, predicted | logged |\n"
RULE = "|---|---|---|---|---|---|---|---|---|---|---|\n"


def page() -> str:
    """The whole page."""
    found = cases()
    computed = [case for case in found if case.fit]
    blank = [case for case in found if not case.fit]
    parts = [
        INTRODUCTION.format(count=SECOND_OPINIONS),
        HEAD + RULE + "".join(_row(case) for case in computed),
        "\nNotes\n\n"
        + "".join(f"- {c.row['row']}: {c.row['note']}.\n" for c in computed if c.row.get("note")),
        "\n## In figures\n\n" + "".join(f"- {line}\n" for line in _figures(computed)),
        "\n## Requests at once\n\nWhere a log has them and the model is known, without its GPU or its weights.\n\n",
        "| case | model | left, logged | at once, predicted | logged |\n|---|---|---|---|---|\n",
        *(_at_once(row) for row in ROWS if "concurrency" in row),
        "\n## Not computed\n\nPublished cases for which the verdict is `unknown`, and why.\n\n",
        "| case | model | GPUs | the engine | why |\n|---|---|---|---|---|\n",
        *(
            f"| {c.row['row']} | {c.row['model']} | {c.row['gpu']} | {c.row['result']} | {c.row['blank']} |\n"
            for c in blank
        ),
        "\n## Sources\n\n",
        *(f"- {c.row['row']}: {c.row['source']}\n" for c in found),
    ]
    return "".join(parts)


def _row(case: Case) -> str:
    row, fit = case.row, case.fit
    assert fit is not None
    assert case.predicted is not None
    left = f"{case.predicted:.2f}" if case.measured else f"({case.predicted:.2f})"
    logged = row.get("kv")
    error = "" if logged is None else f"{case.predicted - logged:+.2f}"
    exact = "" if not row.get("tokens") else f"{logged * GIB / row['tokens']:,.0f}"
    cells = (
        row["row"],
        row["model"],
        f"{row['gpus']} x {row['gpu']}",
        row["version"] or "not published",
        row["result"],
        fit.verdict.value,
        left,
        "" if logged is None else f"{logged:.2f}",
        error,
        f"{fit.per_token:,.0f}",
        exact,
    )
    return "| " + " | ".join(map(str, cells)) + " |\n"


def _at_once(row: Mapping[str, Any]) -> str:
    predicted = row["kv"] * GIB / fit(question_of(row)).request.low
    return f"| {row['row']} | {row['model']} | {row['kv']} | {predicted:.2f} | {row['concurrency']} |\n"


def _figures(computed: list[Case]) -> Iterator[str]:
    refused = [case for case in computed if case.row["result"] == "refused"]
    started = [case for case in computed if case.row["result"] == "started"]
    yield f"refused by the engine and called `fits`: {_count(refused, Verdict.FITS)} of {len(refused)}"
    yield f"started and called `does not fit`: {_count(started, Verdict.NO)} of {len(started)}"
    errors = [
        abs(case.predicted - case.row["kv"])
        for case in computed
        if case.measured and "kv" in case.row and case.predicted is not None
    ]
    within = sum(error <= 0.2 for error in errors)
    yield f"left for the cache, versions that are known: {within} of {len(errors)} within 0.2 GiB, the worst {max(errors):.2f} GiB off"


def _count(found: list[Case], verdict: Verdict) -> int:
    return sum(case.fit is not None and case.fit.verdict is verdict for case in found)
