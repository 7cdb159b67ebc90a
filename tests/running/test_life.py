from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.faults import Fault

from tests.running.command_line import Stack, claims, gateways

DEPLOYMENT = """\
buckets:
  weights: {name: acme-weights, zone: US-EAST-04A, policy: {prefixes: [models], ownerAccess: organization}}
gateways:
  public: {zones: [US-EAST-04A], coreWeaveAuth: {}, bodyBasedRouting: {apiType: API_TYPE_OPENAI}}
deployments:
  chat:
    gateways: [public]
    model: {name: acme/chat, path: models/chat}
    runtime: {engine: vllm}
    resources: {instanceType: gd-8xh200ib-i128, gpuCount: 1}
    autoscaling: {min: 1, max: 2, concurrency: 32}
"""


def require_events(file: Path, retry: str) -> None:
    """The lines of an `up` that created four objects, sent a request again and waited."""
    events = [json.loads(line) for line in file.read_text().splitlines()]
    first, *between, last = events
    (retried,) = (found for found in between if found["event"] == "retry")
    created = {found["name"] for found in between if found["event"] == "step" and found["what"] == "create"}
    assert {found["version"] for found in events} == {1}
    assert (first["event"], first["operation"]) == ("start", "up")
    assert [found["time"] for found in events] == sorted(found["time"] for found in events)
    assert {found.get("run") for found in between} == {"preview", "up"}
    assert (retried["run"], retried["urn"].rsplit("::", 1)[-1], retried["text"]) == ("up", "chat", retry)
    assert created == {"weights-policy", "chat", "public", "ready"}
    assert "waiting" in {found["verdict"] for found in between if found["event"] == "progress"}
    assert (last["event"], last["code"]) == ("end", 0)
    assert last["result"]["ok"]
    assert last["result"]["counts"]["create"] == 4
    assert last["result"]["plan"]["counts"] == last["result"]["counts"]


def test_bucket_then_weights_then_the_stack_then_a_change_then_nothing_left(
    stack: Stack, simulator: Simulator, tmp_path: Path
) -> None:
    stack.declare(DEPLOYMENT)
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "config.json").write_text("{}")

    bucket = stack.document("up", "--yes", "--only", "buckets")
    pushed = stack.run("weights", "push", str(weights), "acme-weights", "models/chat", stack=None)
    simulator.faults.add(Fault("status", "POST", "/deployments$", status=503))
    events = tmp_path / "events.jsonl"
    seen = len(simulator.journal.entries())
    up = stack.run("up", "--yes", "--events", str(events))
    sent = Counter(
        (entry.method, entry.path.rsplit("/", 1)[-1]) for entry in simulator.journal.entries()[seen:]
    )
    read = Counter(entry.path.rsplit("inference/", 1)[-1] for entry in simulator.journal.entries()[seen:])

    assert sent["POST", "access-key"] == 1, "for the program and the providers of plan and run"
    assert read["capacityclaims"] == 3, "the program, and the provider of the plan and of the run"
    assert [read[f"{kind}/parameters"] for kind in ("gateways", "capacityclaims")] == [1, 1]
    assert (bucket["version"], bucket["counts"], bucket["outputs"]) == (1, {"create": 2}, {})
    assert pushed.stdout == '1 files, 2 bytes pushed to "models/chat" in bucket "acme-weights"\n'
    assert (up.returncode, up.stderr) == (0, "")
    lines = up.stdout.splitlines()
    assert 'deployment "chat": creating' in lines
    retried = next(line for line in lines if "retrying in" in line)
    assert retried.startswith('deployment "chat": POST /v1alpha1/inference/deployments: answered 503; ')
    require_events(events, retried.partition(": ")[2])
    assert any(line.startswith('deployment "chat": ready (READY') for line in lines)
    assert lines[-4].startswith("4 created, 2 unchanged in ")
    assert lines[-3].startswith(f"model acme/chat: {simulator.url}/gateways/")
    assert lines[-2] == "try it: cw-inference call chat Hello"
    asked = subprocess.run(["bash", "-c", lines[-1]], env=stack.environment, capture_output=True, text=True)
    assert json.loads(asked.stdout)["choices"][0]["message"]["content"] == "acme/chat: Hello"
    assert simulator.token not in up.stdout

    deployment = simulator.world.records("deployments")[0].id
    simulator.world.edit(deployment, {"autoscaling": {"max": 9}})
    seen = len(simulator.journal.entries())
    status = stack.document("status", "--exit-code")
    assert sorted(e.path.rsplit("/", 1)[-1] for e in simulator.journal.entries()[seen:]) == [
        "capacityclaims",
        "deployments",
        "gateways",
    ]
    assert (status["code"], status["drift"]) == (3, True)
    assert {item["key"]: item["drift"] for item in status["objects"]} == {
        "public": [],
        "chat": ["autoscaling.max"],
    }
    assert stack.run("outputs", "--url", "chat").stdout == f"{lines[-3].partition(': ')[2]}\n"
    assert stack.document("outputs")["outputs"]["buckets"]["weights"]["name"] == "acme-weights"
    assert stack.run("call", "chat", "Hello").stdout == "acme/chat: Hello\n"
    simulator.world.edit(deployment, {"autoscaling": {"max": 2}})

    stack.declare(DEPLOYMENT.replace("max: 2", "max: 3").replace("public: {", "public: {name: edge, "))
    preview = stack.run("preview")

    gateway = simulator.world.records("gateways")[0].id
    plan = [line for line in preview.stdout.splitlines()[1:] if not line.startswith("warning: ")]
    assert re.search(rf"    gatewayIds\[0\]: {gateway}\s+-> (?!{gateway})[0-9a-f-]{{36}}\n", preview.stdout)
    assert [line for line in plan if not line.startswith("    ") or "autoscaling" in line] == [
        '± replace  gateway "public"',
        '~ update   deployment "chat"',
        "    autoscaling.max: 2 -> 3",
        "~ update   readiness",
        "2 to update, 1 to replace, 3 unchanged",
    ]

    down = stack.run("destroy", "--yes")
    again = stack.run("destroy", "--yes")

    assert down.returncode == 0
    assert 'info: confirmed deleted: deployment "chat", gateway "public"' in down.stdout
    assert down.stdout.splitlines()[-2:] == [
        'kept: weights bucket "weights" (acme-weights)',
        "this stack no longer incurs charges, but for the storage of what is kept",
    ]
    assert again.returncode == 0
    assert again.stdout.splitlines()[1:] == ["nothing to destroy: the stack has no resources"]
    assert not simulator.world.records("deployments")


