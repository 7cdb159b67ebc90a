"""What is handed to the engine."""

from __future__ import annotations

import json

import pytest
from coreweave_inference.checks import Severity

from tests.checks.situations import checked, codes, configured


def findings(*situations):
    return [
        (finding.code, finding.severity)
        for finding in checked(*situations).findings
        if finding.code.startswith("engine-")
    ]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"max_model_len": 1}, [("engine-config-key", Severity.WARNING)]),
        ({"max-num-seqs": 32}, []),
        ({"enable-auto-tool-choice": "", "tool-call-parser": "hermes"}, []),
        ({"enable-auto-tool-choice": ""}, [("engine-tool-parser", Severity.ERROR)]),
        ({"tool-call-parser": "hermes"}, []),
        (
            {"enable-auto-tool-choice": "false", "tool-call-parser": "hermes"},
            [("engine-flag", Severity.WARNING)],
        ),
        (
            {"max-model-len": ""},
            [("engine-does-not-start", Severity.ERROR)],
        ),
        (
            {"max_model_len": True},
            [("engine-does-not-start", Severity.ERROR), ("engine-config-key", Severity.WARNING)],
        ),
        ({"reasoning-parser": ""}, [("engine-flag", Severity.WARNING)]),
        ({"max-model-len": "16_384", "max-num-seqs": "+32"}, []),
        ({"max-model-len": "16_384_"}, [("engine-does-not-start", Severity.ERROR)]),
        ({"max-model-len": "many"}, [("engine-does-not-start", Severity.ERROR)]),
        ({"block-size": 7}, [("engine-does-not-start", Severity.ERROR)]),
        ({"gpu-memory-utilization": 1.7}, [("engine-does-not-start", Severity.ERROR)]),
        ({"structured-outputs-config.backend": "guidance"}, []),
        ({"structured-outputs-config.backend": "Guidance"}, [("engine-config-value", Severity.WARNING)]),
        ({"tensor-parallel-size": 1}, []),
        ({"tensor-parallel-size": 2}, [("engine-tensor-parallel", Severity.ERROR)]),
        ({"pipeline-parallel-size": 2}, [("engine-tensor-parallel", Severity.ERROR)]),
        ({"tensor-parallel-size": "auto"}, []),
        ({"data-parallel-size": 2}, [("engine-tensor-parallel", Severity.ERROR)]),
        ({"enable-prefix-caching": False}, [("engine-flag", Severity.WARNING)]),
        ({"enforce-eager": True}, [("engine-flag", Severity.WARNING)]),
        ({"trust-remote-code": "on"}, [("engine-flag", Severity.WARNING)]),
        ({"trust-remote-code": ""}, []),
        ({"compilation-config.pass_config.fuse_allreduce_rms": True}, []),
        ({"default-chat-template-kwargs": '{"enable_thinking": false}'}, []),
        ({"enable-auto-tool-choice": False}, [("engine-flag", Severity.WARNING)]),
        ({"enable-auto-tool-choice": "no"}, [("engine-flag", Severity.WARNING)]),
        (
            {"enable-auto-tool-choice": "", "tool_call_parser": "hermes"},
            [("engine-config-key", Severity.WARNING)],
        ),
    ],
)
def test_engine_configuration_is_judged_without_a_token(config, expected):
    assert findings(configured(**config)) == expected


def of_gpus(count):
    return {
        "declaration": f"deployments: {{chat: {{resources: {{gpuCount: {count}}}, autoscaling: {{max: 2}}}}}}"
    }


