"""`cw-inference check`: texts, JSON and exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from coreweave_inference.checks.pages import base
from coreweave_inference.cli.application import application
from coreweave_inference.simulator import Simulator
from typer.testing import CliRunner, Result

from tests.simulator.inference_fixtures import environment_of

Command = Callable[..., Result]
FOREIGN = ("COREWEAVE_", "CW_", "AWS_", "PULUMI_")


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Runs the command on a directory with the given files, with nothing of the caller's environment."""
    import os

    for name in list(os.environ):
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)

    def run(*arguments: str, files: dict[str, str], environment: dict[str, str] | None = None) -> Result:
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        return CliRunner().invoke(application, ["check", str(tmp_path), *arguments], env=environment or {})

    return run


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


SOUND = {"inference.yaml": base()}
NO_TRAFFIC = {
    "inference.yaml": base().replace("{weight: 900}", "{weight: 0}").replace("{weight: 100}", "{weight: 0}")
}
WITH_OVERLAY = {
    **SOUND,
    "Pulumi.yaml": "name: serving\nruntime: python\n",
    "Pulumi.dev.yaml": "config: {}\n",
    "Pulumi.prod.yaml": "config: {}\n",
    "inference.prod.yaml": "capacityClaims: {h200: {instanceCount: 5}}\n",
}


def test_a_sound_declaration_ends_in_a_line_of_zeros(check: Command) -> None:
    done = check("--offline", files=SOUND)

    assert done.exit_code == 0
    traffic, group, note, counts = done.output.splitlines()
    assert (traffic, group) == ("traffic", "  acme/chat on public: chat 90 %, canary 10 %")
    assert note.startswith("not checked: nothing was asked of the service (offline)")
    assert counts == "0 errors, 0 warnings, 0 notes, 0 accepted"


def test_an_error_ends_in_exit_code_2_with_its_place(check: Command, tmp_path: Path) -> None:
    done = check("--offline", files=NO_TRAFFIC)

    assert done.exit_code == 2
    assert f'traffic-sum-zero deployment "chat" ({tmp_path}/inference.yaml:' in done.output
    assert done.output.splitlines()[-1] == "1 error, 0 warnings, 0 notes, 0 accepted"


def test_a_declaration_that_is_at_fault_ends_in_exit_code_2(check: Command) -> None:
    done = check("--offline", files={"inference.yaml": "version: 1\ngateway: {}\n"})

    assert done.exit_code == 2
    assert 'did you mean "gateways"?' in done.output


def test_a_fault_of_the_declaration_is_a_finding_with_code_file_and_line(
    check: Command, tmp_path: Path
) -> None:
    done = check("--offline", "--json", files={"inference.yaml": "version: 1\ngateway: {}\n"})

    document = json.loads(done.stdout)
    assert (done.exit_code, document["ok"]) == (2, False)
    (finding,) = document["findings"]
    assert (finding["code"], finding["severity"]) == ("invalid-declaration", "error")
    assert finding["origin"] == {"file": str(tmp_path / "inference.yaml"), "line": 2}


def test_json_holds_the_findings_and_their_counts(check: Command, tmp_path: Path) -> None:
    done = check("--offline", "--json", files=NO_TRAFFIC)

    document = json.loads(done.stdout)
    assert done.exit_code == 2
    assert not document["ok"]
    assert document["counts"] == {"error": 1, "warning": 0, "note": 0, "accepted": 0}
    (finding,) = document["findings"]
    assert (finding["code"], finding["kind"], finding["key"]) == ("traffic-sum-zero", "deployment", "chat")
    assert finding["origin"]["file"] == str(tmp_path / "inference.yaml")


def test_the_overlay_of_the_named_stack_is_laid_over(check: Command, tmp_path: Path) -> None:
    dev = check("--offline", "--stack", "dev", files=WITH_OVERLAY)
    prod = check("--offline", "--stack", "prod", files=WITH_OVERLAY)

    assert "claim-larger-than-max" not in dev.output
    assert f'claim-larger-than-max capacity claim "h200" ({tmp_path}/inference.prod.yaml:1)' in prod.output


def test_print_shows_each_value_with_the_place_where_it_was_written(check: Command, tmp_path: Path) -> None:
    done = check("--print", "--json", "--stack", "prod", files=WITH_OVERLAY)

    values = {value["path"]: value for value in json.loads(done.stdout)["values"]}
    assert values["capacityClaims.h200.instanceCount"] == {
        "path": "capacityClaims.h200.instanceCount",
        "value": 5,
        "file": str(tmp_path / "inference.prod.yaml"),
        "line": 1,
    }
    inherited = values['deployments.canary.runtime.engineConfig["max-model-len"]']
    own = values['deployments.chat.runtime.engineConfig["max-model-len"]']
    assert (inherited["value"], inherited["line"]) == (own["value"], own["line"])
    assert (
        check("--print", files=SOUND)
        .output.splitlines()[0]
        .startswith('buckets.weights.name: "acme-weights"')
    )


def test_a_secret_is_printed_as_the_reference_to_it(check: Command) -> None:
    secret = base().replace("{engine: vllm,", "{engine: vllm, engineEnv: {HF_TOKEN: {fromEnv: HF_TOKEN}},")

    done = check("--print", files={"inference.yaml": secret})

    assert 'deployments.chat.runtime.engineEnv["HF_TOKEN"]: {"fromEnv": "HF_TOKEN"}' in done.output


def test_with_a_token_the_service_is_read_and_a_state_that_is_not_there_is_a_note(
    check: Command, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = environment_of(simulator, PATH="")
    misspelt = base().replace("max-model-len", "max-model-length")

    done = check(
        "--stack", "dev", files={**WITH_OVERLAY, "inference.yaml": misspelt}, environment=environment
    )

    assert done.exit_code == 2
    assert 'did you mean "max-model-len"?' in done.output
    assert "not checked: the last state could not be read, so changes were not judged" in done.output
