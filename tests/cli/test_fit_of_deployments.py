"""`fit` of the deployments in a declaration, against the simulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from coreweave_inference.checks.pages import base
from coreweave_inference.simulator import Simulator
from typer.testing import Result

from tests.simulator.inference_fixtures import environment_of, s3_client
from tests.storage.weights_files import LLAMA, TINY, TINY_WEIGHTS, whole

Fit = Callable[..., Result]
LATENT = {**TINY, "model_type": "deepseek_v2"}
LARGE = {**LLAMA, "num_hidden_layers": 126, "hidden_size": 16384, "num_attention_heads": 128}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A simulator with three models in a bucket, and a declaration of two, in the working directory."""
    with Simulator() as simulator:
        client = s3_client(simulator)
        client.create_bucket(
            Bucket="acme-weights", CreateBucketConfiguration={"LocationConstraint": "US-EAST-04A"}
        )
        for model, config in (("chat-v1", TINY), ("chat-v2", LARGE), ("latent", LATENT)):
            for name, body in (
                ("config.json", json.dumps(config).encode()),
                ("model.safetensors", whole(TINY_WEIGHTS)),
            ):
                client.put_object(Bucket="acme-weights", Key=f"models/{model}/{name}", Body=body)
        client.close()
        declaration = yaml.safe_load(base())
        del declaration["deployments"]["chat"]["runtime"]["engineConfig"]
        (tmp_path / "inference.yaml").write_text(yaml.safe_dump(declaration))
        yield environment_of(simulator)


def test_every_deployment_is_answered_and_the_worst_verdict_decides(
    fit: Fit, account: dict[str, str]
) -> None:
    done = fit("--json", "--instance-type", "gd-8xl40s-i128", **account)

    document = json.loads(done.output)
    assert (done.exit_code, document["verdict"]) == (3, "does not fit")
    verdicts = {found["deployment"]: found["verdict"] for found in document["deployments"]}
    assert verdicts == {"chat": "fits", "canary": "does not fit"}


def test_a_deployment_is_answered_by_its_key(fit: Fit, account: dict[str, str]) -> None:
    chat, canary = fit("chat", **account), fit("canary", "--instance-type", "gd-8xl40s-i128", **account)
    other = fit("chta", **account)

    assert (chat.exit_code, canary.exit_code, other.exit_code) == (0, 3, 2)
    assert chat.output.startswith('deployment "chat", models/chat-v1 in bucket acme-weights: fits')
    assert 'did you mean "chat"?' in other.output


@pytest.mark.parametrize(
    ("runtime", "expected"),
    [
        ({"engine": "vllm"}, 2 * (512 + 64) * 2),
        ({"engine": "vllm", "engineEnv": {"VLLM_MLA_DISABLE": "1"}}, 2 * 4 * 2 * (128 + 64) * 2),
        ({"engine": "vllm", "version": "0.5.0"}, 2 * 4 * 2 * (128 + 64) * 2),
        ({"engine": "dynamo-vllm", "version": "0.5.0"}, 2 * (512 + 64) * 2),
    ],
)
def test_environment_and_version_of_a_deployment_count_as_in_a_check(
    fit: Fit, account: dict[str, str], tmp_path: Path, runtime: dict[str, object], expected: int
) -> None:
    file = tmp_path / "inference.yaml"
    declaration = yaml.safe_load(file.read_text())
    declaration["deployments"]["chat"]["runtime"] = runtime
    declaration["deployments"]["chat"]["model"]["path"] = "models/latent"
    file.write_text(yaml.safe_dump(declaration))

    document = json.loads(fit("chat", "--json", **account).output)

    assert document["kvBytesPerToken"] == expected


def test_without_the_service_a_deployment_is_unknown(fit: Fit, account: dict[str, str]) -> None:
    done = fit("chat", "--offline", **account)

    assert done.exit_code == 4
    assert done.output.splitlines()[1].strip() == "its weights were not read"