@pytest.mark.parametrize(
    ("config", "gpus", "expected"),
    [
        ({"tensor-parallel-size": 2}, 4, Severity.WARNING),
        ({"tensor-parallel-size": 1, "data-parallel-size": 8}, 8, None),
        ({"data-parallel-size": 8, "enable-expert-parallel": ""}, 8, None),
        ({"tensor-parallel-size": 8, "data-parallel-size": 2}, 8, Severity.ERROR),
        ({"tensor-parallel-size": 4, "pipeline-parallel-size": 2}, 8, None),
        ({"tensor-parallel-size": 8, "enable-expert-parallel": ""}, 8, None),
        ({"pipeline-parallel-size": 2}, 8, None),
        ({"tensor-parallel-size": 1, "data_parallel_size": 8}, 8, None),
        ({"tensor_parallel_size": 8}, 4, Severity.ERROR),
        ({"tensor-parallel-size": 4, "data_parallel_size_local": 2}, 8, None),
        ({"tensor-parallel-size": 8, "data-parallel-size": 2, "data-parallel-size-local": 1}, 8, None),
        ({"tensor-parallel-size": 16, "distributed-executor-backend": "ray"}, 8, None),
        ({"tensor-parallel-size": 8, "nnodes": 2, "pipeline-parallel-size": 2}, 8, None),
    ],
)
def test_all_parallel_sizes_together_are_the_gpus_of_a_replica(config, gpus, expected):
    everything = findings(configured(**config), of_gpus(gpus))
    found = [severity for code, severity in everything if code == "engine-tensor-parallel"]

    assert found == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("config", "form"),
    [
        ({"enforce-eager": True}, 'enforce-eager: ""'),
        ({"enable-prefix-caching": False}, 'no-enable-prefix-caching: ""'),
        ({"enable-prefix-caching": "no"}, 'no-enable-prefix-caching: ""'),
        ({"trust-remote-code": "yes"}, 'trust-remote-code: ""'),
        ({"no-enable-prefix-caching": False}, 'enable-prefix-caching: ""'),
        ({"enable-auto-tool-choice": False}, "remove the key"),
    ],
)
def test_a_boolean_of_an_engine_option_comes_with_the_right_form(config, form):
    (finding,) = [found for found in checked(configured(**config)).findings if found.code == "engine-flag"]

    assert form in finding.do


def test_the_opposite_of_an_option_is_not_proposed_where_the_service_does_not_allow_it():
    allowed = {"catalogue": "configKeys: {vllm: [enable-prefix-caching]}"}
    (finding,) = [
        found
        for found in checked(configured(**{"enable-prefix-caching": False}), allowed).findings
        if found.code == "engine-flag"
    ]

    assert finding.do == "remove the key"


@pytest.mark.parametrize(
    ("config", "concurrency", "expected"),
    [
        ({"max-num-seqs": 256}, 32, Severity.NOTE),
        ({"max-num-seqs": 8}, 32, Severity.WARNING),
        ({"max-num-seqs": 32}, 32, None),
        ({"max-num-seqs": 32}, None, None),
        ({"max-num-seqs": 16, "data-parallel-size": 2}, 32, None),
        ({"max-num-seqs": 16, "data-parallel-rank": 1}, 32, None),
        ({}, 32, None),
    ],
)
def test_concurrency_is_compared_with_the_sequences_that_the_engine_decodes_at_once(
    config, concurrency, expected
):
    target = {
        "declaration": json.dumps({"deployments": {"chat": {"autoscaling": {"concurrency": concurrency}}}})
    }
    found = [
        finding.severity
        for finding in checked(configured(**config), target).findings
        if finding.code == "concurrency-max-num-seqs"
    ]

    assert found == ([expected] if expected else [])


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
        ("qwen3_coder", "nemotron_h", False),
        ("qwen3_coder", "llama", True),
        ("glm45", "glm_moe_dsa", False),
        ("glm45", "glm4_moe", False),
        ("glm45", "next_year", False),
        ("deepseek_v3", "qwen3", False),
        ("hermes", "anything", False),
        ("llama3_json", None, False),
        ("llama3_json", 7, False),
    ],
)
def test_a_parser_is_judged_by_the_models_own_family(parser, model_type, found):
    folder = {"files": {"config.json": {"gb": 0}}, "config": {"model_type": model_type}}
    seen = {"buckets": json.dumps({"acme-weights": {"policy": None, "folders": {"models/chat-v1": folder}}})}

    assert ("engine-parser-family" in codes(configured(**{"tool-call-parser": parser}), seen)) is found


@pytest.mark.parametrize(
    ("key", "found"),
    [("tensor_parallel_size", "tensor-parallel-size"), ("compilation-config.pass_config", None)],
)
def test_underscores_in_an_option_are_reported_and_those_in_its_json_are_not(key, found):
    reported = [one for one in checked(configured(**{key: "1"})).findings if one.code == "engine-config-key"]

    assert [found] * len(reported) == [one.do.split('"')[1] for one in reported]
    assert bool(reported) == bool(found)


def test_a_setting_that_needs_a_value_is_not_advised_to_have_none():
    (found,) = (
        one for one in checked(configured(**{"reasoning-parser": "on"})).findings if one.code == "engine-flag"
    )

    assert found.do == "give it a value, or remove the key"