def test_a_faulty_declaration_ends_with_code_2_and_every_fault(stack: Stack) -> None:
    stack.declare("gateways:\n  public: {zones: US-EAST-04A, coreWeaveAuthh: {}}\n")

    done = stack.run("preview")

    assert (done.returncode, done.stdout.splitlines()[1:]) == (2, [])
    assert done.stderr.startswith("error: inference.yaml: ")
    assert 'inference.yaml:3: gateways.public.coreWeaveAuthh: unknown key "coreWeaveAuthh"' in done.stderr
    assert "Traceback" not in done.stderr


def test_a_program_that_fails_is_one_line_with_its_place(stack: Stack) -> None:
    (stack.path / "__main__.py").write_text("import coreweave_inference as cw\n\ncw.lod()\n")

    done = stack.run("preview")

    assert (done.returncode, done.stdout.splitlines()[1:]) == (2, [])
    assert done.stderr == (
        f"error: {stack.path}/__main__.py:3: AttributeError: module 'coreweave_inference' has no attribute 'lod'\n"
    )


def test_what_was_changed_outside_is_shown_and_refresh_takes_it_into_the_state(
    stack: Stack, simulator: Simulator
) -> None:
    stack.bring_up(claims("h200"))
    simulator.world.edit(simulator.world.records("capacityclaims")[0].id, {"resources": {"instanceCount": 3}})

    preview = stack.run("preview")
    refreshed = stack.run("refresh")

    assert preview.stdout.splitlines()[1] == '! changed outside: capacity claim "h200"'
    assert "    resources.instanceCount: 1 -> 3" in preview.stdout.splitlines()
    assert "    resources.instanceCount: 3 -> 1" in preview.stdout.splitlines()
    assert refreshed.stdout.splitlines()[1] == '! changed outside: capacity claim "h200"'
    assert "    resources.instanceCount: 1 -> 3" in refreshed.stdout.splitlines()


@pytest.mark.thorough
def test_a_reader_that_leaves_after_the_first_line_does_not_change_what_a_run_does(
    stack: Stack, simulator: Simulator
) -> None:
    stack.declare(claims("h200"), gateways("public"))

    with stack.started("up", "--yes") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        with process.stderr as stream:
            error = stream.read()
        process.wait()

    assert (process.returncode, error) == (0, "")
    assert {"h200", "public"} <= stack.names()


def test_an_up_with_nothing_to_do_ends_with_its_plan_and_what_no_preview_shows_is_something_to_do(
    stack: Stack, simulator: Simulator
) -> None:
    stack.declare(gateways("public", "spare"))
    first = stack.run("up", "--yes")
    state, seen = stack.state(), len(simulator.journal.entries())
    again = stack.document("up", "--yes")
    lists = [e for e in simulator.journal.entries()[seen:] if e.path.endswith("/gateways")]
    unordered = json.loads(stack.pulumi("stack", "export", "--stack", "dev"))
    for resource in unordered["deployment"]["resources"]:
        resource.pop("dependencies", None)
    stack.pulumi("stack", "import", "--stack", "dev", standard_input=json.dumps(unordered))
    put_back = stack.document("up", "--yes")
    restored = stack.state()["resources"]
    program = stack.path / "__main__.py"
    program.write_text(f"{AFTER_PUBLIC}{program.read_text()}pulumi.export('team', 'search')\n")
    ordered = stack.document("up", "--yes")

    assert first.returncode == 0, first.stderr
    assert (again["operation"], again["ok"], set(again["counts"])) == ("up", True, {"same"})
    assert len(lists) == 2, "the plan's program and provider"
    assert again["outputs"] == {k: v for k, v in ordered["outputs"].items() if k != "team"}
    assert set(ordered["counts"]) == {"same"}
    assert ordered["outputs"]["team"] == "search"
    before, after = (found["resources"] for found in (state, stack.state()))
    assert set(put_back["counts"]) == {"same"}
    assert sorted(_needs(restored, "ready")) == sorted(_needs(before, "ready")) != []
    assert not any("::public" in urn for urn in _needs(before, "spare"))
    assert any("::public" in urn for urn in _needs(after, "spare"))


AFTER_PUBLIC = """\
import pulumi


def after_public(args):
    if args.name == "spare":
        args.opts.depends_on = [*(args.opts.depends_on or []), made["public"]]
        return pulumi.ResourceTransformationResult(args.props, args.opts)
    made[args.name] = args.resource


made = {}
pulumi.runtime.register_stack_transformation(after_public)
"""


def _needs(resources: list[dict[str, Any]], name: str) -> list[str]:
    (found,) = (one for one in resources if one["urn"].endswith(f"::{name}"))
    return list(found.get("dependencies", ()))
