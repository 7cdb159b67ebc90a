"""What the checks find stops a run of the command line, or is shown with it; and it compares with the last state."""

from __future__ import annotations

from tests.running.command_line import Stack, gateways

GATEWAY = gateways("public").replace("zones:", "name: {name}, zones:")


def test_a_change_that_clients_will_feel_is_warned_of_against_the_last_state(stack: Stack) -> None:
    stack.declare(GATEWAY.replace("{name}", "acme-public"))
    first = stack.run("up", "--yes")
    stack.declare(GATEWAY.replace("{name}", "acme-edge"))

    preview = stack.document("preview")

    assert (first.returncode, preview["code"]) == (0, 0)
    assert "gateway-replaced" not in first.stdout + first.stderr
    shown = [message["text"] for message in preview["messages"] if message["severity"] == "warning"]
    assert any(text.startswith('gateway-replaced gateway "public"') for text in shown)
    assert ("gateway-replaced", "warning", "public") in {
        (finding["code"], finding["severity"], finding["key"]) for finding in preview["findings"]
    }


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

    checked, up = stack.document("check"), stack.document("up", "--yes")
    state = stack.names()
    stack.declare("gateway: {}\n")
    faulty = stack.document("preview")

    assert up["code"] == 2
    assert "engine-tool-parser" in up["errors"][0]
    assert "engine-tool-parser" in {finding["code"] for finding in checked["findings"]}
    assert up["findings"] == checked["findings"]
    assert state == set()
    (fault,) = faulty["findings"]
    assert (faulty["code"], faulty["ok"], fault["code"]) == (2, False, "invalid-declaration")
    assert (fault["origin"]["file"].rpartition("/")[2], fault["origin"]["line"]) == ("inference.yaml", 2)
