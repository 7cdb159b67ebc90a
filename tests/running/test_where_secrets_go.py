"""A change of the configuration, as a pull request can make it, does not decide where a token goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.organisations import Token

from tests.running.collector import URL, collecting
from tests.running.command_line import Stack, claims

PUSH = ("weights", "push", ".", "acme-weights", "models")
COMMANDS = (
    ("check",),
    ("preview",),
    ("up", "--yes", "--no-refresh"),
    ("destroy", "--yes"),
    ("catalog",),
    PUSH,
    ("review", "--refresh"),
)


def configure(stack: Stack, **keys: str) -> None:
    """Write the stack's configuration."""
    lines = [f"  coreweave:{key}: {value}\n" for key, value in {"identity": "5f1c0f6a4d", **keys}.items()]
    (stack.path / "Pulumi.dev.yaml").write_text("config:\n" + "".join(lines))


def test_no_command_sends_the_environments_token_to_an_endpoint_that_only_the_configuration_names(
    stack_of: Callable[..., Stack], simulator: Simulator
) -> None:
    with collecting() as collector:
        stack = stack_of(**collector.variables)
        del stack.environment["COREWEAVE_API_ENDPOINT"], stack.environment["COREWEAVE_S3_ENDPOINT"]
        stack.declare(claims("h200"))
        configure(stack, endpoint=simulator.url, s3Endpoint=simulator.url)
        assert stack.run("up", "--yes").returncode == 0
        before = simulator.control.account()

        configure(stack, endpoint=URL, s3Endpoint=simulator.url)
        moved = {command: stack.run(*command) for command in COMMANDS}
        configure(stack, endpoint=simulator.url, s3Endpoint=URL)
        storage = {command: stack.run(*command) for command in (("up", "--yes"), PUSH)}

        assert collector.requests == []
        for command, done in (*moved.items(), *storage.items()):
            assert done.returncode == (1 if command[0] == "review" else 2), (
                command,
                done.stdout,
                done.stderr,
            )
            assert URL in done.stdout + done.stderr, (command, done.stdout, done.stderr)
            assert "Traceback" not in done.stderr
        assert simulator.control.account() == before

        configure(stack, endpoint=simulator.url, s3Endpoint=simulator.url)
        back = stack.run("up", "--yes")

        assert back.returncode == 0, back.stderr
        assert "1 created" not in back.stdout


def test_a_new_stack_sends_nothing_there_unless_the_host_is_allowed(stack_of: Callable[..., Stack]) -> None:
    with collecting() as collector:
        stack = stack_of(**collector.variables)
        del stack.environment["COREWEAVE_API_ENDPOINT"]
        stack.declare(claims("h200"))
        configure(stack, endpoint=URL)

        refused = stack.run("check")

        assert (refused.returncode, collector.requests) == (2, [])
        assert "COREWEAVE_ALLOWED_HOSTS=collector.example" in refused.stderr

        stack.environment["COREWEAVE_ALLOWED_HOSTS"] = "other.example, Collector.Example"
        stack.run("check")

        assert {header for _, header in collector.requests} == {
            f"Bearer {stack.environment['COREWEAVE_API_TOKEN']}"
        }


def test_a_rotated_token_and_an_endpoint_set_back_hold_for_every_run_at_once(
    stack_of: Callable[..., Stack], simulator: Simulator
) -> None:
    stack = stack_of()
    token = stack.environment.pop("COREWEAVE_API_TOKEN")
    del stack.environment["COREWEAVE_API_ENDPOINT"], stack.environment["COREWEAVE_S3_ENDPOINT"]
    stack.declare(claims("h200"))
    configure(stack, endpoint=simulator.url, s3Endpoint=simulator.url)
    stack.pulumi("stack", "init", "dev")
    stack.pulumi("config", "set", "--stack", "dev", "--secret", "coreweave:token", token)
    assert stack.run("up", "--yes").returncode == 0

    # The last run's configuration, which the engine keeps in the state: a wrong endpoint, and now an old token.
    state = stack.pulumi("stack", "export", "--stack", "dev")
    assert f'"coreweave:endpoint": "{simulator.url}"' in state
    wrong = state.replace(
        f'"coreweave:endpoint": "{simulator.url}"', '"coreweave:endpoint": "http://127.0.0.1:9"'
    )
    stack.pulumi("stack", "import", "--stack", "dev", standard_input=wrong)
    owner, *others = simulator.behaviour.organisations
    rotated = replace(owner, tokens=(Token("CW-SECRET-simulator-rotated"),))
    simulator.behaviour = replace(simulator.behaviour, organisations=(rotated, *others))
    stack.pulumi(
        "config", "set", "--stack", "dev", "--secret", "coreweave:token", "CW-SECRET-simulator-rotated"
    )

    runs = [stack.run("up", "--yes"), stack.run("destroy", "--yes")]

    assert [run.returncode for run in runs] == [0, 0], [run.stderr for run in runs]
    assert not simulator.control.account()["capacityclaims"]
