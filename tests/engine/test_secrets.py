"""A whole life with every secret there is, searched for afterwards in all that was written down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from coreweave_inference.engine import local_backend

from tests.engine.declarations import edited, stack
from tests.engine.workbench import Workbench

API_KEY = "wandb-0123456789abcdef-very-secret"
ENVIRONMENT_VALUE = "DEBUG-0123456789-very-secret"
"""Both are encrypted in the state. The engine itself writes them into its log at `-v=9`, which is not ours to change."""


def test_token_secret_keys_and_declared_secrets_are_found_nowhere(
    workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", API_KEY)
    monkeypatch.setenv("ENGINE_SECRET", ENVIRONMENT_VALUE)
    service = workbench.service
    service.turn(weights_and_biases_instances=True)
    secret = stack(
        gateways={
            "public": {
                "coreWeaveAuth": None,
                "weightsAndBiasesAuth": {
                    "serverUrl": "https://wandb.example.com",
                    "apiKey": {"fromEnv": "WANDB_API_KEY"},
                },
            }
        },
        deployments={
            "chat": {"runtime": {"engineEnv": {"VLLM_LOGGING_LEVEL": {"fromEnv": "ENGINE_SECRET"}}}}
        },
    )
    workbench.declare(secret)

    up = workbench.up("--debug")
    quiet = workbench.preview("--diff", "--debug")
    service.misbehave("status", "PATCH", "deployments/", status=400)
    workbench.declare(edited(secret, {"deployments": {"chat": {"autoscaling": {"max": 5}}}}))
    failed = workbench.up("--refresh", "--diff", "--debug")
    exported = json.loads(workbench.pulumi("stack", "export", "--stack", "dev"))
    read = local_backend.exported(
        {"PULUMI_BACKEND_URL": workbench.environment["PULUMI_BACKEND_URL"] or ""}, "serving", "dev"
    )
    written = _texts(tmp_path)
    down = workbench.destroy("--debug", "-v=9", "--logtostderr", "--logflow")
    written_loudly = _texts(tmp_path)

    assert (up.ok, quiet.ok, failed.ok, down.ok) == (True, True, False, True), (up.errors, down.errors)
    assert quiet.changes == {}
    assert read == exported
    assert [body["runtime"]["engineEnv"] for body in up.bodies("POST", "deployments")] == [
        {"VLLM_LOGGING_LEVEL": ENVIRONMENT_VALUE}
    ]
    minted = [key.secret_key for key in service.simulator.storage.credentials._keys.values()]
    assert len(minted) > 3
    for words in (API_KEY, ENVIRONMENT_VALUE):
        assert [path for path, text in written.items() if words in text] == []
    for words in (service.simulator.token, *minted):
        assert [path for path, text in written_loudly.items() if words in text] == []


def test_a_value_that_others_added_to_the_environment_is_a_secret_everywhere_also_where_the_service_repeats_it(
    workbench: Workbench, tmp_path: Path
) -> None:
    service = workbench.service
    workbench.declare(stack())
    up = workbench.up()
    (name,) = service.live("deployments")
    service.edit("deployments", name, {"runtime": {"engineEnv": {"HF_TOKEN": ENVIRONMENT_VALUE}}})

    refreshed = workbench.refresh("--diff")

    assert (up.ok, refreshed.ok) == (True, True), refreshed.errors
    assert "HF_TOKEN" in workbench.state_text()
    for text in (refreshed.output, workbench.state_text(), *map(str, refreshed.events)):
        assert ENVIRONMENT_VALUE not in text


def _texts(directory: Path) -> dict[str, str]:
    return {str(path): path.read_text(errors="replace") for path in directory.rglob("*") if path.is_file()}
