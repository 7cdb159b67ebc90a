from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import coreweave_inference
import pytest
from coreweave_inference.policy import statements as policy
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.behaviour import KNOBS
from typer.testing import Result

from tests.simulator.inference_fixtures import environment_of

Command = Callable[..., Result]
COMMANDS = (
    "preview",
    "up",
    "destroy",
    "refresh",
    "status",
    "outputs",
    "call",
    "init",
    "catalog",
    "policy",
    "simulate",
    "version",
    "weights push",
    "review",
)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


def as_process(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "coreweave_inference.cli", *arguments]


def bare_environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(coreweave_inference.__file__).parent.parent)}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(cw_inference: Command, command: str) -> None:
    done = cw_inference(*command.split(), "--help")

    assert done.exit_code == 0
    assert f"Example: cw-inference {command}" in done.output


def test_version_is_the_package_s(cw_inference: Command) -> None:
    for arguments in ("version", "--version"):
        done = cw_inference(arguments)
        assert (done.exit_code, done.stdout) == (0, f"{coreweave_inference.__version__}\n")


@pytest.mark.parametrize("command", ["up", "destroy"])
def test_without_a_terminal_a_change_needs_yes(cw_inference: Command, tmp_path: Path, command: str) -> None:
    asked = cw_inference(command, str(tmp_path))
    for_machines = cw_inference(command, str(tmp_path), "--json")

    assert (asked.exit_code, asked.stdout) == (2, "")
    assert asked.stderr == f"error: `{command}` needs --yes here: there is no terminal to ask on\n"
    assert for_machines.exit_code == 2
    assert json.loads(for_machines.stdout) == {
        "version": 1,
        "ok": False,
        "findings": [],
        "errors": [f"`{command}` needs --yes here: --json asks no questions"],
    }


def test_what_is_no_stack_directory_is_the_caller_s_to_fix(cw_inference: Command, tmp_path: Path) -> None:
    done = cw_inference("preview", str(tmp_path), "--json")

    assert done.exit_code == 2
    assert json.loads(done.stdout)["errors"][0].startswith(f"{tmp_path} is not a stack directory")


def test_only_knows_buckets(cw_inference: Command, tmp_path: Path) -> None:
    done = cw_inference("up", str(tmp_path), "--yes", "--only", "bucket")

    assert (done.exit_code, done.stderr) == (
        2,
        'error: invalid value "bucket" for --only; did you mean "buckets"? valid: buckets\n',
    )


def test_policy_prints_the_whole_document_without_any_settings(cw_inference: Command) -> None:
    done = cw_inference(
        "policy",
        "acme",
        "--prefix",
        "models",
        "--owner-access",
        "organization",
        "--organization-id",
        "ab1cd2",
    )

    assert done.exit_code == 0
    assert json.loads(done.stdout) == policy.merged(
        None, policy.inference_statement("acme", ["models"]), policy.owner_statement("acme", "ab1cd2")
    )


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            ("acme", "--owner-access", "everybody"),
            '--owner-access "everybody" is not known; use organization or none',
        ),
        (("acme", "--owner-access", "organization"), "--owner-access organization needs --organization-id"),
        (
            ("acme", "--prefix", "mo*els"),
            'prefix "mo*els" holds a wildcard; write the folder alone, such as "models"',
        ),
        (("ac",), 'BUCKET "ac" has 2 characters, a bucket\'s name has 3 to 63'),
    ],
)
def test_a_policy_that_would_mean_something_else_is_refused(
    cw_inference: Command, arguments: tuple[str, ...], why: str
) -> None:
    done = cw_inference("policy", *arguments)

    assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"error: {why}\n")


def test_the_catalogue_lists_zones_types_engines_and_names(
    cw_inference: Command, simulator: Simulator, tmp_path: Path
) -> None:
    done = cw_inference("catalog", str(tmp_path), "--json", **environment_of(simulator))

    document = json.loads(done.stdout)
    assert document["zones"] == ["RNO2A", "US-EAST-04A", "US-WEST-04A"]
    assert document["instanceTypes"]["RNO2A"] == ["gd-8xh100ib-i128", "gd-8xl40s-i128"]
    assert document["engines"]["vllm"]["versions"][0] == "0.22.0+crwv.2"
    assert "max-model-len" in document["engines"]["vllm"]["configKeys"]
    assert "HF_HUB_OFFLINE" in document["engines"]["vllm"]["environmentNames"]
    assert document["notRead"] == []
    assert (document["ok"], document["errors"], document["findings"]) == (True, [], [])
    text = cw_inference("catalog", str(tmp_path), **environment_of(simulator)).stdout.splitlines()
    assert text[1] == "  RNO2A          gd-8xh100ib-i128, gd-8xl40s-i128"
    assert document["deploymentInstanceTypes"] == []
    assert "  - (the service lists them once there is a gateway)" in text


