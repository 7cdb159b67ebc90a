"""What was shown is what runs: plans, what moved since, and the question on a terminal."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from coreweave_inference.model.identity import stack_identity
from coreweave_inference.provider.adoption import TAKE_OVER
from coreweave_inference.provider.bucket_ownership import STACK_TAG, stack_tag
from coreweave_inference.simulator import Simulator

from tests.running.command_line import Stack, claims, gateways, until
from tests.running.terminal import terminal
from tests.simulator.inference_fixtures import s3_client

OURS = "/v1alpha1/inference/"
BUCKETS = """\
buckets:
  theirs: {name: acme-theirs, zone: US-EAST-04A, adopt: true, tags: {team: search}}
  kept: {name: acme-kept, zone: US-EAST-04A}
  new: {name: acme-new, zone: US-EAST-04A}
"""
NEW_BUCKET = "buckets:\n  new: {name: acme-new, zone: US-EAST-04A}\n"


def writes(simulator: Simulator) -> list[str]:
    """What was sent to the service's objects so far."""
    entries = simulator.journal.entries()
    return [e.method for e in entries if e.method != "GET" and e.path.startswith(OURS)]


def edit(simulator: Simulator, count: int) -> None:
    """As a colleague would in the console."""
    record = simulator.world.records("capacityclaims")[0]
    simulator.world.edit(record.id, {"resources": {"instanceCount": count}})


def instances(simulator: Simulator) -> int:
    count: int = simulator.world.records("capacityclaims")[0].spec["resources"]["instanceCount"]
    return count


def make_bucket(simulator: Simulator, name: str, tags: dict[str, str]) -> None:
    s3 = s3_client(simulator)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "US-EAST-04A"})
    s3.put_bucket_tagging(
        Bucket=name, Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}
    )
    s3.close()


def has_tags(s3: Any, name: str) -> bool:
    try:
        return bool(s3.get_bucket_tagging(Bucket=name)["TagSet"])
    except ClientError:
        return False


def test_a_saved_plan_runs_as_it_is_and_not_once_its_drift_its_declaration_or_its_state_moved(
    stack: Stack, simulator: Simulator
) -> None:
    stack.bring_up(claims("h200"))
    edit(simulator, 3)
    plan = str(stack.path / "the plan.json")
    shown = stack.run("preview", "--save-plan", plan, "--exit-code")
    before = writes(simulator)

    edit(simulator, 5)
    moved = stack.run("up", "--plan", plan)
    edit(simulator, 3)
    stack.declare(claims("h200", "more"))
    redeclared = stack.run("up", "--plan", plan)
    stack.declare(claims("h200"))
    refused = writes(simulator)
    run = stack.run("up", "--plan", plan)
    again = stack.run("up", "--plan", plan)
    stack.environment["COREWEAVE_API_TOKEN"] = "CW-SECRET-mistyped"
    strange = stack.run("preview")

    # Said once for all resources: of the token, and of the plan.
    assert (strange.returncode, len(strange.stderr.splitlines())) == (2, 1)
    assert "does not accept the token from COREWEAVE_API_TOKEN" in strange.stderr
    assert moved.stderr.count("the plan no longer holds") == 1
    assert (shown.returncode, moved.returncode, redeclared.returncode) == (3, 3, 3), moved.stderr
    command = f"cw-inference up --stack dev --plan '{plan}'"
    assert shown.stdout.splitlines()[-1] == f"plan saved in {plan}; run it with: {command}"
    assert "resources.instanceCount: 3 -> 5" in moved.stderr
    assert "nothing was written" in moved.stderr
    assert "the declaration" in redeclared.stderr
    assert refused == before
    assert (run.returncode, instances(simulator)) == (0, 1), run.stderr
    assert '! changed outside: capacity claim "h200"' in run.stdout.splitlines()
    assert (again.returncode, "the state" in again.stderr) == (3, True)


