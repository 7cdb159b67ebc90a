"""`--only` and `--target`: what is planned is what runs, and a write is waited for."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest
from coreweave_inference.engine.selection import Selection
from coreweave_inference.errors import StartupError
from coreweave_inference.model.paths import location_of
from coreweave_inference.model.resource_types import TYPES
from coreweave_inference.program.targets import RUN_TARGETS, run_targets
from coreweave_inference.simulator import Simulator

from tests.running.command_line import Stack, claims, gateways
from tests.running.test_life import DEPLOYMENT


def test_only_buckets_plans_what_it_makes(stack: Stack, simulator: Simulator) -> None:
    stack.declare(DEPLOYMENT)

    preview = stack.run("preview", "--only", "buckets", "--exit-code")
    up = stack.document("up", "--yes", "--only", "buckets")

    assert preview.returncode == 3
    # Not a word on what reads a bucket that this run is about to create.
    assert preview.stdout.splitlines()[1:] == [
        "+ create   account",
        '+ create   weights bucket "weights"',
        "    name: acme-weights",
        "    zone: US-EAST-04A",
        "2 to create",
    ]
    assert (up["counts"], up["plan"]["counts"]) == ({"create": 2}, {"create": 2})
    assert (up["findings"], up["messages"]) == ([], [])


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
    (waits,) = (step for step in second["plan"]["steps"] if step["name"] == "ready")
    assert {location_of(change["path"])[1] for change in waits["changes"]} == {"capacity claim h200"}
    assert simulator.world.shown(simulator.world.records("capacityclaims")[0]).status == "STATUS_READY"
    # What was judged of the gateway stays: only the claim that is missing is left to do.
    assert rest["counts"] == {"create": 1, "update": 1, "same": 3}


def test_a_target_is_deleted_alone_unless_something_that_stays_uses_it(
    stack: Stack, simulator: Simulator
) -> None:
    stack.bring_up(gateways("public", "spare"), claims("h200"))

    down = stack.run("destroy", "--yes", "--target", "spare", "--target", "h200")

    assert (down.returncode, down.stderr) == (0, "")
    assert "bills" not in down.stdout
    assert stack.names() == {"account", "public", "ready"}
    assert [record.spec["name"] for record in simulator.world.records("gateways")] == ["public-serving-dev"]
    assert not simulator.world.records("capacityclaims")


PROGRAM = """\
import pulumi
import coreweave_inference as cw

def gateway(name, **options):
    return cw.Gateway(
        name,
        zones=["US-EAST-04A"],
        auth=cw.CoreWeaveAuth(),
        routing=cw.BodyBasedRouting(api_type="API_TYPE_OPENAI"),
        opts=pulumi.ResourceOptions(**options),
    )

{}
cw.Readiness("ready")
"""


def test_what_is_no_longer_declared_and_not_selected_stays_as_it_is_unless_what_it_needs_is_renamed(
    stack: Stack, simulator: Simulator
) -> None:
    def entries() -> dict[str, Any]:
        found = stack.state()["resources"]
        # The engine leaves out a map of empty lists when it writes an entry that it did not register.
        return {
            entry["urn"].rsplit("::", 1)[-1]: {k: v for k, v in entry.items() if k != "propertyDependencies"}
            for entry in found
        }

    def program(*lines: str) -> None:
        (stack.path / "__main__.py").write_text(PROGRAM.format("\n".join(lines)))

    program(
        "a = gateway('a')", "b = gateway('b', depends_on=[a], protect=True)", "gateway('c', depends_on=[b])"
    )
    assert stack.run("up", "--yes").returncode == 0
    before = entries()
    program("gateway('a')", "gateway('d')")
    up = stack.run("up", "--yes", "--target", "d")
    after = entries()
    buckets = stack.document("preview", "--only", "buckets")
    program("gateway('e', aliases=[pulumi.Alias(name='a')])")
    renamed = stack.run("up", "--yes", "--target", "e")

    assert (up.returncode, up.stderr) == (0, "")
    for name in ("b", "c"):
        note = f'info: gateway "{name}": is no longer declared, and this run does not select it: it stays; '
        assert f"{note}run without --target to delete it" in up.stdout.splitlines()
        assert after[name] == before[name]
    assert after.keys() - before.keys() == {"d"}
    assert (buckets["code"], buckets["errors"]) == (0, [])
    assert (renamed.returncode, 'gateway "e": was renamed, and gateway "b"' in renamed.stderr) == (2, True)
    assert len(renamed.stderr.splitlines()) == 1
    assert entries() == after


def test_each_mistyped_target_gets_a_suggestion() -> None:
    start = f"urn:pulumi:dev::serving::{TYPES}"
    urns = (f"{start}Deployment::chat", f"{start}Gateway::public", f"{start}Readiness::ready")

    with pytest.raises(StartupError) as refused:
        Selection(targets=("chatt", "gateway.public", "x")).refuse_unknown(urns)

    assert str(refused.value).startswith(
        '--target chatt, gateway.public, x: no such object in this stack; did you mean "chat"? '
        'did you mean "gateways.public"? valid: deployment "chat", gateway "public"; '
    )


@pytest.mark.parametrize(
    "target", ["", "urn:", "urn:pulumi:dev::serving", "urn:pulumi:dev::serving::::chat", "a\nb"]
)
def test_a_target_that_names_nothing_is_one_line(target: str) -> None:
    with pytest.raises(StartupError, match="--target") as refused:
        Selection(targets=(target,))

    assert len(str(refused.value).splitlines()) == 1


def test_targets_from_the_environment_stacks_of_others_and_qualified_names_are_reported(
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
