"""Values in the file that an import writes: secrets are references, and every text stays the same text. Pure."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from coreweave_inference.declaration.document import load
from coreweave_inference.declaration.origin import Report
from coreweave_inference.importing.document import with_entries
from coreweave_inference.importing.entries import Entry
from coreweave_inference.importing.report import lines, page
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.importing.plans import account, bucket, deployment, gateway, id_of, plan, written


def test_secrets_are_references_and_nothing_shows_them() -> None:
    environment = {
        "HF_TOKEN": "hf_abcdef",
        "VLLM_LOGGING_LEVEL": "DEBUG",
        "VLLM_USE_V1": "1",
        "ODD": "s3cr3t/1",
    }
    snapshot = account(
        gateway(),
        deployment("chat", runtime={"engineEnv": environment}),
        deployment("other", runtime={"engineEnv": {"HF_TOKEN": "hf_abcdef"}}),
    )
    found = plan(snapshot)

    entries = written(found)["deployments"]
    assert entries["chat"]["runtime"]["engineEnv"] == {
        "HF_TOKEN": {"fromEnv": "CHAT_HF_TOKEN"},
        "VLLM_LOGGING_LEVEL": "DEBUG",
        "VLLM_USE_V1": 1,
        "ODD": {"fromEnv": "CHAT_ODD"},
    }
    assert entries["other"]["runtime"]["engineEnv"] == {"HF_TOKEN": {"fromEnv": "CHAT_HF_TOKEN"}}
    assert found.environment == {"CHAT_HF_TOKEN": "hf_abcdef", "CHAT_ODD": "s3cr3t/1"}
    assert found.proof.is_empty
    shown = "\n".join([found.text, *lines(found), page(found, "serving/dev", []), repr(found)])
    assert "hf_abcdef" not in shown
    assert "s3cr3t" not in shown
    place = f"GET /v1alpha1/inference/deployments/{id_of('chat')}"
    assert (
        f'export before each run: CHAT_ODD (runtime.engineEnv["ODD"] in {place} has its value now)' in shown
    )
    assert "proof: the next preview is empty, once 2 variables are exported" in shown

    set_otherwise = plan(snapshot, found.text, CHAT_HF_TOKEN="another", CHAT_ODD="s3cr3t/1")
    assert [one.label for one in set_otherwise.proof.expected] == ['deployment "chat"', 'deployment "other"']
    assert "another" not in str(set_otherwise.proof)


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("SIGNINGKEY", "GzTqWbLm", True),
        ("ODD", "GzTqWbLmNvPrXsYd", True),
        ("ODD", "correcthorsebatterystaple", True),
        ("VLLM_ATTENTION_BACKEND", "FLASH_ATTN", False),
        ("VLLM_WORKER_MULTIPROC_METHOD", "spawn", False),
        ("VLLM_USE_V1", "True", False),
        ("VLLM_LOGGING_LEVEL", "warning", False),
        ("VLLM_LOGGING_LEVEL", "hunter", True),
        ("ODD", "hunter", True),
        ("ODD", "DEBUG", True),
        ("ODD", "Passw", True),
        ("ODD", "-12.5", False),
        ("ODD", "on", False),
        ("DB_PIN", "1234", True),
        ("ODD", "1234567890", True),
        ("NCCL_DEBUG_SUBSYS", "INIT,NET", False),
        ("NCCL_SOCKET_IFNAME", "^lo,docker0", False),
        ("CUDA_VISIBLE_DEVICES", "0,1,2,3", False),
        ("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True,max_split_size_mb:128", False),
        ("TRANSFORMERS_VERBOSITY", "error", False),
    ],
)
def test_what_may_be_a_secret_is_known_by_name_and_by_value(name: str, value: str, secret: bool) -> None:
    snapshot = account(gateway(), deployment("chat", runtime={"engineEnv": {name: value}}))

    found = plan(snapshot)

    assert (value not in found.text) is secret
    assert found.proof.is_empty


def test_a_key_that_the_service_never_returns_is_a_reference_with_a_comment() -> None:
    live = gateway(coreWeaveAuth=None, weightsAndBiasesAuth={"serverUrl": "https://wandb.example.com"})

    found = plan(account(live))

    assert written(found)["gateways"]["public"]["weightsAndBiasesAuth"] == {
        "serverUrl": "https://wandb.example.com",
        "apiKey": {"fromEnv": "PUBLIC_WANDB_API_KEY"},
    }
    assert "# The service never returns apiKey" in found.text
    assert found.proof.is_empty
    assert "PUBLIC_WANDB_API_KEY" in str(found.proof.open)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40).filter(lambda text: "$(" not in text)


@settings(deadline=None)
@given(st.dictionaries(st.from_regex(r"\A[A-Za-z0-9_.-]{1,20}\Z"), TEXTS, max_size=4), TEXTS.filter(bool))
def test_any_text_that_the_service_has_comes_back_as_the_same_text(config: dict[str, str], path: str) -> None:
    path = path.replace("..", "_")
    live = deployment(runtime={"engineConfig": config}, model={"path": path})

    found = plan(account(gateway(), live, buckets=(bucket(policy=None),)))

    assert found.proof.is_empty
    declared = found.declaration.deployments["chat"].spec
    assert (declared["model"]["path"], declared["runtime"].get("engineConfig", {})) == (path, config)


# fmt: off
WORDS = (
    "yes", "No", "on", "OFF", "y", "n", "true", "null", "~", "12:30", "1:2:3", "0x1F", "0o17", "017",
    "1_000", "1e3", "1.5e3", ".inf", "-.INF", ".nan", ".", ".5", "5.", "-1", "+1", "2024-01-01",
    "2024-01-01T10:00:00Z", "=", "<<", "-", "--", "---", "...", "?", ":", "%a", "@a", "a:", "0b11",
    "0.90", "00", "*", "&", "!", "|", ">", "[", "{", "#",
)
# fmt: on
YAML_TEXTS = st.sampled_from(["", " ", "a: b", "a #b", *WORDS]) | TEXTS
YAML_VALUES = st.recursive(
    YAML_TEXTS | st.integers(-(10**9), 10**9) | st.booleans() | st.none(),
    lambda inner: st.lists(YAML_TEXTS, max_size=3) | st.dictionaries(YAML_TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    st.sampled_from(
        ["", "gateways: {}\n", "gateways: {old: {x: 1}}\n", "gateways:\n    old:\n        x: 1\n"]
    ),
    YAML_TEXTS.filter(lambda key: key != "old"),
    st.dictionaries(YAML_TEXTS, YAML_VALUES, max_size=4),
)
def test_what_is_written_is_the_same_to_the_own_reader_and_to_that_of_pyyaml(
    before: str, key: str, values: dict[str, object]
) -> None:
    written_text = with_entries(before, [Entry(("gateways",), key, values)])

    own = load(Path("inference.yaml"), Report("inference.yaml"), written_text).data
    assert own["gateways"][key] == values
    assert yaml.safe_load(written_text)["gateways"][key] == values


@pytest.mark.parametrize("word", WORDS)
def test_a_word_that_some_reader_takes_for_something_else_is_quoted(word: str) -> None:
    text = with_entries("", [Entry(("gateways",), word, {word: [word], "x": {word: word}})])

    assert yaml.safe_load(text)["gateways"] == {word: {word: [word], "x": {word: word}}}