def test_what_was_deleted_or_created_outside_since_the_plan_stops_it_and_yes_shows_drift(
    stack: Stack, simulator: Simulator
) -> None:
    stack.bring_up(claims("h200"), gateways("public"))
    plan = str(stack.path / "plan.json")
    stack.declare(claims("h200"), gateways("public", "spare"), NEW_BUCKET)
    saved = stack.run("preview", "--save-plan", plan)
    mine = json.loads((stack.path / "plan.json").read_text())["objects"]["gateway"]
    (entry,) = (found for found in mine.values() if found["spec"] is None)
    claim = simulator.world.records("capacityclaims")[0]

    colleague = simulator.world.create(
        "gateways",
        claim.organisation_id,
        {"id": "9a9a9a9a-0000-4000-8000-000000000000", "name": entry["name"]},
    )
    make_bucket(simulator, "acme-new", {})
    before = writes(simulator)
    namesake = stack.run("up", "--plan", plan)
    refused = writes(simulator)
    s3 = s3_client(simulator)
    untouched = not has_tags(s3, "acme-new")
    s3.delete_bucket(Bucket="acme-new")
    s3.close()
    simulator.world.delete(colleague)
    simulator.world.delete(claim)
    until(
        lambda: (
            not simulator.world.records("capacityclaims") and len(simulator.world.records("gateways")) == 1
        )
    )
    gone = stack.run("up", "--plan", plan)
    preview = stack.document("preview")
    up = stack.run("up", "--yes")

    assert saved.returncode == 0
    assert (namesake.returncode, "created outside under the same name" in namesake.stderr) == (3, True)
    assert 'weights bucket "new": created outside' in namesake.stderr
    assert (refused, untouched) == (before, True)
    assert (gone.returncode, 'capacity claim "h200": deleted outside' in gone.stderr) == (3, True)
    assert [(found["name"], found["gone"]) for found in preview["drift"]] == [("h200", True)]
    assert up.returncode == 0, up.stderr
    assert '! deleted outside: capacity claim "h200"' in up.stdout.splitlines()


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(["--no-refresh"], id="without a refresh"),
        pytest.param([], id="removals first", marks=pytest.mark.thorough),
    ],
)
def test_a_bucket_that_was_changed_since_the_plan_stops_it_before_the_first_write(
    stack: Stack, simulator: Simulator, plan: list[str]
) -> None:
    tagged = "buckets:\n  new: {name: acme-new, zone: US-EAST-04A, tags: {team: chat}}\n"
    stack.bring_up(tagged, claims("h200"))
    stack.declare(tagged, claims("more"))
    file = str(stack.path / "plan.json")
    assert stack.run("preview", *plan, "--save-plan", file).returncode == 0
    before = writes(simulator)
    s3 = s3_client(simulator)
    tags = s3.get_bucket_tagging(Bucket="acme-new")["TagSet"]
    changed = [{**tag, "Value": "search"} if tag["Key"] == "team" else tag for tag in tags]
    s3.put_bucket_tagging(Bucket="acme-new", Tagging={"TagSet": changed})
    s3.close()

    moved = stack.run("up", "--plan", file, "--remove-first")

    assert (moved.returncode, 'weights bucket "new": changed outside' in moved.stderr) == (3, True)
    assert "nothing was written" in moved.stderr
    assert writes(simulator) == before


def test_on_a_terminal_the_first_line_is_there_at_once_and_what_moved_at_the_question_is_asked_about_again(
    stack: Stack, simulator: Simulator
) -> None:
    stack.bring_up(claims("h200"))
    stack.declare(claims("h200").replace("instanceCount: 1", "instanceCount: 2"))
    before = writes(simulator)

    with terminal(stack, "up") as shown:
        first = shown.until("previewing stack dev (project serving)")
        shown.until("Apply these changes?")
        edit(simulator, 9)
        shown.answer("y")
        second = shown.until("Apply these changes?")
        shown.answer("n")
        code = shown.end()

    assert first.startswith("previewing")
    assert "resources.instanceCount: 1 -> 9" in second
    assert '! changed outside: capacity claim "h200"' in second
    assert code == 0
    assert (writes(simulator), instances(simulator)) == (before, 9)


def test_a_file_that_is_no_plan_is_one_error(stack: Stack, simulator: Simulator) -> None:
    stack.declare(claims("h200"))
    file = stack.path / "plan.json"
    file.write_text("[" * 100_000)

    done = stack.run("up", "--plan", str(file))

    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "damaged" in done.stderr
    assert writes(simulator) == []


def test_taking_an_existing_object_is_called_adopt_with_what_it_writes(
    stack: Stack, simulator: Simulator
) -> None:
    stack.bring_up(gateways("public"))
    stack.declare(gateways("public"), claims("h200"))
    file = stack.path / "plan.json"
    assert stack.run("preview", "--save-plan", str(file)).returncode == 0
    ((id_, entry),) = json.loads(file.read_text())["objects"]["capacity claim"].items()
    resources = {
        "instanceId": "gd-8xh200ib-i128",
        "instanceCount": 4,
        "capacityType": "CAPACITY_TYPE_SERVERLESS",
        "zones": ["US-EAST-04A"],
    }
    made = httpx.post(
        f"{simulator.url}{OURS}capacityclaims",
        json={"id": id_, "name": entry["name"], "resources": resources},
        headers={"Authorization": f"Bearer {simulator.token}"},
    )
    assert made.status_code == 200, made.text

    make_bucket(simulator, "acme-theirs", {"team": "chat"})
    make_bucket(
        simulator,
        "acme-kept",
        {STACK_TAG: stack_tag(stack_identity("5f1c0f6a4d", "organization", "serving", "dev"))},
    )
    stack.declare(gateways("public"), claims("h200"), BUCKETS)
    stack.environment[TAKE_OVER] = id_

    up = stack.run("up", "--yes")

    assert up.returncode == 0, up.stderr
    lines = up.stdout.splitlines()
    at = lines.index('= adopt    capacity claim "h200"')
    assert lines[at + 1] == "    resources.instanceCount: 4 -> 1"
    theirs, kept = (lines.index(f'= adopt    weights bucket "{name}"') for name in ("theirs", "kept"))
    assert lines[theirs + 1] == '    tags["team"]: chat -> search'
    assert not lines[kept + 1].startswith(" ")
    assert '+ create   weights bucket "new"' in lines
    assert len(simulator.world.records("capacityclaims")) == 1
    assert instances(simulator) == 1
