"""What is read of config.json and of an engine's options, and that nothing that can stand there makes it fail."""

from __future__ import annotations

import pytest
from coreweave_inference.fit import GIB, Gpus, NotKnown, Question, Weights, fit, model_of, options_of
from coreweave_inference.fit.reading import families
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fit.published import MODELS
from tests.fit.questions import LLAMA, NEXT, R1

KNOWN_OPTIONS = [
    "max-model-len",
    "tensor-parallel-size",
    "pipeline-parallel-size",
    "data-parallel-size",
    "gpu-memory-utilization",
    "kv-cache-dtype",
    "block-size",
    "kv-cache-memory-bytes",
    "max-num-seqs",
    "max-num-batched-tokens",
    "dtype",
    "speculative-config",
    "enable-lora",
    "max-loras",
    "max-lora-rank",
    "decode-context-parallel-size",
]


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"model_type": "llama"},
        {"model_type": 7},
        {**LLAMA, "num_hidden_layers": "32"},
        {**LLAMA, "num_hidden_layers": -1},
        {**LLAMA, "num_hidden_layers": 1e30},
        {**LLAMA, "num_hidden_layers": True},
        {**LLAMA, "hidden_size": None},
        {**LLAMA, "layer_types": ["full_attention"]},
        {**LLAMA, "layer_types": [["full_attention"]] * 32},
        {**LLAMA, "layer_types": [None] * 32},
        {**LLAMA, "num_key_value_heads": [8] * 32},
        {**LLAMA, "num_key_value_heads": -8},
        {**LLAMA, "head_dim": "128"},
        {"model_type": "x", "text_config": {"text_config": {"text_config": {"text_config": {"a": 1}}}}},
        {
            **NEXT,
            "linear_num_key_heads": None,
            "model_type": "qwen3_5_text",
            "full_attention_interval": 0,
            "linear_num_value_heads": "x",
        },
    ],
)
def test_a_config_that_says_too_little_or_nonsense_is_not_known(config):
    with pytest.raises(NotKnown) as error:
        model_of(config)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("16384", 16384),
        ("16k", 16000),
        ("16K", 16384),
        ("25.6k", 25600),
        ("1M", 2**20),
        (" 8192 ", 8192),
        ("auto", -1),
        ("-1", -1),
    ],
)
def test_lengths_are_read_as_vllm_reads_them(text, tokens):
    assert options_of({"max-model-len": text}).length == tokens


@pytest.mark.parametrize("text", ["", "lots", "1.5", "1.5K", "-2", "0", "1" * 40, "1e3", "٣"])
def test_a_length_that_vllm_does_not_read_is_refused(text):
    (refusal,) = options_of({"max-model-len": text}).refused

    assert refusal.why.startswith(f'max-model-len is "{text}"')


def test_a_number_that_came_as_a_float_is_the_number():
    assert options_of({"max_model_len": 16384.0, "tensor_parallel_size": 2}).length == 16384


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**70)
    | st.floats()
    | st.sampled_from(("full_attention", "sliding_attention", "mamba", "linear_attention", "*M-", "")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(("factor", "rope_type", "type")), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = sorted(
    {name for config in (*MODELS.values(), NEXT) for name in config}
    | {"layer_types", "sliding_window", "rope_scaling"}
)


@given(st.sampled_from(sorted(families())), st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=14))
@settings(max_examples=300)
def test_no_config_makes_it_fail(kind, fields):
    for base in ({}, NEXT, LLAMA, R1):
        try:
            model = model_of({**base, **fields, "model_type": kind})
        except NotKnown:
            continue
        fit(Question(model, Weights(GIB), Gpus("GPU", 80 * GIB, 1)))


@given(
    st.dictionaries(
        st.sampled_from((*KNOWN_OPTIONS, "hf-overrides", "cpu_offload_gb", "quantization", "load-format")),
        st.text(max_size=12) | st.integers() | st.floats() | st.none() | st.booleans(),
        max_size=10,
    )
)
@settings(max_examples=300)
def test_no_options_make_it_fail(options):
    found = fit(Question(model_of(LLAMA), Weights(15 * GIB), Gpus("H100", 79 * GIB, 1), options_of(options)))

    assert found.why
