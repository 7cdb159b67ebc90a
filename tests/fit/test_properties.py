"""What holds for every model, GPU and set of options."""

from __future__ import annotations

from dataclasses import replace

from coreweave_inference.fit import GIB, Gpus, Question, Verdict, Weights, fit, model_of, options_of, remedies
from coreweave_inference.fit.engines import ENGINES
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.fit.published import MODELS

MODEL = st.sampled_from(sorted(MODELS)).map(lambda name: model_of(MODELS[name]))
MEMORY = st.sampled_from((22.49, 44.4, 79.2, 94.9, 139.8, 178.3, 276.5))
COUNT = st.sampled_from((1, 2, 4, 8, 16))
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "max-model-len": st.integers(1, 2_000_000).map(str) | st.sampled_from(("auto", "-1", "16k", "1M")),
        "gpu-memory-utilization": st.floats(0.2, 1).map(str),
        "kv-cache-dtype": st.sampled_from(("auto", "fp8", "bfloat16", "nvfp4", "int8_per_token_head")),
        "max-num-seqs": st.integers(1, 4096).map(str),
        "max-num-batched-tokens": st.integers(1, 65536).map(str),
        "block-size": st.sampled_from(("16", "32", "64", "128")),
        "kv-cache-memory-bytes": st.sampled_from(("1G", "20G", "100G")),
        "pipeline-parallel-size": st.sampled_from(("1", "2")),
        "data-parallel-size": st.sampled_from(("1", "2")),
        "enable-lora": st.just(""),
        "max-loras": st.sampled_from(("1", "8")),
        "max-lora-rank": st.sampled_from(("8", "512")),
        "fully-sharded-loras": st.just(""),
        "cpu-offload-gb": st.sampled_from(("0.5", "20", "200")),
        "quantization": st.sampled_from(("fp8", "bitsandbytes", "experts_int8")),
        "language-model-only": st.just(""),
        "disable-hybrid-kv-cache-manager": st.just(""),
    },
)


def at_length(question: Question, tokens: int) -> Question:
    """The same question with another max-model-len."""
    return replace(question, options=replace(question.options, length=tokens))


@st.composite
def questions(draw):
    model = draw(MODEL)
    count = draw(COUNT)
    options = options_of(draw(OPTIONS))
    assume(count % (options.pipeline * options.data) == 0)
    assume(model.heads % (count // options.pipeline // options.data) == 0)
    return Question(
        model,
        Weights(model.fewest_parameters // 4 + draw(st.integers(0, 900)) * GIB + draw(st.integers(1, GIB))),
        Gpus("GPU", int(draw(MEMORY) * GIB), count),
        options,
        draw(st.sampled_from(ENGINES)),
    )


@given(questions())
def test_more_gpus_never_turn_fits_into_does_not_fit(question):
    before = fit(question)
    assume(before.verdict is Verdict.FITS and question.gpus.count < 16)
    more = replace(question, gpus=replace(question.gpus, count=question.gpus.count * 2))

    assert fit(more).verdict is not Verdict.NO


@given(questions(), st.integers(1, 2_000_000))
def test_a_shorter_request_never_turns_fits_into_does_not_fit(question, tokens):
    before = fit(question)
    assume(before.verdict is Verdict.FITS and before.tokens)

    assert fit(at_length(question, min(tokens, before.tokens))).verdict is Verdict.FITS


@given(questions(), st.floats(0, 1))
def test_smaller_weights_never_turn_fits_into_anything_else(question, part):
    assume(fit(question).verdict is Verdict.FITS)
    least = question.model.fewest_parameters // 4 + 1
    smaller = replace(question, weights=Weights(max(least, int(question.weights.bytes * part))))

    assert fit(smaller).verdict is Verdict.FITS


@given(questions())
def test_the_largest_length_that_is_named_fits_and_one_block_more_does_not(question):
    found = fit(question)
    assume(found.largest is not None)
    block = question.options.block
    if found.largest:
        assert fit(at_length(question, found.largest)).verdict is Verdict.FITS
    if (found.largest or 0) + block <= question.model.longest:
        assert fit(at_length(question, (found.largest or 0) + block)).verdict is not Verdict.FITS


@given(questions())
def test_every_remedy_is_better_than_what_it_is_a_remedy_for(question):
    found = fit(question)
    assume(not found.unknown)

    for remedy in remedies(question, found):
        assert (found.verdict, remedy.fit.verdict) in (
            (Verdict.NO, Verdict.TIGHT),
            (Verdict.NO, Verdict.FITS),
            (Verdict.TIGHT, Verdict.FITS),
        )


@given(questions())
def test_ranges_are_in_order_and_a_verdict_has_a_reason(question):
    found = fit(question)

    for part in (found.weights, found.working, found.available, found.request, found.concurrency):
        assert part.low <= part.expected <= part.high
    assert found.why


@given(questions())
def test_more_gpus_are_named_also_where_only_a_lower_bound_is_known(question):
    without = replace(question, model=None, unknown=("no config.json",))

    for remedy in remedies(without, fit(without)):
        assert remedy.fit.verdict is Verdict.UNKNOWN
        assert remedy.setting.startswith("gpuCount")


@given(questions(), st.sampled_from(("weights", "model")))
def test_what_is_not_known_never_fits(question, missing):
    known = replace(question, **{missing: None}, unknown=("it was not read",))

    assert fit(known).verdict in (Verdict.UNKNOWN, Verdict.NO)
    assert fit(known).verdict is not Verdict.NO or fit(question).verdict is not Verdict.FITS
