"""GPU memory in the checks: what is read for it, how often, and what a change of the declaration moves."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest
from coreweave_inference.checks import Severity
from coreweave_inference.discovery import Sources, checks_for
from coreweave_inference.settings.resolution import resolve
from coreweave_inference.simulator import Behaviour, Simulator
from coreweave_inference.simulator.faults import Fault

from tests.checks.situations import WE, checked, codes, declared
from tests.simulator.inference_fixtures import environment_of, s3_client
from tests.storage.weights_files import LLAMA, TINY, TINY_WEIGHTS, whole

LARGE = {
    **LLAMA,
    "num_hidden_layers": 80,
    "hidden_size": 8192,
    "num_attention_heads": 64,
    "intermediate_size": 28672,
}
KEYS = "/v1/cwobject/access-key"


MEMORY = {
    "weights-too-large",
    "kv-cache-too-small",
    "gpu-memory-tight",
    "gpu-memory-unknown",
    "concurrency-kv-cache",
}


def chat(gb=16, config=LLAMA, gpus=1):
    """The deployment `chat` alone on so many H200, without max-model-len, in front of such a model."""
    declared = {"resources": {"gpuCount": gpus}, "runtime": {"engineConfig": {"max-model-len": None}}}
    model = {"files": {"model.safetensors": {"gb": gb}}, "config": config}
    return {
        "declaration": json.dumps({"deployments": {"canary": None, "chat": declared}}),
        "buckets": json.dumps({"acme-weights": {"policy": None, "folders": {"models/chat-v1": model}}}),
    }


def memory_codes(*situations):
    return {found.code: found.severity for found in checked(*situations).findings if found.code in MEMORY}


@pytest.mark.parametrize(
    ("files", "refused"),
    [
        (("model.safetensors",), True),
        (("model.safetensors", "params.json"), True),
        (("model.safetensors", "original/consolidated.00.pth", "original/params.json"), True),
        (("model.safetensors", "consolidated.safetensors", "params.json"), False),
        (("consolidated-00001-of-00002.safetensors", "params.json"), False),
    ],
)
def test_mistrals_params_json_may_say_another_length_than_config_json(files, refused):
    model = {"files": {name: {"gb": 16} for name in files}, "config": LLAMA}
    longer = {"runtime": {"engineConfig": {"max-model-len": 10**6}}}
    found = codes(
        {"declaration": json.dumps({"deployments": {"canary": None, "chat": longer}})},
        {"buckets": json.dumps({"acme-weights": {"policy": None, "folders": {"models/chat-v1": model}}})},
    )

    assert ("engine-does-not-start" in found) is refused


@pytest.mark.parametrize(
    ("gb", "config", "expected"),
    [
        (16, LLAMA, {}),
        (127, LARGE, {"kv-cache-too-small": Severity.ERROR}),
        (90, LARGE, {"gpu-memory-tight": Severity.WARNING}),
        (160, LARGE, {"weights-too-large": Severity.ERROR}),
        (60, {**LARGE, "torch_dtype": None}, {}),
        (16, {}, {"gpu-memory-unknown": Severity.NOTE}),
        (16, {"model_type": "next"}, {"gpu-memory-unknown": Severity.NOTE}),
        (300, {"model_type": "next", "torch_dtype": "bfloat16"}, {"weights-too-large": Severity.ERROR}),
    ],
)
def test_a_verdict_is_a_finding_of_its_severity(gb, config, expected):
    assert memory_codes(chat(gb, config)) == expected


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"max-model-len": 131073}, "max-model-len"),
        ({"tensor_parallel_size": 3}, "tensor_parallel_size"),
        ({"max-model-len": 131073, "gpu-memory-utilization": 2}, "gpu-memory-utilization"),
    ],
)
def test_what_vllm_refuses_for_a_model_is_a_finding_of_its_own(options, path):
    engine = {"deployments": {"chat": {"runtime": {"engineConfig": options}}}}
    found = checked(chat(gpus=4), {"declaration": json.dumps(engine)})
    codes_of_memory = [one for one in found.findings if one.code in (*MEMORY, "engine-does-not-start")]

    assert {one.code for one in codes_of_memory} == {"engine-does-not-start"}
    assert codes_of_memory[0].severity is Severity.ERROR
    assert f'deployments.chat.runtime.engineConfig["{path}"]' in {one.path for one in codes_of_memory}
    assert [one.verdict.value for one in found.memory] == ["does not fit"]


def test_an_error_names_the_sum_and_what_would_help():
    (found,) = [one for one in checked(chat(127, LARGE)).findings if one.code == "kv-cache-too-small"]

    assert "one request of 131072 tokens takes 40.0 GiB of KV cache" in found.what
    assert "max-model-len is not set" in found.what
    assert "gpuCount 2 or more" in found.do
    assert found.path == "deployments.chat.resources.gpuCount"


def test_what_the_service_does_not_allow_is_not_advised():
    allowed = {"catalogue": "configKeys: {vllm: [max-model-len]}"}
    free = [one.do for one in checked(chat(112, LARGE)).findings if one.code == "kv-cache-too-small"]
    limited = [
        one.do for one in checked(chat(112, LARGE), allowed).findings if one.code == "kv-cache-too-small"
    ]

    assert "kv-cache-dtype" in free[0]
    assert "kv-cache-dtype" not in limited[0]


@pytest.mark.parametrize("engine", ["sglang", "tensorrt-llm"])
def test_another_engine_is_not_judged(engine):
    other = {"declaration": f"deployments: {{chat: {{runtime: {{engine: {engine}}}}}}}"}

    assert memory_codes(chat(300), other) == {}


def test_a_change_that_moves_the_verdict_has_both():
    before = {"before": "deployments: {chat: {resources: {gpuCount: 2}}}", "live": ""}

    (moved,) = [one for one in checked(chat(127, LARGE), before).memory if "chat" in one.label]

    assert (moved.before.value, moved.verdict.value) == ("fits", "does not fit")
    assert moved.as_data()["why"].startswith("one request of 131072 tokens")


def test_what_is_new_has_no_verdict_from_before():
    (found,) = checked(chat()).memory

    assert (found.before, found.verdict.value) == (None, "fits")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(Behaviour()) as running:
        yield running


@pytest.fixture
def report(simulator):
    def check(*overlays):
        environment = environment_of(simulator, COREWEAVE_RETRY_SECONDS="0.5")
        return checks_for(declared(*overlays), Sources(resolve(environment, {}), WE, environ={}))

    return check


def seeded(simulator, **files):
    client = s3_client(simulator)
    client.create_bucket(
        Bucket="acme-weights", CreateBucketConfiguration={"LocationConstraint": "US-EAST-04A"}
    )
    for name, body in files.items():
        client.put_object(Bucket="acme-weights", Key=f"models/chat-v1/{name.replace('__', '.')}", Body=body)
    client.close()


def reads(simulator):
    """Requests for objects of the model, by method and name."""
    return Counter(
        f"{entry.method} {entry.path.rpartition('/')[2]}"
        for entry in simulator.journal.entries()
        if entry.method == "GET" and "chat-v1" in entry.path and "." in entry.path.rpartition("/")[2]
    )


FIFTY = (
    "deployments: {"
    + ", ".join(
        f"d{n}: {{extends: chat, model: {{name: acme/d{n}}}, traffic: {{weight: 100}}}}" for n in range(50)
    )
    + ", canary: null}"
)


def test_fifty_deployments_of_one_model_read_it_once(simulator, report):
    seeded(
        simulator,
        config__json=json.dumps(TINY).encode(),
        model__safetensors=whole(TINY_WEIGHTS),
    )

    found = report(FIFTY)

    assert len(found.memory) == 51
    assert {one.verdict.value for one in found.memory} == {"fits"}
    assert reads(simulator) == {"GET config.json": 1}


def test_without_a_key_there_is_one_note_for_each_thing_and_one_request_for_a_key(simulator, report):
    seeded(simulator, config__json=b"{}")
    simulator.faults.add(Fault("status", "POST", KEYS, count=None, status=403))
    before = len([entry for entry in simulator.journal.entries() if KEYS in entry.path])

    found = report(FIFTY)

    asked = [entry for entry in simulator.journal.entries() if KEYS in entry.path][before:]
    assert len(asked) <= 1
    assert [note for note in found.notes if "could not be listed" in note or "policy" in note]
    assert len(found.notes) <= 2
    assert "gpu-memory-unknown" not in codes_of(found)


def codes_of(report):
    return {finding.code for finding in report.findings}


def test_the_examples_of_other_rules_have_no_note_on_memory():
    assert "gpu-memory-unknown" not in codes({})


def near_the_limit(dtype):
    """A model of which one request takes all but a little of an L40S, and whose weights are as its file says."""
    tokens = 38 * 2**30 // 512
    return json.dumps(
        {**TINY, "num_key_value_heads": 4, "max_position_embeddings": tokens, "torch_dtype": dtype}
    ).encode()


L40S = "deployments: {canary: null, chat: {resources: {instanceType: gd-8xl40s-i128}, runtime: {engineConfig: {max-model-len: null}}}}"


@pytest.mark.parametrize(("dtype", "headers"), [(None, 1), ("bfloat16", 0)])
def test_headers_are_read_where_they_decide(simulator, report, dtype, headers):
    seeded(simulator, config__json=near_the_limit(dtype), model__safetensors=whole(TINY_WEIGHTS))

    found = report(L40S)

    assert [one.verdict.value for one in found.memory] == ["tight"]
    assert reads(simulator) == {
        "GET config.json": 1,
        **({"GET model.safetensors": headers} if headers else {}),
    }


def test_the_limit_of_a_tokenizer_is_not_that_of_requests(simulator, report):
    """vLLM counts it for embeddings alone: those of DeepSeek-R1 say 16384, and requests may have ten times that."""
    seeded(
        simulator,
        config__json=near_the_limit("bfloat16"),
        tokenizer_config__json=b'{"model_max_length": 4096}',
        model__safetensors=whole(TINY_WEIGHTS),
    )

    (found,) = report(L40S).memory

    assert found.verdict.value == "tight"
    assert reads(simulator) == {"GET config.json": 1}


def test_a_pointer_of_git_lfs_is_one_note_that_says_so(simulator, report):
    seeded(
        simulator,
        config__json=json.dumps(LLAMA).encode(),
        model__safetensors=b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    )

    (note,) = [one for one in report(L40S).findings if one.code in MEMORY]

    assert (note.code, note.severity) == ("gpu-memory-unknown", Severity.NOTE)
    assert note.why.startswith("model.safetensors is a pointer of Git LFS")


def test_what_an_unfinished_download_leaves_beside_whole_weights_is_a_warning():
    files = {name: {"gb": 1} for name in ("model.safetensors", "model.safetensors.part", "config.json")}
    store = {"policy": None, "folders": {"models/chat-v1": {"files": files, "config": LLAMA}}}
    found = checked(chat(), {"buckets": json.dumps({"acme-weights": store})}).findings

    assert [one.severity for one in found if one.code == "weights-incomplete"] == [Severity.WARNING]
