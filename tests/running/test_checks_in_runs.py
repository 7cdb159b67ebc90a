"""What the checks find stops a run of the command line, or is shown with it; and it compares with the last state."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from coreweave_inference.simulator import Simulator

from tests.running.command_line import Stack, gateways
from tests.simulator.inference_fixtures import s3_client

GATEWAY = gateways("public").replace("zones:", "name: {name}, zones:")
FOREIGN_ID = "9a9a9a9a-0000-4000-8000-000000000000"

BUCKETS = """\
buckets:
  a: {name: acme-a, zone: US-EAST-04A}
  b: {name: acme-b, zone: US-EAST-04A}
"""


def of_others(simulator: Simulator, *names: str) -> None:
    """Make buckets that hold something, as somebody else has them."""
    with closing(s3_client(simulator)) as client:
        for name in names:
            client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "US-EAST-04A"})
            client.put_object(Bucket=name, Key="theirs", Body=b"x")


def described(document: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Code, object, path and line of each finding of a JSON document."""
    return [
        (found["code"], found["kind"], found["key"], found["path"], found["origin"]["line"])
        for found in document["findings"]
    ]


def test_a_change_that_clients_will_feel_and_what_a_provider_refuses_are_findings(
    stack: Stack, simulator: Simulator
) -> None:
    stack.declare(GATEWAY.replace("{name}", "acme-public"))
    first = stack.run("up", "--yes")
    stack.declare(GATEWAY.replace("{name}", "acme-edge"))

    preview = stack.document("preview")
    of_others(simulator, "acme-a", "acme-b")
    organization = simulator.world.records("gateways")[0].organisation_id
    simulator.world.create("gateways", organization, {"id": FOREIGN_ID, "name": "acme-theirs"})
    more = gateways("spare").partition("\n")[2].replace("zones:", "name: acme-theirs, zones:")
    stack.declare(GATEWAY.replace("{name}", "acme-public"), more, BUCKETS)
    refused = stack.document("preview")
    one = stack.document("preview", "--target", "buckets.a")

    assert (refused["code"], refused["ok"]) == (2, False)
    # All of them, though the engine stops at the first resource that is refused.
    assert described(refused) == [
        ("refused", "gateway", "spare", "gateways.spare", 4),
        ("refused", "bucket", "a", "buckets.a", 6),
        ("refused", "bucket", "b", "buckets.b", 7),
    ]
    assert (one["code"], described(one)) == (2, [("refused", "bucket", "a", "buckets.a", 6)])
    of_buckets = refused["findings"][1:]
    assert all(
        "exists already and nothing shows that this stack created it" in found["what"] for found in of_buckets
    )
    assert "inference.yaml:6); say `adopt: true`" in refused["errors"][1]
    assert "`existing.buckets`" in refused["errors"][1]
    assert all(found["do"].startswith("say `adopt: true`") for found in of_buckets)
    assert (first.returncode, preview["code"]) == (0, 0)
    assert "gateway-replaced" not in first.stdout + first.stderr
    shown = [message["text"] for message in preview["messages"] if message["severity"] == "warning"]
    assert any(text.startswith('gateway-replaced gateway "public"') for text in shown)
    assert ("gateway-replaced", "warning", "public") in {
        (finding["code"], finding["severity"], finding["key"]) for finding in preview["findings"]
    }


def test_what_cannot_work_stops_before_anything_is_written(stack: Stack, simulator: Simulator) -> None:
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
    shown = stack.run("preview", "--save-plan", "plan.json")
    state = stack.names()
    stack.declare("gateway: {}\n")
    asked = len(simulator.journal.entries())
    del stack.environment["COREWEAVE_API_TOKEN"]
    faulty = stack.document("preview")
    faulty_check = stack.document("check")
    stack.declare()
    without_token = [stack.document(*command) for command in (["preview"], ["up", "--yes"], ["refresh"])]
    unasked = len(simulator.journal.entries()) == asked
    stack.environment["COREWEAVE_API_TOKEN"] = simulator.token
    of_others(simulator, "acme-a", "acme-b")
    stack.declare(BUCKETS)
    first_run = stack.document("preview")

    assert (up["code"], up["operation"]) == (2, "up")
    assert "engine-tool-parser" in up["errors"][0]
    assert "engine-tool-parser" in {finding["code"] for finding in checked["findings"]}
    assert up["findings"] == checked["findings"]
    assert state == set()
    assert shown.returncode == 2
    assert '+ create   deployment "chat"' in shown.stdout.splitlines()
    assert up["counts"] == {"create": 4}
    assert shown.stderr.count("engine-tool-parser") == 1
    assert not (stack.path / "plan.json").exists()
    (fault,) = faulty["findings"]
    assert (faulty["code"], faulty["ok"], fault["code"]) == (2, False, "invalid-declaration")
    assert (first_run["code"], described(first_run)) == (
        2,
        [("refused", "bucket", "a", "buckets.a", 3), ("refused", "bucket", "b", "buckets.b", 4)],
    )
    assert (faulty["errors"][0], unasked) == (
        "inference.yaml: 1 fault\n" + faulty["errors"][0].partition("\n")[2],
        True,
    )
    assert (faulty_check.keys(), faulty_check["findings"]) == (checked.keys(), faulty["findings"])
    for document in without_token:
        assert (document["code"], document["findings"]) == (2, [])
        assert document["errors"][0].startswith("no CoreWeave API token: set one of COREWEAVE_API_TOKEN")
    assert (fault["origin"]["file"].rpartition("/")[2], fault["origin"]["line"]) == ("inference.yaml", 2)
