"""Each part of the sum by itself: the cache on one GPU, what an engine needs beside it, and which versions differ."""

from __future__ import annotations

import pytest
from coreweave_inference.fit import GIB, Verdict, model_of
from coreweave_inference.fit.architecture import Attention
from coreweave_inference.fit.engines import ENGINES, NEWEST

from tests.fit.published import MODELS
from tests.fit.questions import GPT_OSS, H100, LLAMA, NEXT, QWEN_32B, R1, SCOUT, sum_of


@pytest.mark.parametrize(
    ("config", "gpus", "options", "expected"),
    [
        (LLAMA, 1, {}, 131072),
        (LLAMA, 8, {}, 16384),
        (LLAMA, 16, {}, 16384),  # Eight heads on sixteen GPUs: each is there twice.
        (LLAMA, 1, {"kv_cache_dtype": "fp8"}, 65536),
        (LLAMA, 1, {"kv_cache_dtype": "nvfp4"}, 32 * 8 * 2 * (64 + 8)),
        (LLAMA, 1, {"kv_cache_dtype": "int8_per_token_head"}, 65536 + 32 * 2 * 8 * 4),
        (LLAMA, 2, {"pipeline_parallel_size": 2}, 65536),
        (LLAMA, 2, {"data_parallel_size": 2}, 131072),
        (LLAMA, 2, {"decode_context_parallel_size": 2}, 32768),
        (LLAMA, 1, {"dtype": "float32"}, 262144),
        (QWEN_32B, 1, {}, 262144),
        (R1, 8, {}, 70272),  # Latent entries are on each GPU as a whole.
        (R1, 1, {}, 70272),
        (R1, 8, {"kv_cache_dtype": "fp8"}, 35136),
        (GPT_OSS, 1, {}, 36864),  # Of its 36 layers 18 have a window.
        (GPT_OSS, 1, {"disable_hybrid_kv_cache_manager": ""}, 73728),
        (SCOUT, 8, {}, 12 * 512),
        (NEXT, 1, {}, 12 * 2 * 512 * 2),
        ({**NEXT, "num_key_value_heads": 1}, 4, {}, 12 * 512 * 2),
    ],
)
def test_bytes_of_one_more_token(config, gpus, options, expected):
    assert sum_of(config, gpus, **options).per_token == expected


@pytest.mark.parametrize(
    ("length", "block", "blocks"), [(1, 16, 1), (16, 16, 1), (17, 16, 2), (1000, 128, 8), (1024, 128, 8)]
)
def test_a_request_takes_whole_blocks(length, block, blocks):
    found = sum_of(LLAMA, max_model_len=str(length), block_size=str(block))

    assert found.request.expected == blocks * block * 131072


def test_a_window_takes_no_more_than_itself_and_a_step():
    long, longer = (
        sum_of(GPT_OSS, max_model_len=str(length), max_num_batched_tokens="2048")
        for length in (65536, 131072)
    )
    full = 131072 - 65536

    assert longer.request.low - long.request.low == full * 36864


def test_a_state_takes_the_same_for_every_length():
    short, longer = (
        sum_of(NEXT, max_model_len=str(length)).request.expected for length in (1056, 1056 * 101)
    )

    assert longer - short == 100 * 1056 * 24576
    assert short > 1056 * 24576


def test_the_language_model_of_a_multimodal_one_decides():
    outer = {"model_type": "llava", "vision_config": {}, "text_config": LLAMA}

    assert sum_of(outer).per_token == 131072
    assert sum_of(outer).working.high > sum_of(LLAMA).working.high


@pytest.mark.parametrize(
    ("method", "verdict"),
    [
        ('{"method": "ngram", "num_speculative_tokens": 3}', Verdict.FITS),
        ('{"model": "a/draft", "num_speculative_tokens": 3}', Verdict.UNKNOWN),
        ('{"method": "eagle3", "model": "a/eagle"}', Verdict.UNKNOWN),
    ],
)
def test_a_draft_model_is_not_known(method, verdict):
    assert sum_of(LLAMA, speculative_config=method).verdict is verdict


@pytest.mark.parametrize(
    ("version", "share"),
    [
        ("0.8.5", 0.9),
        ("0.19.0", 0.9),
        ("0.20.0", 0.92),
        ("0.22.0+crwv.2", 0.92),
        ("v0.11.0", 0.9),
        (None, 0.92),
        ("x", 0.92),
    ],
)
def test_the_share_of_memory_that_is_used_follows_the_version(version, share):
    assert sum_of(LLAMA, version=version).budget == pytest.approx(share * H100 * GIB)
    assert sum_of(LLAMA, version=version, gpu_memory_utilization="0.5").budget == pytest.approx(
        0.5 * H100 * GIB
    )


def test_versions_are_in_order_and_the_last_is_the_newest():
    assert [engine.since for engine in ENGINES] == sorted(engine.since for engine in ENGINES)
    assert ENGINES[-1] is NEWEST


