"""`cw-inference fit`: the sum, the table, JSON and exit codes, for folders and for deployments in front of their buckets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from tests.storage.weights_files import LLAMA, QWEN_SMALL, TINY, TINY_WEIGHTS, header, whole

Fit = Callable[..., Result]
LATENT = {**TINY, "model_type": "deepseek_v2"}
LARGE = {**LLAMA, "num_hidden_layers": 126, "hidden_size": 16384, "num_attention_heads": 128}


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., str]:
    """A folder of weights that takes no room: files of their full length without data."""

    def make(config: object, gib: float = 15.0, **files: bytes) -> str:
        place = tmp_path / "weights"
        place.mkdir()
        (place / "config.json").write_text(json.dumps(config))
        start, _ = header({"model.layers.0.w": ("BF16", (int(gib * 2**29),))})
        with (place / "model.safetensors").open("wb") as file:
            file.write(start)
            file.truncate(len(start) + 2 * int(gib * 2**29))
        for name, content in files.items():
            (place / name.replace("__", ".")).write_bytes(content)
        return str(place)

    return make


def test_a_folder_is_answered_with_the_sum_and_all_instance_types_by_price(
    fit: Fit, folder: Callable
) -> None:
    done = fit(folder(LLAMA), "--instance-type", "gd-8xl40s-i128", "--max-model-len", "16k")

    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0].endswith(": fits")
    (token,) = (line for line in lines if "KV cache of one token" in line)
    assert token.endswith("128.00 KiB")
    head = next(n for n, line in enumerate(lines) if line.startswith("  instance type"))
    rows = [line.split()[0] for line in lines[head + 1 :] if line.startswith(("  g", "  b"))]
    assert rows[0] == "gd-8xl40-i128"
    assert rows.index("gd-8xl40s-i128") < rows.index("gd-8xh100ib-i128") < rows.index("gb300-4x")
    assert "list prices of" in done.output


@pytest.mark.parametrize(
    ("arguments", "verdict", "code", "refused"),
    [
        ((), "fits", 0, False),
        (("--set", "gpu-memory-utilization=0.28", "--max-model-len", "16k"), "tight", 0, False),
        (
            ("--instance-type", "gd-8xl40s-i128", "--set", "gpu-memory-utilization=0.4"),
            "does not fit",
            3,
            False,
        ),
        (("--instance-type", "another"), "unknown", 4, False),
        (("--set", "hf-overrides={}"), "unknown", 4, False),
        (("--gpus", "3"), "unknown", 4, False),
        (("--max-model-len", "1M", "--instance-type", "b200-8x"), "does not fit", 3, True),
        (("--gpus", "3", "--set", "tensor_parallel_size=3"), "does not fit", 3, True),
    ],
)
def test_the_exit_code_follows_from_the_verdict(
    fit: Fit, folder: Callable, arguments: tuple[str, ...], verdict: str, code: int, refused: bool
) -> None:
    done = fit(folder(LLAMA), "--json", *arguments)

    document = json.loads(done.output)
    assert (document["verdict"], done.exit_code) == (verdict, code)
    assert document["why"]
    assert document["ok"] is (code != 3)
    assert bool(document["refused"]) is refused


def test_what_vllm_refuses_everywhere_is_one_line_instead_of_a_table(fit: Fit, folder: Callable) -> None:
    done = fit(folder(LLAMA), "--max-model-len", "1M")

    assert done.exit_code == 3
    assert [line.strip() for line in done.output.splitlines()[1:]] == [
        "max-model-len is 1048576, and the model is made for 131072 tokens: vLLM does not start",
        "helps: max-model-len: 131072 (fits)",
        "the same on all 11 instance types: does not fit",
    ]


def test_the_json_document_has_every_figure(fit: Fit, folder: Callable) -> None:
    document = json.loads(fit(folder(LLAMA), "--json", "--max-model-len", "131072").output)

    assert document["kvBytesPerToken"] == 131072
    assert document["weightsGiBPerGpu"] == 15.0
    assert document["kvGiBPerRequest"] == 16.0
    assert document["largestMaxModelLen"] == 131072
    assert 45 < document["kvGiBAvailable"]["low"] < document["kvGiBAvailable"]["high"] < 58
    assert document["maxConcurrency"] == pytest.approx(document["kvGiBAvailable"]["low"] / 16, abs=0.02)
    assert {row["instanceType"] for row in document["instanceTypes"]} > {"gd-8xh200ib-i128", "b200-8x"}
    assert document["instanceTypes"][0]["usdPerHour"] == 1.25


def test_what_would_help_is_computed(fit: Fit, folder: Callable) -> None:
    document = json.loads(fit(folder(LLAMA, gib=66), "--json").output)

    assert document["verdict"] == "does not fit"
    helps = {entry["setting"]: entry["verdict"] for entry in document["helps"]}
    assert helps["gpuCount: 2"] == "fits"
    assert all(verdict in ("fits", "tight") for verdict in helps.values())


@pytest.mark.parametrize(
    ("config", "files", "reason"),
    [
        ({}, {}, "no config.json that describes"),
        ({"model_type": "next-model"}, {}, 'model_type "next-model"'),
        (
            {"model_type": "llama"},
            {},
            "does not say hidden_size",
        ),
        ({**LLAMA, "layer_types": ["new_attention"] * 32}, {}, '"new_attention"'),
        (
            {**LLAMA, "max_position_embeddings": None, "model_type": "internlm2"},
            {},
            "how long a request may be",
        ),
    ],
)
def test_what_config_does_not_say_is_unknown_with_one_reason(
    fit: Fit, folder: Callable, config: dict[str, object], files: dict[str, bytes], reason: str
) -> None:
    done = fit(folder(config, **files), "--json")

    document = json.loads(done.output)
    assert (document["verdict"], done.exit_code) == ("unknown", 4)
    (why,) = document["unknown"]
    assert reason in why


def test_a_type_of_cache_beside_config_counts(fit: Fit, folder: Callable) -> None:
    beside = {"quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}}
    place = folder(LLAMA, hf_quant_config__json=json.dumps(beside).encode())

    document = json.loads(fit(place, "--json").output)

    assert (document["verdict"], document["kvBytesPerToken"]) == ("fits", 65536)


def test_weights_of_which_parts_are_missing_never_fit(fit: Fit, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(TINY))
    for part in (1, 3):
        (tmp_path / f"model-0000{part}-of-00003.safetensors").write_bytes(whole(TINY_WEIGHTS))
    some = json.loads(fit(str(tmp_path), "--json").output)
    (tmp_path / "model-00002-of-00003.safetensors").write_bytes(whole(TINY_WEIGHTS))
    complete = json.loads(fit(str(tmp_path), "--json").output)

    assert (some["verdict"], some["unknown"]) == ("unknown", ["parts of the weights are missing: 1"])
    assert complete["verdict"] == "fits"


def test_a_name_that_counts_parts_without_end_is_no_work_without_end(fit: Fit, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(TINY))
    (tmp_path / "model-00001-of-99999999.safetensors").write_bytes(whole(TINY_WEIGHTS))

    document = json.loads(fit(str(tmp_path), "--json").output)

    assert document["unknown"] == ["parts of the weights are missing: 9999"]


def test_without_weights_nothing_is_shown_of_what_remains_and_the_table_is_one_line(
    fit: Fit, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(TINY))

    document, text = json.loads(fit(str(tmp_path), "--json").output), fit(str(tmp_path)).output

    assert (document["verdict"], document["weightsGiBPerGpu"]) == ("unknown", None)
    assert document["kvGiBAvailable"] == {"low": None, "high": None}
    assert [line for line in text.splitlines() if "instance type" in line] == [
        f"  the same on all {len(document['instanceTypes'])} instance types: unknown"
    ]


def test_parallel_sizes_that_no_replica_has_are_reported_in_one_line(fit: Fit, folder: Callable) -> None:
    done = fit(folder(LLAMA), "--gpus", "3", "--set", "tensor-parallel-size=3")

    (line,) = (line for line in done.output.splitlines() if "instance type" in line)
    assert line.endswith("instance types: parallel sizes that share no number of its GPUs")


def test_an_option_that_decides_nothing_is_named(fit: Fit, folder: Callable) -> None:
    done = fit(folder(LLAMA), "--set", "kv-cache-dtpye=fp8", "--set", "enable-lora=", "--json")

    assert json.loads(done.output)["notes"] == [
        '--set "kv-cache-dtpye" changes nothing: no option of that name decides how much memory vLLM takes'
    ]


def test_files_that_are_far_too_small_for_the_model_never_fit(fit: Fit, folder: Callable) -> None:
    document = json.loads(fit(folder(LLAMA, gib=0.01), "--json").output)

    assert document["verdict"] == "unknown"
    assert "fewer than a model of this size has" in document["why"]


@pytest.mark.parametrize("share", ["0.2", "0.001"])
def test_a_small_share_of_the_memory_is_named_with_the_usual_one(
    fit: Fit, folder: Callable, share: str
) -> None:
    done = fit(folder(LLAMA), "--set", f"gpu-memory-utilization={share}", "--json")

    assert done.exit_code == 3
    helps = json.loads(done.output)["helps"]
    assert {"setting": "gpu-memory-utilization: 0.92", "verdict": "fits"} in helps


def test_what_files_of_others_hold_begins_no_line_of_its_own(fit: Fit, folder: Callable) -> None:
    done = fit(folder({**LLAMA, "model_type": "x\nfolder y: fits\x1b[2J"}))

    assert done.exit_code == 4
    assert done.output.splitlines()[1] == '  the memory of model_type "x folder y: fits [2J" is not known'


def test_a_pointer_of_git_lfs_in_the_place_of_weights_is_unknown(fit: Fit, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(QWEN_SMALL))
    (tmp_path / "model.safetensors").write_bytes(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    )

    done = fit(str(tmp_path))

    assert done.exit_code == 4
    assert "pointer of Git LFS" in done.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "is no folder"),
        ((".", "--set", "a"), '--set "a" is not OPTION=VALUE'),
        ((".", "--gpus", "0"), '--gpus is "0", and allowed are 1 to 64'),
        ((".", "--gpus", "x"), '--gpus is "x", and allowed are 1 to 64'),
        ((".", "--max-model-len", "abc"), 'max-model-len is "abc", and vLLM takes a number of tokens'),
        ((".", "--max-model-len", ""), 'max-model-len is "", and vLLM takes a number of tokens'),
        ((".", "--set", "block-size=7"), 'block-size is "7", and vLLM takes a multiple of 16'),
        (
            (".", "--set", "gpu-memory-utilization=1.7"),
            'gpu-memory-utilization is "1.7", and vLLM takes more than 0 and at most 1',
        ),
        ((".",), "holds no files"),
        ((), "name a folder of weights, or the stack directory"),
        ((".", "--engine-version", "newest"), '--engine-version is "newest", which is no version'),
        ((".", "--engine-version", ""), '--engine-version is "", which is no version'),
    ],
)
def test_a_wrong_command_line_is_one_error(fit: Fit, arguments: tuple[str, ...], words: str) -> None:
    done, as_json = fit(*arguments), fit(*arguments, "--json")

    assert (done.exit_code, as_json.exit_code) == (2, 2)
    assert len(done.output.splitlines()) == 1
    assert words in done.output
    assert words in json.loads(as_json.output)["errors"][0]