def test_a_catalogue_that_cannot_be_read_says_so(
    cw_inference: Command, simulator: Simulator, tmp_path: Path
) -> None:
    usual = simulator.behaviour
    simulator.behaviour = replace(usual, parameters_fail=True)
    try:
        done = cw_inference(
            "catalog", str(tmp_path), COREWEAVE_RETRY_SECONDS="0", **environment_of(simulator)
        )
    finally:
        simulator.behaviour = usual

    refused = cw_inference(
        "catalog", str(tmp_path), **{**environment_of(simulator), "COREWEAVE_API_TOKEN": "CW-SECRET-unknown"}
    )

    assert (done.exit_code, refused.exit_code) == (1, 2)
    for found in (done, refused):
        assert (found.stdout, found.stderr[:7], found.stderr.count("\n")) == ("", "error: ", 1)


def test_a_directory_that_is_not_there_is_bad_input(cw_inference: Command, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "config.json").write_text("{}")
    missing = str(tmp_path / "none")
    pushed = ("weights", "push", str(tmp_path / "weights"), "acme-weights", "models/chat", "--dir", missing)

    for arguments in (("catalog", missing), ("preview", missing), pushed):
        done = cw_inference(*arguments, COREWEAVE_API_TOKEN="t")
        assert (done.exit_code, missing in done.stderr, len(done.stderr.splitlines())) == (2, True, 1)


def test_a_command_without_a_token_names_where_it_may_come_from(
    cw_inference: Command, tmp_path: Path
) -> None:
    done = cw_inference("catalog", str(tmp_path))

    assert done.exit_code == 2
    assert done.stderr.startswith("error: no CoreWeave API token: set one of COREWEAVE_API_TOKEN")


def test_in_a_stack_directory_its_plain_configuration_counts(
    cw_inference: Command, simulator: Simulator, tmp_path: Path
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: serving\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text(f"config:\n  coreweave:endpoint: {simulator.url}\n")

    done = cw_inference("catalog", str(tmp_path), "--json", COREWEAVE_API_TOKEN=simulator.token)

    assert json.loads(done.stdout)["zones"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_simulator_prints_where_it_is_and_ends_on_a_signal(number: signal.Signals) -> None:
    with subprocess.Popen(
        as_process("simulate", "--json", "--set", "deployment_create_seconds=9"),
        env=bare_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            announced = json.loads(process.stdout.readline())
            process.send_signal(number)
            rest, error = process.communicate(timeout=10)
        finally:
            process.kill()

    assert (process.returncode, rest, error) == (0, "", "")
    assert announced["environment"] == {
        "COREWEAVE_API_ENDPOINT": announced["url"],
        "COREWEAVE_S3_ENDPOINT": announced["url"],
        "COREWEAVE_OBSERVE_ENDPOINT": announced["url"],
        "COREWEAVE_API_TOKEN": announced["token"],
    }


def test_a_knob_that_the_simulator_does_not_have_is_one_error_and_help_lists_those_it_has(
    cw_inference: Command,
) -> None:
    mistyped = cw_inference("simulate", "--set", "deployment_create_second=1")
    unknown = cw_inference("simulate", "--set", "nonsense=1")
    formless = cw_inference("simulate", "--set", "nonsense")
    listed = cw_inference("simulate", "--set", "help")

    wanted = '"deployment_create_second": no such setting; did you mean "deployment_create_seconds"?'
    assert (mistyped.exit_code, mistyped.stderr) == (
        2,
        f"error: --set {wanted}; `--set help` lists the settings\n",
    )
    assert (unknown.exit_code, len(unknown.stderr.splitlines())) == (2, 1)
    assert (formless.exit_code, "needs the form KNOB=VALUE" in formless.stderr) == (2, True)
    lines = listed.stdout.splitlines()
    names = [line.partition("=")[0] for line in lines[::2]]
    assert (listed.exit_code, names) == (0, list(KNOBS))
    assert all(line.strip() for line in lines)
    assert lines[names.index("gzip") * 2] == "gzip=true"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            ("--set", "deployment_create_seconds=abc"),
            "deployment_create_seconds is 'abc': should be a valid number",
        ),
        (
            ("--set", "deployment_create_seconds=-3"),
            "deployment_create_seconds is -3: should be greater than or equal",
        ),
        (("--set", "claim_create_seconds=NaN"), "claim_create_seconds is nan: should be a finite number"),
        (("--set", "gzip=7", "--set", "missing_policy=x"), "gzip is 7: should be a valid boolean"),
        (("--set", "organisations=[]"), "organisations is []: Tuple should have at least 1 item"),
        (("--speed", "nan"), "speed is nan, but time never runs back"),
        (("--state", "pyproject.toml"), "--state pyproject.toml: is no state of a simulator"),
        (("--state", "no/such/folder/s.json"), "--state no/such/folder/s.json: cannot be written"),
        (("--port", "99999"), "65535"),
    ],
)
def test_a_value_that_the_simulator_cannot_use_is_one_sentence_with_the_name_of_its_setting(
    cw_inference: Command, arguments: tuple[str, ...], why: str
) -> None:
    done = cw_inference("simulate", *arguments)

    assert (done.exit_code, done.stdout) == (2, "")
    assert why in done.stderr
    assert "pydantic" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if "rror:" in line or "Invalid value" in line]) == 1
