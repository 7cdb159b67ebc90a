"""What the checks find stops a run of the command line, or is shown with it; and it compares with the last state."""

from __future__ import annotations

from tests.running.command_line import Stack, gateways

GATEWAY = gateways("public").replace("zones:", "name: {name}, zones:")


def test_a_change_that_clients_will_feel_is_warned_of_against_the_last_state(stack: Stack) -> None:
    stack.declare(GATEWAY.replace("{name}", "acme-public"))
    first = stack.run("up", "--yes")
    stack.declare(GATEWAY.replace("{name}", "acme-edge"))

    preview = stack.run("preview")

    assert (first.returncode, preview.returncode) == (0, 0)
    assert "gateway-replaced" not in first.stdout + first.stderr
    assert 'warning: gateway-replaced gateway "public"' in preview.stdout + preview.stderr


def test_what_cannot_work_stops_before_anything_is_written(stack: Stack) -> None:
    stack.declare(
        gateways("public"),
        "deployments:\n"
        "  chat:\n"
        "    gateways: [public]\n"
        "    model: {name: acme/chat, bucket: acme-weights, path: models/chat}\n"
        '    runtime: {engine: vllm, engineConfig: {enable-auto-tool-choice: ""}}\n'
        "    resources: {instanceType: gd-8xh200ib-i128, gpuCount: 1}\n"
        "    autoscaling: {min: 2, max: 2, concurrency: 8}\n",
    )

    up = stack.run("up", "--yes")

    assert up.returncode == 2
    assert "engine-tool-parser" in up.stderr
    assert stack.names() == set()
