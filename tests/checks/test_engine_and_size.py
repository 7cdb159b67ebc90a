"""What is handed to the engine, and whether weights fit into its GPUs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from coreweave_inference.checks import Folder, Severity, WeightsFile, headers_decide, index_among, run
from coreweave_inference.fit import Tensor

from tests.checks.situations import GB, checked, codes, view


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
        ({"max-num-seqs": 32}, []),
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


def weighing(files, config="bfloat16", **more):
    folder = {"files": {name: {"gb": gb} for name, gb in files.items()}, **more}
    described = {"config": {"torch_dtype": config}} if config else {}
    folders = {"models/chat-v1": {**folder, **described}}
    return {"buckets": json.dumps({"acme-weights": {"policy": None, "folders": folders}})}


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"model.safetensors": 137}, False),
        ({"model.safetensors": 138}, True),
        ({"a.safetensors": 80, "b.safetensors": 80}, True),
        ({"pytorch_model.bin": 151}, True),
        ({"a.safetensors": 80, "original/consolidated.pth": 80}, False),
        ({"model-00001-of-00002.safetensors": 80, "model-00002-of-00002.safetensors": 80}, True),
        ({"model-00001-of-00001.safetensors": 100, "consolidated.safetensors": 100}, False),
        ({"model-00001-of-00001.safetensors": 90, "checkpoint-500/model.safetensors": 90}, False),
        ({"model.Q4_K_M.gguf": 90, "model.Q8_0.gguf": 149}, False),
        ({"model.Q8_0-00001-of-00002.gguf": 90, "model.Q8_0-00002-of-00002.gguf": 90}, True),
        ({"pytorch_model.bin": 90, "tf_model.h5": 90, "flax_model.msgpack": 90}, False),
        ({"model.safetensors": 90, "training_args.bin": 1, "optimizer.pt": 180}, False),
        ({"Q4/m-00001-of-00001.gguf": 90, "Q8/m-00001-of-00001.gguf": 170}, False),
        ({"tf_model.h5": 900}, False),
    ],
)
def test_weights_that_are_loaded_are_compared_with_the_memory_of_one_replica(files, found):
    assert ("weights-too-large" in codes(weighing(files))) is found


def test_the_files_that_the_index_names_are_what_is_loaded():
    files = {"model-00001-of-00001.safetensors": 160, "consolidated.safetensors": 90, "extra.safetensors": 90}

    assert "weights-too-large" in codes(weighing(files, index=["model-00001-of-00001.safetensors"]))
    assert "weights-too-large" not in codes(weighing(files, index=["extra.safetensors"]))


def test_a_listing_that_was_cut_off_says_nothing_of_size_without_the_index():
    files = {"checkpoint-1/model.safetensors": 900, "model-00001-of-00001.safetensors": 900}

    assert "weights-too-large" not in codes(weighing(files, complete=False))
    assert "weights-too-large" in codes(
        weighing(files, complete=False, index=["model-00001-of-00001.safetensors"])
    )


@pytest.mark.parametrize(
    ("stored", "config", "expected"),
    [
        ("bfloat16", {}, Severity.ERROR),
        ("float32", {}, None),
        ("float32", {"dtype": "float32"}, Severity.ERROR),
        (None, {}, Severity.WARNING),
        ("bfloat16", {"quantization": "fp8"}, None),
        ("bfloat16", {"cpu-offload-gb": 40}, None),
        ("bfloat16", {"cpu_offload_gb": 40}, None),
        ("bfloat16", {"load-format": "dummy"}, None),
    ],
)
def test_bytes_that_are_stored_are_not_always_bytes_in_memory(stored, config, expected):
    found = [
        severity
        for code, severity in findings(configured(**config), weighing({"model.safetensors": 200}, stored))
        if code == "weights-too-large"
    ]

    assert found == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("instance_type", "memory"),
    [
        ("gd-8xh100ib-i128", 79.2),
        ("gd-8xh200ib-i128", 139.8),
        ("b200-8x", 178.3),
        ("gb200-4x", 184.3),
        ("gd-8xa100-i128", 79.2),
        ("gd-8xl40s-i128", 44.4),
        ("rtxp6000-8x", 94.9),
    ],
)
def test_weights_and_the_least_beside_them_must_fit_into_what_the_engine_may_use_of_a_gpu(
    instance_type, memory
):
    on = {
        "declaration": f"deployments: {{chat: {{resources: {{instanceType: {instance_type}}}}}, canary: null}}"
    }
    most = 0.92 * memory - 0.4
    found = [
        "weights-too-large" in codes(on, weighing({"model.safetensors": gib * 2**30 / 10**9}))
        for gib in (most - 0.1, most + 0.1)
    ]

    assert found == [False, True]


def test_an_error_of_size_says_how_many_gpus_would_hold_it():
    (finding,) = [
        found
        for found in checked(weighing({"m.safetensors": 310})).findings
        if found.code == "weights-too-large"
    ]

    assert "288.7 GiB" in finding.what
    assert "1 x 139.8 = 139.8 GiB" in finding.what
    assert finding.do.startswith("use gpuCount 4 or more")


def test_a_paper_that_is_changed_makes_no_newer_version_of_a_model():
    files = {
        "model.safetensors": {"gb": 16},
        "README.md": {"gb": 0, "modified": "2027-03-01T00:00:00Z"},
        "checkpoint-9/model.safetensors": {"gb": 16, "modified": "2027-03-01T00:00:00Z"},
    }
    seen = {
        "buckets": json.dumps(
            {"acme-weights": {"policy": None, "folders": {"models/chat-v1": {"files": files}}}}
        )
    }

    assert "weights-newer" not in codes({"before": ""}, seen)


def test_a_gpu_whose_memory_is_not_known_is_not_judged():
    other = {"declaration": "deployments: {chat: {resources: {instanceType: next-8x}}, canary: null}"}

    assert "weights-too-large" not in codes(other, weighing({"m.safetensors": 9000}))


def with_weights(folder, **config):
    store = {"acme-weights": {"policy": None, "folders": {"models/chat-v1": folder}}}
    return [configured(**config), {"buckets": json.dumps(store)}]


LARGE_SHARDS = {f"pytorch_model-{part:05}-of-00010.bin": {"gb": 30} for part in range(1, 11)}


def test_safetensors_are_loaded_where_another_format_and_its_index_lie_beside_them():
    files = {"model.safetensors": {"gb": 120}, "pytorch_model.bin.index.json": {"gb": 0}, **LARGE_SHARDS}
    names = [name for name, _ in files.items() if name.endswith(".bin")]
    listed = tuple(WeightsFile(f"m/{name}", int(file["gb"] * GB)) for name, file in files.items())

    assert index_among(listed) is None
    assert findings(*with_weights({"files": files, "config": {"torch_dtype": "bfloat16"}})) == []
    assert sum(file.size for file in Folder(listed).loaded) == 120 * GB
    assert index_among(tuple(f for f in listed if f.name != "model.safetensors")).name.startswith("pytorch")
    assert sum(file.size for file in Folder(listed[1:], indexed=frozenset(names)).loaded) == 300 * GB


@pytest.mark.parametrize(
    ("name", "gb", "asked", "severity", "single"),
    [
        ("model.safetensors", 200, True, Severity.ERROR, None),
        ("model.safetensors", 400, False, Severity.ERROR, Severity.ERROR),
        ("pytorch_model.bin", 200, False, Severity.WARNING, None),
    ],
)
def test_single_precision_beside_a_config_of_half_precision_is_not_too_large(
    name, gb, asked, severity, single
):
    """As training leaves it beside the config.json of the model that it began with."""

    def large(seen):
        found = (one for one in run(seen).findings if one.code == "weights-too-large")
        return next((one.severity for one in found), None)

    seen = view(*with_weights({"files": {name: {"gb": gb}}, "config": {"torch_dtype": "bfloat16"}}))
    item = seen.deployments[0]
    folder = seen.folder(item)
    stored = replace(folder, tensors=(Tensor("w", "F32", (1, 1), folder.bytes),))
    store = replace(seen.stores["acme-weights"], folders={"models/chat-v1": stored})

    assert headers_decide(item, folder) is asked
    assert large(seen) is severity
    assert large(replace(seen, stores={"acme-weights": store})) is single


@pytest.mark.parametrize("written", ["auto", "fp32", "torch.float32", "float33", None])
def test_a_type_that_is_not_known_may_be_loaded_in_half_precision(written):
    config = {"torch_dtype": written} if written else {}
    found = findings(*with_weights({"files": {"model.safetensors": {"gb": 200}}, "config": config}))

    assert found == ([] if written == "torch.float32" else [("weights-too-large", Severity.WARNING)])


@pytest.mark.parametrize(
    "options",
    [
        {"offload-backend": "prefetch"},
        {"offload-group-size": 8},
        {"cpu_offload_gb": 100},
        {"hf-overrides.num_hidden_layers": 4},
        {"language-model-only": ""},
    ],
)
def test_options_that_load_less_into_the_gpus_are_not_judged(options):
    found = findings(
        *with_weights({"files": {"model.safetensors": {"gb": 400}}, "config": {"dtype": "half"}}, **options)
    )

    assert "weights-too-large" not in {code for code, _ in found}


@pytest.mark.parametrize(
    ("key", "found"),
    [("tensor_parallel_size", "tensor-parallel-size"), ("compilation-config.pass_config", None)],
)
def test_underscores_in_an_option_are_told_and_those_in_its_json_are_not(key, found):
    told = [one for one in checked(configured(**{key: "1"})).findings if one.code == "engine-config-key"]

    assert [found] * len(told) == [one.do.split('"')[1] for one in told]
    assert bool(told) == bool(found)


def test_a_setting_that_needs_a_value_is_not_advised_to_have_none():
    (found,) = (
        one for one in checked(configured(**{"reasoning-parser": "on"})).findings if one.code == "engine-flag"
    )

    assert found.do == "give it a value, or remove the key"
