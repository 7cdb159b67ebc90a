"""Which stack a command runs: a name that nobody made is refused, and nothing is made or selected on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from coreweave_inference.simulator import Simulator

from tests.running.command_line import Stack, gateways


def made(stack: Stack, simulator: Simulator) -> tuple[list[str], list[str], int]:
    """Files of stacks, stacks of the backend, and requests that the service saw."""
    files = sorted(file.name for file in stack.path.glob("Pulumi.*.yaml"))
    backend = sorted(file.stem for file in stack.backend.glob(".pulumi/stacks/**/*.json"))
    return files, backend, len(simulator.journal.entries())


@pytest.mark.parametrize(
    "command",
    [("preview",), ("up", "--yes"), ("destroy", "--yes"), ("refresh",), ("check",), ("catalog",)],
    ids=lambda command: command[0],
)
def test_a_mistyped_stack_is_refused_with_the_right_name_and_nothing_is_made(
    stack: Stack, simulator: Simulator, command: tuple[str, ...]
) -> None:
    stack.declare(gateways("public"))
    before = made(stack, simulator)

    done = stack.run(*command, stack="dve")

    assert done.returncode == 2, done.stderr
    assert 'there is no stack "dve"' in done.stderr
    assert 'did you mean "dev"?' in done.stderr
    assert made(stack, simulator) == before


def test_a_stack_that_the_backend_does_not_have_is_no_stack_without_resources(stack: Stack) -> None:
    stack.declare(gateways("public"))

    for command in (("destroy", "--yes"), ("refresh",)):
        done = stack.run(*command)

        assert done.returncode == 2
        assert 'has no stack "dev"; nothing was changed' in done.stderr
        assert str(stack.backend) in done.stderr


def test_a_run_selects_no_stack_and_its_first_line_says_what_it_is_about(
    stack: Stack, simulator: Simulator
) -> None:
    stack.declare(gateways("public"))
    stack.path.joinpath("Pulumi.prod.yaml").write_text("config: {}\n")

    up = stack.run("up", "--yes")
    preview = stack.run("preview", "--json")
    unnamed = stack.run("preview", stack=None)

    assert up.stdout.splitlines()[0] == f"stack serving/dev, {simulator.url}"
    assert f"stack serving/dev, organization ab1cd2, {simulator.url}" in preview.stderr.splitlines()
    assert unnamed.returncode == 2
    assert "which stack? there are dev, prod" in unnamed.stderr


def test_the_first_stack_of_a_directory_is_made_by_up_with_an_identity(stack: Stack) -> None:
    stack.declare(gateways("public"))
    (stack.path / "Pulumi.dev.yaml").unlink()

    previewed = stack.run("preview", stack="first")
    went_up = stack.run("up", "--yes", stack="first")

    assert previewed.returncode == 2
    assert went_up.returncode == 0, went_up.stderr
    written = yaml.safe_load((stack.path / "Pulumi.first.yaml").read_text())
    assert len(written["config"]["coreweave:identity"]) == 32


def test_init_completes_a_file_without_identity_unless_the_stack_has_objects(
    stack: Stack, tmp_path: Path
) -> None:
    stack.declare(gateways("public"))
    file = stack.path / "Pulumi.dev.yaml"
    file.write_text("config: {}\n")

    completed = stack.run("init", str(stack.path))
    identity = yaml.safe_load(file.read_text())["config"]["coreweave:identity"]
    assert stack.run("up", "--yes").returncode == 0
    file.write_text(
        "\n".join(line for line in file.read_text().splitlines() if "identity" not in line) + "\n"
    )
    refused = stack.run("init", str(stack.path))

    assert completed.returncode == 0, completed.stderr
    assert len(identity) == 32
    assert refused.returncode == 2
    assert "has objects, whose ids come from its name" in refused.stderr


def test_every_command_reads_token_and_endpoint_where_a_run_reads_them(
    stack: Stack, simulator: Simulator
) -> None:
    stack.declare(gateways("public"))
    token = stack.environment.pop("COREWEAVE_API_TOKEN")
    endpoint = stack.environment.pop("COREWEAVE_API_ENDPOINT")
    project = stack.path / "Pulumi.yaml"
    (stack.path / "stacks").mkdir()
    (stack.path / "Pulumi.dev.yaml").rename(stack.path / "stacks" / "Pulumi.dev.yaml")
    project.write_text(
        f"{project.read_text()}stackConfigDir: stacks\nconfig:\n  coreweave:endpoint: {endpoint}\n"
    )
    stack.environment["PULUMI_CONFIG_PASSPHRASE"] = "secret"
    assert stack.run("preview").returncode != 0  # Without a token; it makes the stack in the backend.
    stack.pulumi("config", "set", "--secret", "coreweave:token", token, "--stack", "dev")
    requests = len(simulator.journal.entries())

    up, checked, catalog = stack.run("up", "--yes"), stack.run("check"), stack.run("catalog", "--json")
    stack.environment["PULUMI_CONFIG_PASSPHRASE"] = "wrong"
    undecryptable = stack.run("catalog")

    assert up.returncode == 0, up.stdout + up.stderr
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert catalog.returncode == 0, catalog.stderr
    assert "there is no token" not in checked.stdout
    assert len(simulator.journal.entries()) > requests
    assert undecryptable.returncode == 2
    assert "coreweave:token in Pulumi.dev.yaml is encrypted and cannot be read" in undecryptable.stderr


def test_a_check_says_that_a_stack_whose_objects_are_used_could_not_be_read(stack: Stack) -> None:
    stack.declare("existing: {gateways: {public: {stack: organization/platform/prdo}}}\n", gateways("own"))

    done = stack.run("check")

    assert done.returncode == 0, done.stderr
    assert 'not checked: what stack "organization/platform/prdo" exports could not be read' in done.stdout
