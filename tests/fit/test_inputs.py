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


DBRX = {"model_type": "dbrx", "n_layers": 40, "d_model": 6144, "n_heads": 48, "max_seq_len": 32768}
MPT = {"model_type": "mpt", "n_layers": 48, "d_model": 7168, "n_heads": 64, "max_seq_len": 8192}
CHATGLM = {
    "model_type": "chatglm",
    "num_layers": 28,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "multi_query_group_num": 2,
    "seq_length": 8192,
}


@pytest.mark.parametrize(
    ("config", "heads", "experts"),
    [
        ({**DBRX, "attn_config": {"kv_n_heads": 8}, "ffn_config": {"moe_num_experts": 16}}, 8, 16),
        ({**MPT, "attn_config": {"attn_type": "multihead_attention"}}, 64, 0),
        ({**MPT, "attn_config": {"kv_n_heads": 8}}, 8, 0),
        ({**CHATGLM, "multi_query_attention": True}, 2, 0),
        ({**CHATGLM, "multi_query_attention": False}, 32, 0),
    ],
)
def test_heads_are_read_where_a_file_has_them_in_a_group_of_their_own(config, heads, experts):
    model = model_of(config)

    assert ([group.heads for group in model.layers], model.experts) == ([heads], experts)


def test_heads_in_a_group_that_are_no_number_are_not_known():
    with pytest.raises(NotKnown, match="no whole number"):
        model_of({**DBRX, "attn_config": {"kv_n_heads": "8"}})


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
    (fault,) = options_of({"max-model-len": text}).refused

    assert fault.why.startswith(f'max-model-len is "{text}"')


def test_a_number_that_came_as_a_float_is_the_number():
    assert options_of({"max_model_len": 16384.0, "tensor_parallel_size": 2}).length == 16384


INNER_FIELDS = (
    *("factor", "rope_type", "type", "original_max_position_embeddings"),
    *("kv_cache_scheme", "kv_cache_quant_algo", "num_bits", "kv_n_heads", "moe_num_experts"),
)


@pytest.mark.parametrize(
    ("bits", "token"), [(8, 65536), (8.0, 65536), ([8], 131072), ({}, 131072), (float("nan"), 131072)]
)
def test_a_cache_of_fewer_bits_is_taken_where_they_are_a_number(bits, token):
    scheme = {"quantization_config": {"kv_cache_scheme": {"type": "float", "num_bits": bits}}}

    assert (
        fit(Question(model_of({**LLAMA, **scheme}), Weights(15 * GIB), Gpus("H100", 79 * GIB, 1))).per_token
        == token
    )


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**70)
    | st.floats()
    | st.sampled_from(("full_attention", "sliding_attention", "mamba", "linear_attention", "*M-", "")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(INNER_FIELDS), inner, max_size=4)
    ),
    max_leaves=8,
)
FIELDS = sorted(
    {name for config in (*MODELS.values(), NEXT) for name in config}
    | {"layer_types", "sliding_window", "rope_scaling", "quantization_config", "attn_config", "ffn_config"}
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
