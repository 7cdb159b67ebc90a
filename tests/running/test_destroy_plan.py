"""`destroy` shows what happens to each object, and stops before it starts where one must not be deleted."""

from __future__ import annotations

from coreweave_inference.simulator import Simulator

from tests.running.command_line import Stack, claims, gateways

PROTECTED = gateways("public").replace("zones:", "options: {protect: true}, zones:")
KEPT = "buckets:\n  weights: {name: acme-weights, zone: US-EAST-04A}\n"
THEIRS = "0d6f2f6e-6f0b-4a37-9a3c-4a1f6f1f9c11"


def run_a_deployment_of_others(simulator: Simulator) -> None:
    """A deployment that another stack made: through our gateway, on our claim."""
    (gateway,) = simulator.world.records("gateways")
    spec = {
        "id": THEIRS,
        "organizationId": gateway.organisation_id,
        "name": "theirs",
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
    stack.declare(KEPT, PROTECTED, claims("h200"))
    assert stack.run("up", "--yes").returncode == 0
    run_a_deployment_of_others(simulator)
    simulator.journal.clear()

    stopped = stack.run("destroy", "--yes")
    document = stack.document("destroy", "--yes")
    stack.declare(KEPT, claims("h200"))
    removed = stack.run("up", "--yes")

    lines = stopped.stdout.splitlines()
    on_claim = "theirs (may go to unclaimed on-demand capacity)"
    assert stopped.returncode == 1
    assert {
        '! protected gateway "public"',
        f'! used by others capacity claim "h200": evicts {on_claim}',
        '  keeps     weights bucket "weights"',
        "- deletes   readiness",
    } <= set(lines)
    assert 'error: gateway "public": is protected' in stopped.stderr
    assert "COREWEAVE_DESTROY_USED=1" in stopped.stderr
    assert document["code"] == 1
    assert not document["ok"]
    assert {item["name"]: item["what"] for item in document["deletions"]}.items() >= {
        "public": "protected",
        "h200": "used by others",
        "weights": "keeps",
    }.items()
    assert removed.returncode == 1
    assert 'gateway "public": is protected' in removed.stderr
    assert simulator.journal.entries("DELETE") == []