def test_an_old_engine_keeps_whole_heads_of_latent_attention_and_whole_windows():
    assert sum_of(R1, 8, version="0.6.0").per_token == 61 * 16 * 192 * 2 * 2
    assert sum_of(GPT_OSS, version="0.8.0").per_token == 73728


def test_a_size_of_the_cache_that_is_given_replaces_the_share():
    found = sum_of(LLAMA, max_model_len="16384", kv_cache_memory_bytes="4G")
    too_small = sum_of(LLAMA, max_model_len="65536", kv_cache_memory_bytes="4G")
    too_large = sum_of(LLAMA, max_model_len="16384", kv_cache_memory_bytes="70G")

    assert (found.verdict, found.available.high) == (Verdict.FITS, 4 * GIB)
    assert too_small.verdict is Verdict.NO
    assert too_large.verdict is Verdict.NO


@pytest.mark.parametrize("word", ["auto", "-1"])
def test_a_length_that_the_engine_chooses_is_the_one_that_fits(word):
    chosen = sum_of(LLAMA, gib=60, max_model_len=word)
    fixed = sum_of(LLAMA, gib=60)

    assert (fixed.verdict, chosen.verdict) == (Verdict.NO, Verdict.FITS)
    assert chosen.tokens == chosen.largest == fixed.largest


def test_the_length_is_the_models_own():
    assert sum_of(LLAMA).tokens == 131072


@pytest.mark.parametrize(
    ("more", "default", "longest"),
    [
        ({"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, 131072, 131072),
        (
            {"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 131072}},
            131072,
            524288,
        ),
        ({"rope_scaling": {"type": "linear", "factor": 2}}, 131072, 262144),
        ({"rope_scaling": {"type": "longrope"}, "original_max_position_embeddings": 4096}, 4096, 131072),
        ({"rope_scaling": {"type": "another", "factor": 2}}, 131072, 262144),
        ({"max_position_embeddings": 8192, "model_max_length": 131072}, 8192, 131072),  # Command-R.
        ({"model_max_length": 4096}, 4096, 4096),
        ({"n_ctx": 512}, 131072, 131072),
        ({"rope_scaling": "broken"}, 131072, 131072),
        ({"rope_scaling": {"type": "yarn", "factor": None}}, 131072, 131072),
    ],
)
def test_scaled_positions_are_a_range_where_versions_differ(more, default, longest):
    model = model_of({**LLAMA, **more})

    assert (model.default, model.longest) == (default, longest)


def test_fewer_sequences_need_less():
    many, few = (
        sum_of(LLAMA, version="0.11.0", max_num_seqs=number).working.expected for number in ("1024", "256")
    )

    assert many - few == pytest.approx(9.66 * 768 * 128256 * 4)


def test_a_long_step_needs_more():
    usual, long = (
        sum_of(LLAMA, max_num_batched_tokens=number).working.expected for number in ("8192", "262144")
    )

    assert long > usual + GIB


def test_what_a_quantised_checkpoint_says_of_its_cache_counts_in_versions_that_read_it():
    config = {**LLAMA, "quantization_config": {"quant_method": "modelopt", "kv_cache_quant_algo": "FP8"}}

    assert sum_of(config).per_token == 65536
    assert sum_of(config, version="0.11.0").per_token == 131072
    assert sum_of(config, kv_cache_dtype="bfloat16").per_token == 131072


def test_a_packed_cache_of_latent_entries_is_not_known():
    assert sum_of(R1, 8, memory=178.3, kv_cache_dtype="nvfp4").verdict is Verdict.UNKNOWN


def test_what_an_old_engine_needs_for_a_length_is_counted_at_the_shortest_for_a_startup_fault():
    scaled = {**LLAMA, "rope_scaling": {"type": "linear", "factor": 64}}

    assert sum_of(scaled, version="0.5.0", memory=178.3).verdict is Verdict.TIGHT


def test_an_index_beside_latent_entries_is_counted():
    config = {**R1, "model_type": "deepseek_v32", "index_head_dim": 128}
    found = sum_of(config, 8, max_model_len="16384")

    assert found.request.low == 16384 * 61 * (656 + 132)
    assert found.request.high == 16384 * 61 * (1152 + 132)


@pytest.mark.parametrize(
    ("more", "indexed"),
    [
        ({}, 61),
        ({"index_topk_freq": 4}, 16),
        ({"index_topk_pattern": "FS" * 30 + "F"}, 31),
        ({"index_topk_freq": "x"}, 61),
    ],
)
def test_layers_that_reuse_an_index_have_none_of_their_own(more, indexed):
    layers = model_of({**R1, "model_type": "deepseek_v32", "index_head_dim": 128, **more}).layers

    assert sum(group.count for group in layers) == 61
    assert sum(group.count for group in layers if group.index) == indexed


def test_layers_that_share_a_cache_are_counted_once():
    config = {**MODELS["gpt-oss-20b"], "num_kv_shared_layers": 4}

    assert model_of(config).depth == 20


def test_all_layers_of_a_model_with_one_kind_of_attention_are_one_group():
    (group,) = model_of(LLAMA).layers

    assert (group.kind, group.count) == (Attention.FULL, 32)
