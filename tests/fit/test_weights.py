"""What one GPU holds of the weights: what is loaded of them, what adapters take beside them, and options that make them fewer."""

from __future__ import annotations

import pytest
from coreweave_inference.fit import GIB, Verdict

from tests.fit.questions import H100, LLAMA, MIXTRAL, R1, sum_of, tensor, weights_of

QWEN_MOE = {**LLAMA, "model_type": "qwen3_moe", "num_experts": 128, "moe_intermediate_size": 768}


def test_single_precision_is_loaded_as_half():
    parts = [tensor("model.layers.0.a", 4, "F32"), tensor("model.layers.0.b", 3)]

    assert weights_of(LLAMA, parts) == pytest.approx(5)
    assert weights_of(LLAMA, parts, dtype="float32") == pytest.approx(4 + 2 * 3)
    assert weights_of(LLAMA, parts, quantised=True) == pytest.approx(7)


def test_tied_embeddings_are_counted_once():
    parts = [
        tensor("model.embed_tokens.weight", 2),
        tensor("lm_head.weight", 2),
        tensor("model.layers.0.a", 4),
    ]

    assert weights_of({**LLAMA, "tie_word_embeddings": True}, parts) == pytest.approx(6)
    assert weights_of(LLAMA, parts) == pytest.approx(8)


@pytest.mark.parametrize("name", ["model.layers.61.mlp.experts.1.up_proj.weight", "mtp.layers.0.weight"])
def test_layers_for_multi_token_prediction_are_loaded_only_where_they_are_used(name):
    parts = [tensor("model.layers.0.a", 4), tensor(name, 2)]

    assert weights_of(R1, parts) == pytest.approx(4)
    assert weights_of(
        R1, parts, speculative_config='{"method": "mtp", "num_speculative_tokens": 1}'
    ) == pytest.approx(6)


def test_replicas_of_one_engine_share_the_experts_alone():
    parts = [
        tensor("model.layers.0.self_attn.q_proj.weight", 2),
        tensor("model.layers.0.mlp.experts.0.up_proj.weight", 8),
    ]

    assert weights_of(MIXTRAL, parts, gpus=4, data_parallel_size=4) == pytest.approx(2 + 8 / 4)
    assert weights_of(LLAMA, parts, gpus=4, data_parallel_size=4) == pytest.approx(10)
    assert weights_of(MIXTRAL, parts, gpus=4) == pytest.approx(10 / 4)


def test_the_largest_stage_of_a_pipeline_decides():
    even, odd = (
        sum_of({**LLAMA, "num_hidden_layers": layers}, 2, gib=16, pipeline_parallel_size=2)
        for layers in (32, 31)
    )

    assert even.weights.low == odd.weights.low == 8 * GIB
    assert even.weights.expected < odd.weights.expected
    assert (even.per_token, odd.per_token) == (16 * 4096, 16 * 4096)


def adapters_of(config, gpus=1, **options):
    """Bytes that adapters take at least, most likely and at most."""
    with_them, without = (
        sum_of(config, gpus, **more).weights for more in ({"enable_lora": "", **options}, {})
    )
    return tuple(getattr(with_them, end) - getattr(without, end) for end in ("low", "expected", "high"))


def test_room_for_adapters_is_what_vllm_keeps_for_each_rank():
    """Seven projections: what goes in is on each GPU as a whole, what comes out is shared, and the other way round."""
    alone = 32 * 16 * 2 * (7 * 4096 + 2 * (4096 + 1024) + 3 * 14336)
    low, expected, high = adapters_of(LLAMA)

    assert expected == alone
    assert 0.6 * alone < low < alone < high < 1.5 * alone
    assert adapters_of(LLAMA, max_loras="4", max_lora_rank="64")[0] == 16 * low


def test_gpus_share_of_an_adapter_what_the_projection_is_split_by():
    low, expected, _ = adapters_of(LLAMA)
    on_eight = adapters_of(LLAMA, 8)
    sharded = adapters_of(LLAMA, 8, fully_sharded_loras="")

    assert low / 8 < on_eight[0] < low
    assert sharded[0] == low / 8
    assert sharded[1] < on_eight[1] < expected


def test_adapters_of_some_modules_take_less_and_unknown_ones_nothing_for_certain():
    every, queries, unknown = (
        adapters_of(LLAMA, **more)[0]
        for more in ({}, {"lora_target_modules": '["q_proj"]'}, {"lora_target_modules": "next_proj"})
    )

    assert 0 == unknown < queries < every


