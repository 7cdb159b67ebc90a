"""The identity of a stack: a new one gets one, and one with a state keeps what its objects came from."""

from __future__ import annotations

from coreweave_inference.engine import stacks
from coreweave_inference.engine.directory import IDENTITY_KEY, StackDirectory

from tests.running.command_line import Stack, claims


def test_a_new_stack_without_an_identity_gets_one_and_reports_it(stack: Stack) -> None:
    file = stack.path / "Pulumi.dev.yaml"
    file.write_text("config:\n  coreweave:deadlineSeconds: 20 # ours\n")
    stack.declare(claims("h200"))

    first, again = stack.run("preview"), stack.run("preview")

    written = StackDirectory.at(stack.path).plain_configuration("dev")
    assert (first.returncode, again.returncode) == (0, 0), first.stderr
    assert len(written[IDENTITY_KEY]) == 32
    assert "# ours" in file.read_text()
    assert f"wrote {IDENTITY_KEY} to Pulumi.dev.yaml" in first.stdout + first.stderr
    assert IDENTITY_KEY not in again.stdout + again.stderr


def test_a_stack_with_a_state_reports_what_an_identity_would_do_and_gets_none(stack: Stack) -> None:
    file = stack.path / "Pulumi.dev.yaml"
    file.write_text("config: {}\n")
    directory = StackDirectory.at(stack.path)

    text = stacks.identify(directory, "dev", new=False)

    assert all(word in text for word in ("Sid", "bucket tag", "adopt: true"))
    assert file.read_text() == "config: {}\n"
