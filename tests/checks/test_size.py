"""Whether weights fit into the GPUs of a replica."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from coreweave_inference.checks import (
    Folder,
    Severity,
    WeightsFile,
    headers_decide,
    index_among,
    question_of,
    run,
)
from coreweave_inference.fit import Tensor
from coreweave_inference.fleet.instances import hardware_of

from tests.checks.situations import GB, checked, codes, configured, view

H100 = hardware_of("gd-8xh100ib-i128")


def too_large(*situations):
    """The findings on weights that are too large."""
    return [found for found in checked(*situations).findings if found.code == "weights-too-large"]


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
        ("bfloat16", {"load-format": "dummy"}, Severity.ERROR),
        ("bfloat16", {"load-format": "tensorizer"}, None),
    ],
)
def test_bytes_that_are_stored_are_not_always_bytes_in_memory(stored, config, expected):
    found = too_large(configured(**config), weighing({"model.safetensors": 200}, stored))

    assert [one.severity for one in found] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("stored", "gb", "config", "why", "do"),
    [
        (
            "bfloat16",
            100,
            {"dtype": "float32"},
            "with dtype float32 they take 93.1 to 186.3 GiB of each GPU, of which vLLM may use 128.6 GiB: in what",
            "use dtype: auto, ",
        ),
        (
            "float32",
            150,
            {"dtype": "float32"},
            "with dtype float32 weights take 139.7 GiB",
            "use dtype: auto, ",
        ),
        (
            None,
            200,
            {},
            "they take 93.1 to 186.3 GiB of each GPU, of which vLLM may use 128.6 GiB: in what",
            "",
        ),
        ("bfloat16", 200, {}, "weights take 186.3 GiB of each GPU", ""),
    ],
)
def test_the_reason_says_what_the_weights_take_in_the_type_that_they_are_loaded_in(
    stored, gb, config, why, do
):
    (found,) = too_large(configured(**config), weighing({"model.safetensors": gb}, stored))

    assert found.why.startswith(why)
    assert do in found.do


@pytest.mark.parametrize(
    ("files", "config", "loaded", "uncertain"),
    [
        ({"model.safetensors": 200, "model.fp16.safetensors": 100}, "float32", 100, False),
        ({"model.safetensors": 100, "model.fp32.safetensors": 200}, "float16", 100, False),
        ({"model.bf16.safetensors": 100, "model.fp16.safetensors": 101}, "float16", 100, False),
        ({"pytorch_model.bin": 200, "pytorch_model.fp16.bin": 100}, "float32", 100, False),
        (
            {"a.safetensors": 100, "b.safetensors": 100, "a-fp16.safetensors": 50, "b-fp16.safetensors": 50},
            "float32",
            100,
            False,
        ),
        (
            {f"model{name}-0000{part}-of-00002.safetensors": 50 for name in ("", ".bf16") for part in (1, 2)},
            "bfloat16",
            100,
            False,
        ),
        (
            {f"model-0000{part}-of-00002{name}.safetensors": 50 for name in ("", ".fp16") for part in (1, 2)},
            "bfloat16",
            100,
            False,
        ),
        ({"model.safetensors": 100, "model.fp8_e4m3fn.safetensors": 50}, "bfloat16", 50, True),
        ({"model.safetensors": 100, "model.non_ema.safetensors": 100}, "bfloat16", 100, True),
        ({"model.safetensors": 100, "model.fp16.safetensors": 30}, "bfloat16", 30, True),
        ({"model.part1.safetensors": 50, "model.part2.safetensors": 50}, "bfloat16", 100, False),
    ],
)
def test_of_weights_in_several_precisions_one_is_counted(files, config, loaded, uncertain):
    folder = Folder(tuple(WeightsFile(f"m/{name}", int(gb * GB)) for name, gb in files.items()))
    taken = question_of(replace(folder, config={"torch_dtype": config}), H100, 1, {}).weights

    assert taken.bytes == loaded * GB
    assert taken.smallest is uncertain
    assert not too_large(weighing(files, config))


def test_the_precision_in_a_name_is_what_is_stored():
    half = Folder((WeightsFile("m/model.fp16.safetensors", GB),), config={"torch_dtype": "float32"})
    packed = replace(half, config={"torch_dtype": "float16", "quantization_config": {"quant_method": "fp8"}})

    assert question_of(half, H100, 1, {}).weights.dtype == "float16"
    assert question_of(packed, H100, 1, {}).weights.quantised


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
    (finding,) = too_large(weighing({"m.safetensors": 310}))

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
    assert too_large(*with_weights({"files": files, "config": {"torch_dtype": "bfloat16"}})) == []
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
    found = too_large(*with_weights({"files": {"model.safetensors": {"gb": 200}}, "config": config}))

    assert [one.severity for one in found] == ([] if written == "torch.float32" else [Severity.WARNING])


def test_weights_that_may_be_too_large_are_one_finding():
    found = codes(weighing({"model.safetensors": 200}, None))

    assert [code for code in found if code in ("weights-too-large", "gpu-memory-unknown")] == [
        "weights-too-large"
    ]


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
    large = {"files": {"model.safetensors": {"gb": 400}}, "config": {"dtype": "half"}}

    assert not too_large(*with_weights(large, **options))
