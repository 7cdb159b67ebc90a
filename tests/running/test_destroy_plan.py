"""`destroy` shows what happens to each object, and stops before it starts where one must not be deleted."""

from __future__ import annotations

import pytest
from coreweave_inference.simulator import Simulator

from tests.running.command_line import Stack, claims, gateways
from tests.running.terminal import terminal

PROTECTED = gateways("public").replace("zones:", "options: {protect: true}, zones:")
KEPT = "buckets:\n  weights: {name: acme-weights, zone: US-EAST-04A}\n"
FORGED = "\n::error::forged\r\nerror: forged"
"""What an object of others may be called."""
BLANKS = dict.fromkeys(map(ord, "\r\n"), " ")
THEIRS = "0d6f2f6e-6f0b-4a37-9a3c-4a1f6f1f9c11"


def run_a_deployment_of_others(simulator: Simulator, name: str = "theirs") -> None:
    """A deployment that another stack made: through our gateway, on our claim."""
    gateway = simulator.world.records("gateways")[0]
    spec = {
        "id": THEIRS,
        "organizationId": gateway.organisation_id,
        "name": name,
        "gatewayIds": [gateway.id],
        "runtime": {"engine": "vllm"},
        "model": {"name": "theirs", "bucket": "theirs", "path": "models"},
        "resources": {"instanceType": "gd-8xh200ib-i128", "gpuCount": 1},
        "autoscaling": {"min": 1, "max": 1},
    }
    simulator.world.create("deployments", gateway.organisation_id, spec)


def test_a_destroy_shows_what_goes_stays_is_protected_or_used_and_stops_before_the_first_deletion(
    stack: Stack, simulator: Simulator
) -> None:
    stack.bring_up(KEPT, PROTECTED, claims("h200"))
    run_a_deployment_of_others(simulator, f"theirs{FORGED}")
    simulator.journal.clear()

    stopped = stack.run("destroy", "--yes")
    document = stack.document("destroy", "--yes")
    stack.declare(KEPT, claims("h200"))
    removed = stack.run("up", "--yes")

    lines = stopped.stdout.splitlines()
    on_claim = f"theirs{FORGED.translate(BLANKS)} (may go to unclaimed on-demand capacity)"
    assert stopped.returncode == 2
    assert {
        '! protected gateway "public"',
        f'! used by others capacity claim "h200": evicts {on_claim}',
        '  keep     weights bucket "weights"',
    } <= set(lines)
    assert not [line for line in lines if line.startswith("- delete")]
    assert stopped.stderr.splitlines()[0] == "error: the destroy is refused; nothing was deleted"
    assert 'error: gateway "public": is protected' in stopped.stderr
    shown = "".join(done.stdout + done.stderr for done in (stopped, removed)).splitlines()
    assert not [line for line in shown if line.lstrip().startswith(("::", "error: forged"))]
    assert "COREWEAVE_DESTROY_USED=1" in stopped.stderr
    assert document["code"] == 2
    assert not document["ok"]
    assert {item["name"]: item["what"] for item in document["deletions"]}.items() >= {
        "public": "protected",
        "h200": "used by others",
        "weights": "keep",
    }.items()
    assert removed.returncode == 2
    assert 'gateway "public": is protected' in removed.stderr
    assert simulator.journal.entries("DELETE") == []


def test_on_a_terminal_a_destroy_asks_only_where_nothing_is_protected_and_neither_a_no_nor_an_error_after_a_yes_deletes(
    stack: Stack, simulator: Simulator
) -> None:
    stack.bring_up(PROTECTED, claims("h200"))
    simulator.journal.clear()

    with terminal(stack, "destroy") as refused:
        code = refused.end()
    stack.pulumi("state", "unprotect", "--all", "--yes", "--stack", "dev")
    with terminal(stack, "destroy") as asked:
        shown = asked.until("Destroy")
        asked.answer("n")
        declined = asked.end()
    with terminal(stack, "destroy") as overtaken:
        overtaken.until("Destroy")
        run_a_deployment_of_others(simulator)
        overtaken.answer("y")
        overtaken_code = overtaken.end()

    assert (code, overtaken_code) == (2, 2)
    assert "COREWEAVE_DESTROY_USED=1" in overtaken.text
    assert refused.text.index("the destroy is refused") < refused.text.index('! protected gateway "public"')
    assert 'gateway "public": is protected' in refused.text
    assert "Destroy" not in refused.text
    assert '- delete   gateway "public"' in shown
    assert (declined, "nothing was changed" in asked.text) == (0, True)
    assert simulator.journal.entries("DELETE") == []
    assert {"public", "ready"} <= stack.names()


PROGRAM = """\
import coreweave_inference as cw

for name, domains in {gateways}.items():
    cw.Gateway(
        name,
        zones=["US-EAST-04A"],
        auth=cw.CoreWeaveAuth(),
        routing=cw.BodyBasedRouting(api_type="API_TYPE_OPENAI"),
        endpoint_configuration=cw.EndpointConfiguration(additional_dns=domains) if domains else None,
    )
{readiness}
"""
TWO = {"public": [], "internal": []}
CHANGED = {"internal": ["chat.acme.example"]}
OF_SERVICE = "/v1alpha1/inference/"


def program(stack: Stack, gateways: dict[str, list[str]], readiness: str) -> None:
    (stack.path / "__main__.py").write_text(PROGRAM.format(gateways=gateways, readiness=readiness))


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param('cw.Readiness("ready")', 'cw.Readiness("ready2")', id="readiness renamed"),
        pytest.param("", "", id="no readiness"),
    ],
)
def test_a_removal_of_what_others_use_refuses_in_the_preview_and_before_the_first_write(
    stack: Stack, simulator: Simulator, before: str, after: str
) -> None:
    program(stack, TWO, before)
    assert stack.run("up", "--yes").returncode == 0
    run_a_deployment_of_others(simulator)
    (used,) = simulator.world.records("deployments")[0].spec["gatewayIds"]
    gone = next(r.name for r in simulator.world.records("gateways") if r.id == used).partition("-")[0]
    (left,) = TWO.keys() - {gone}
    program(stack, {left: CHANGED["internal"]}, after)
    simulator.journal.clear()

    previewed = stack.document("preview")
    done = stack.run("up", "--yes")
    writes = [e.method for e in simulator.journal.entries() if e.method != "GET" and OF_SERVICE in e.path]

    assert (previewed["code"], previewed["ok"]) == (2, False)
    assert f'gateway "{gone}": is used by deployment theirs' in previewed["errors"][0]
    assert done.returncode == 2
    assert f'error: gateway "{gone}": is used by deployment theirs' in done.stderr
    assert writes == []
    assert "ready2" not in stack.names()

    stack.environment["COREWEAVE_DESTROY_USED"] = "1"
    forced = stack.document("preview")

    assert (forced["code"], forced["counts"]["delete"]) == (0, 1 if not before else 2)

    destroyed = stack.run("destroy", "--yes")
    assert destroyed.returncode == 2
    assert "the service deletes no gateway in use" in destroyed.stderr
    assert simulator.journal.entries("DELETE") == []