def test_experts_are_adapted_in_new_versions_alone():
    dense, experts = adapters_of(LLAMA), adapters_of(QWEN_MOE)

    assert experts[0] < dense[0]
    assert experts[2] > 20 * dense[2]


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ({}, Verdict.FITS),
        ({"max_loras": "16", "max_lora_rank": "256"}, Verdict.FITS),
        ({"max_loras": "64", "max_lora_rank": "512"}, Verdict.NO),
    ],
)
def test_adapters_for_which_there_is_no_room_do_not_fit(options, verdict):
    assert sum_of(LLAMA, enable_lora="", **options).verdict is verdict


@pytest.mark.parametrize(
    "off",
    [
        {"cpu_offload_gb": "0.0"},
        {"cpu_offload_gb": 0},
        {"quantization": "None"},
        {"language_model_only": "false"},
        {"mm_encoder_only": False},
    ],
)
def test_an_option_that_is_off_leaves_the_verdict_as_it_is(off):
    assert sum_of(LLAMA, **off) == sum_of(LLAMA)


@pytest.mark.parametrize(("quantised", "verdict"), [(False, Verdict.FITS), (True, Verdict.FITS)])
def test_quantization_changes_nothing_where_the_checkpoint_is_quantised(quantised, verdict):
    assert sum_of(LLAMA, quantised=quantised, quantization="fp8").verdict is verdict


@pytest.mark.parametrize(
    ("gib", "options", "verdict"),
    [
        (60, {}, Verdict.NO),
        (60, {"cpu_offload_gb": "30"}, Verdict.FITS),
        (60, {"cpu_offload_gb": "3"}, Verdict.TIGHT),
        (200, {"cpu_offload_gb": "30"}, Verdict.NO),
        (60, {"quantization": "fp8"}, Verdict.FITS),
        (100, {"quantization": "fp8"}, Verdict.TIGHT),  # Versions that load all of it before cannot.
        (150, {"quantization": "fp8"}, Verdict.NO),
        (100, {"quantization": "bitsandbytes"}, Verdict.TIGHT),
        (100, {"load_format": "bitsandbytes"}, Verdict.TIGHT),
        (300, {"quantization": "bitsandbytes"}, Verdict.NO),
        (15, {"load_format": "runai_streamer_sharded"}, Verdict.FITS),
        (100, {"load_format": "dummy"}, Verdict.NO),
        (15, {"language_model_only": ""}, Verdict.FITS),
        (60, {"language_model_only": ""}, Verdict.TIGHT),
    ],
)
def test_options_that_leave_fewer_bytes_are_computed(gib, options, verdict):
    assert sum_of(LLAMA, gib=gib, **options).verdict is verdict


def test_weights_on_the_cpu_are_those_that_are_asked_for():
    whole, offloaded = (sum_of(LLAMA, 2, gib=60, **more).weights for more in ({}, {"cpu_offload_gb": "10"}))

    assert whole.expected - offloaded.expected == 10 * GIB
    assert offloaded.high == offloaded.expected > offloaded.low


def test_no_more_is_offloaded_than_the_layers_have():
    assert sum_of(LLAMA, gib=15, cpu_offload_gb="500").weights.expected == 2 * 128256 * 4096 * 2


def test_whether_quantised_weights_are_offloaded_is_not_certain():
    found = sum_of(LLAMA, gib=60, quantised=True, cpu_offload_gb="30")

    assert found.weights.high == 60 * GIB
    assert found.verdict is Verdict.TIGHT


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"load_format": "tensorizer"}, "reads files of its own"),
        ({"load_format": "next"}, 'load-format "next"'),
        ({"quantization": "next"}, 'quantization "next"'),
        ({"quantization": "awq"}, "config.json does not say that the weights are quantised"),
        ({"offload_group_size": "8"}, "moves weights to the memory of the CPU"),
        ({"mm_encoder_only": ""}, "loads the encoders alone"),
    ],
)
def test_an_option_whose_effect_is_not_known_says_why(options, reason):
    found = sum_of(LLAMA, **options)

    assert (found.verdict, len(found.unknown)) == (Verdict.UNKNOWN, 1)
    assert reason in found.why


def test_quantised_files_that_config_does_not_name_are_too_large_all_the_same():
    assert sum_of(LLAMA, gib=H100, quantization="awq").verdict is Verdict.NO
