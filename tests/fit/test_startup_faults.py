"""What vLLM refuses whatever memory there is, apart from what does not fit, and from what is not known."""

from __future__ import annotations

import pytest
from coreweave_inference.fit import Verdict, options_of

from tests.fit.questions import LLAMA, R1, sum_of

LONG = {"VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1"}
COMMAND_R = {
    **LLAMA,
    "model_type": "cohere",
    "max_position_embeddings": 8192,
    "model_max_length": 131072,
}


@pytest.mark.parametrize(
    ("config", "gpus", "context", "verdict"),
    [
        (LLAMA, 1, 2, Verdict.NO),
        (LLAMA, 8, 2, Verdict.NO),  # Eight heads on eight GPUs: no two hold the same.
        (LLAMA, 16, 2, Verdict.FITS),
        (LLAMA, 16, 4, Verdict.NO),
        (R1, 16, 3, Verdict.NO),
        (R1, 16, 8, Verdict.FITS),
    ],
)
def test_tokens_are_shared_only_by_gpus_that_hold_the_same_heads(config, gpus, context, verdict):
    found = sum_of(config, gpus, tensor_parallel_size=str(gpus), decode_context_parallel_size=str(context))

    assert (found.verdict, bool(found.refused)) == (verdict, verdict is Verdict.NO)


@pytest.mark.parametrize(
    ("gpus", "options", "option"),
    [
        (3, {"tensor_parallel_size": "3"}, "tensor-parallel-size"),
        (2, {"tensor_parallel_size": "4"}, "gpuCount"),
        (1, {"pipeline_parallel_size": "2"}, "gpuCount"),
        (1, {"max_model_len": "131073"}, "max-model-len"),
        (1, {"max_model_len": "1M"}, "max-model-len"),
        (1, {"block_size": "7"}, "block-size"),
        (1, {"gpu_memory_utilization": "1.7"}, "gpu-memory-utilization"),
        (1, {"gpu_memory_utilization": "nan"}, "gpu-memory-utilization"),
        (1, {"max_model_len": "abc"}, "max-model-len"),
        (1, {"dtype": "int9"}, "dtype"),
        (1, {"cpu_offload_gb": "-3"}, "cpu-offload-gb"),
        (1, {"enable_lora": "", "max_lora_rank": "7"}, "max-lora-rank"),
        (1, {"speculative_config": "not JSON"}, "speculative-config"),
        (1, {"speculative_config": "[" * 100_000}, "speculative-config"),
    ],
)
def test_what_vllm_refuses_is_no_matter_of_memory(gpus, options, option):
    found = sum_of(LLAMA, gpus, **options)

    assert [fault.option for fault in found.refused] == [option]
    assert found.verdict is Verdict.NO
    assert found.why.endswith("vLLM does not start")


@pytest.mark.parametrize(
    ("gpus", "options"),
    [(3, {}), (3, {"data_parallel_size": "2"}), (16, {"decode_context_parallel_size": "4"})],
)
def test_sizes_that_are_not_declared_are_refused_by_nobody_for_certain(gpus, options):
    found = sum_of(LLAMA, gpus, **options)

    assert not found.refused


YARN = '{"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}'


@pytest.mark.parametrize(
    "options",
    [
        {"hf_overrides": f'{{"rope_parameters": {YARN}}}', "max_model_len": "262144"},
        {"hf_overrides.rope_parameters.factor": "4.0", "max_model_len": "262144"},
        {"hf_config_path": "another", "max_model_len": "262144"},
        {"rope_scaling": YARN, "max_model_len": "262144"},
        {"rope_scaling.factor": "4.0", "max_model_len": "262144"},
        {"config_format": "mistral", "max_model_len": "262144"},
    ],
)
def test_a_length_is_not_refused_where_something_else_than_config_json_says_it(options):
    assert not sum_of(LLAMA, 1, **options).refused


def test_a_model_of_another_configuration_may_have_other_heads():
    assert not sum_of(LLAMA, 3, tensor_parallel_size="3", hf_overrides='{"num_attention_heads": 24}').refused


def test_positions_without_a_length_leave_it_open_how_long_a_request_is():
    assert sum_of(LLAMA, 1, rope_scaling=YARN).verdict is Verdict.UNKNOWN
    assert sum_of(LLAMA, 1, rope_scaling=YARN, max_model_len="131072").verdict is Verdict.FITS


def test_the_value_and_what_is_allowed_are_in_the_message():
    (fault,) = options_of({"max-model-len": "abc"}).refused

    assert (
        fault.why
        == 'max-model-len is "abc", and vLLM takes a number of tokens such as 16384, 16k or 32K, or auto'
    )


def test_a_value_that_is_not_known_yet_is_no_fault():
    found = options_of({"max-model-len": object()})

    assert not found.refused
    assert found.unknown == ("the value of max-model-len is not known yet",)


def test_a_longer_request_than_the_models_is_taken_where_the_environment_allows_it():
    found = sum_of(LLAMA, max_model_len="262144", environment=LONG)

    assert (found.verdict, found.tokens) == (Verdict.FITS, 262144)


@pytest.mark.parametrize(
    ("length", "verdict"),
    [("8192", Verdict.FITS), ("131072", Verdict.FITS), ("131073", Verdict.NO), (None, Verdict.FITS)],
)
def test_what_command_r_says_of_its_length_is_what_vllm_takes(length, verdict):
    found = sum_of(COMMAND_R, **({"max_model_len": length} if length else {}))

    assert found.verdict is verdict
    assert found.largest == 131072


def test_versions_differ_in_the_length_of_command_r_where_none_is_set():
    old, new = (sum_of(COMMAND_R, version=version) for version in ("0.8.5", "0.11.0"))

    assert (old.request.low, old.request.high) == (8192 * 131072, 131072 * 131072)
    assert new.request.low == new.request.high == 131072 * 131072


def test_a_length_that_the_model_does_not_have_names_the_own_one():
    found = sum_of(LLAMA, max_model_len="1M", memory=178.3)

    assert "made for 131072 tokens" in found.why
    assert found.largest == 131072


def test_parallel_sizes_are_what_the_gpus_are_shared_by():
    assert sum_of(LLAMA, 4, tensor_parallel_size="2").weights.expected == 7.5 * 2**30
