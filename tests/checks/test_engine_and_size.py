"""What is handed to the engine, and whether weights fit into its GPUs."""

from __future__ import annotations

import json

import pytest
from coreweave_inference.checks import Severity

from tests.checks.situations import checked, codes


def configured(**config):
    lone = {"deployments": {"canary": None, "chat": {"runtime": {"engineConfig": config}}}}
    return {"declaration": json.dumps(lone)}


def findings(*situations):
    return [
        (finding.code, finding.severity)
        for finding in checked(*situations).findings
        if finding.code.startswith(("engine-", "weights-"))
    ]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"max_model_len": 1}, [("engine-config-key", Severity.WARNING)]),
        ({"max-num-seqs": 8}, []),
        ({"enable-auto-tool-choice": "", "tool-call-parser": "hermes"}, []),
        ({"enable-auto-tool-choice": ""}, [("engine-tool-parser", Severity.ERROR)]),
        ({"tool-call-parser": "hermes"}, []),
        (
            {"enable-auto-tool-choice": "false", "tool-call-parser": "hermes"},
            [("engine-flag", Severity.WARNING)],
        ),
        ({"max-model-len": ""}, [("engine-flag", Severity.WARNING)]),
        ({"structured-outputs-config.backend": "guidance"}, []),
        ({"structured-outputs-config.backend": "Guidance"}, [("engine-config-value", Severity.ERROR)]),
        ({"tensor-parallel-size": 1}, []),
        ({"tensor-parallel-size": 2}, [("engine-tensor-parallel", Severity.ERROR)]),
        ({"pipeline-parallel-size": 2}, [("engine-tensor-parallel", Severity.ERROR)]),
        ({"tensor-parallel-size": "auto"}, []),
    ],
)
def test_engine_configuration_is_judged_without_a_token(config, expected):
    assert findings(configured(**config)) == expected


def test_a_model_split_over_fewer_gpus_than_a_replica_has_is_a_warning():
    more = {"declaration": "deployments: {chat: {resources: {gpuCount: 4}, autoscaling: {max: 4}}}"}

    assert findings(configured(**{"tensor-parallel-size": 2}), more) == [
        ("engine-tensor-parallel", Severity.WARNING)
    ]


def test_a_key_that_is_not_allowed_comes_with_the_nearest_right_one():
    allowed = {"catalogue": "configKeys: {vllm: [max-model-len, max-num-seqs]}"}

    (finding,) = checked(configured(**{"max-num-seq": 1}), allowed).errors

    assert (finding.code, finding.do) == ("engine-config-key", 'did you mean "max-num-seqs"?')
    assert finding.path == 'deployments.chat.runtime.engineConfig["max-num-seq"]'


@pytest.mark.parametrize(
    ("parser", "model_type", "found"),
    [
        ("llama3_json", "llama", False),
        ("llama3_json", "qwen3", True),
        ("qwen3_coder", "qwen3_moe", False),
        ("hermes", "anything", False),
        ("llama3_json", None, False),
        ("llama3_json", 7, False),
    ],
)
def test_a_parser_is_judged_by_the_models_own_family(parser, model_type, found):
    folder = {"files": {"config.json": {"gb": 0}}, "config": {"model_type": model_type}}
    seen = {"buckets": json.dumps({"acme-weights": {"policy": None, "folders": {"models/chat-v1": folder}}})}

    assert ("engine-parser-family" in codes(configured(**{"tool-call-parser": parser}), seen)) is found


def weighing(files, complete=True):
    folder = {"files": {name: {"gb": gb} for name, gb in files.items()}}
    return {"buckets": json.dumps({"acme-weights": {"policy": None, "folders": {"models/chat-v1": folder}}})}


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"model.safetensors": 141}, False),
        ({"model.safetensors": 141.1}, True),
        ({"a.safetensors": 80, "b.safetensors": 80}, True),
        ({"a.safetensors": 80, "original/consolidated.pth": 80}, False),
        ({"pytorch_model.bin": 150}, True),
    ],
)
def test_weights_are_compared_with_the_memory_of_one_replica(files, found):
    assert ("weights-too-large" in codes(weighing(files))) is found


def test_an_error_of_size_says_how_many_gpus_would_hold_it():
    (finding,) = [
        found
        for found in checked(weighing({"m.safetensors": 300})).findings
        if found.code == "weights-too-large"
    ]

    assert (
        finding.what == '300.0 GB of weights lie under "models/chat-v1", and 1 x H200 have 1 x 141 = 141 GB'
    )
    assert finding.do.startswith("use gpuCount 4 or more")


def test_a_gpu_whose_memory_is_not_known_is_not_judged():
    other = {"declaration": "deployments: {chat: {resources: {instanceType: next-8x}}, canary: null}"}

    assert "weights-too-large" not in codes(other, weighing({"m.safetensors": 9000}))
