"""`--only` and `--target`: what is planned is what runs, and a write is waited for."""

from __future__ import annotations

import pulumi
import pytest
from coreweave_inference.engine.refusals import CannotStart
from coreweave_inference.engine.selection import Selection
from coreweave_inference.resources.targets import RUN_TARGETS, run_targets
from coreweave_inference.simulator import Simulator

from tests.running.command_line import Stack, claims, gateways
from tests.running.test_life import DEPLOYMENT


def test_only_buckets_plans_what_it_makes(stack: Stack, simulator: Simulator) -> None:
    stack.declare(DEPLOYMENT)

    preview = stack.run("preview", "--only", "buckets", "--exit-code")
    up = stack.document("up", "--yes", "--only", "buckets")

    assert preview.returncode == 3
    plan = [line for line in preview.stdout.splitlines()[1:] if not line.startswith("warning: ")]
    assert plan == [
        "+ create   account",
        '+ create   weights bucket "weights"',
        "    name: acme-weights",
        "    zone: US-EAST-04A",
        "2 to create",
    ]
    assert (up["counts"], up["plan"]["counts"]) == ({"create": 2}, {"create": 2})


def test_a_target_is_changed_alone_and_waited_for_and_the_rest_stays_as_it_is(
    stack: Stack, simulator: Simulator
) -> None:
    stack.declare(gateways("public"), claims("h200", "spare"))
    first = stack.document("up", "--yes", "--target", "gateways.public", "--target", "h200")
    unknown = stack.run("up", "--yes", "--target", "h100")
    more = claims("h200", "spare").replace("instanceCount: 1", "instanceCount: 2")
    stack.declare(gateways("public"), more)
    second = stack.document("up", "--yes", "--target", "h200")
    rest = stack.document("preview")

    assert first["counts"] == {"create": 4}, first["errors"]
    assert len(simulator.world.records("capacityclaims")) == 1
    assert (unknown.returncode, 'capacity claim "spare", gateway "public"' in unknown.stderr) == (2, True)
    changed = {step["name"] for step in second["plan"]["steps"] if step["op"] != "same"}
    assert (changed, second["counts"]) == ({"h200", "ready"}, {"same": 2, "update": 2})
    assert simulator.world.shown(simulator.world.records("capacityclaims")[0]).status == "STATUS_READY"
    # What was judged of the gateway stays: only the claim that is missing is left to do.
    assert rest["counts"] == {"create": 1, "update": 1, "same": 3}


def test_a_target_is_deleted_alone_unless_something_that_stays_uses_it(
    stack: Stack, simulator: Simulator
) -> None:
    stack.declare(gateways("public", "spare"), claims("h200"))
    assert stack.run("up", "--yes").returncode == 0

    down = stack.run("destroy", "--yes", "--target", "spare", "--target", "h200")

    assert (down.returncode, down.stderr) == (0, "")
    assert "bills" not in down.stdout
    assert stack.names() == {"account", "public", "ready"}
    assert [record.spec["name"] for record in simulator.world.records("gateways")] == ["public-serving-dev"]
    assert not simulator.world.records("capacityclaims")


@pytest.mark.parametrize(
    "target", ["", "urn:", "urn:pulumi:dev::serving", "urn:pulumi:dev::serving::::chat", "a\nb"]
)
def test_a_target_that_names_nothing_is_one_line(target: str) -> None:
    with pytest.raises(CannotStart, match="--target") as refused:
        Selection(targets=(target,))

    assert len(str(refused.value).splitlines()) == 1


def test_targets_from_the_environment_stacks_of_others_and_qualified_names_are_told_plainly(
    stack: Stack,
) -> None:
    stack.declare(gateways("public", "spare"))
    stack.environment["COREWEAVE_RUN_TARGETS"] = "x"

    other = stack.run("preview", stack="organization/other/dev")
    half = stack.run("preview", "--target", "urn:pulumi:dev::serving")
    whole = stack.document("preview")
    plain = stack.run("preview", stack="organization/serving/dev")

    assert (other.returncode, len(other.stderr.splitlines())) == (2, 1)
    assert (half.returncode, "urn:pulumi:dev::serving" in half.stderr) == (2, True)
    assert whole["counts"] == {"create": 4}, whole["errors"]
    assert plain.stdout.splitlines()[0].startswith("stack serving/dev,"), plain.stdout


@pytest.mark.parametrize("text", ["x", "[]", "{}", '{"targets": 1, "existing": []}'])
def test_what_the_variable_of_a_run_cannot_mean_is_one_error_in_a_program(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(RUN_TARGETS, text)

    with pytest.raises(pulumi.RunError, match=f"{RUN_TARGETS} .*unset it"):
        run_targets()
