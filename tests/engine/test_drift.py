"""What others change outside of the stack, and what a later version of the package sees."""

from __future__ import annotations

import shutil
from collections import defaultdict
from pathlib import Path

import coreweave_inference
from coreweave_inference.engine.events import of_event
from coreweave_inference.engine.properties import path_keys
from coreweave_inference.engine.results import Record
from coreweave_inference.review import read_preview, review
from pulumi.automation import EngineEvent

from tests.engine.declarations import DEPLOYMENT, canary, edited, stack
from tests.engine.runs import Run
from tests.engine.workbench import Workbench, until


def test_changes_made_outside_show_as_exactly_their_fields_and_an_up_that_refreshes_puts_them_back(
    workbench: Workbench,
) -> None:
    service = workbench.service
    workbench.declare(canary())
    workbench.up()
    before = {**service.live("deployments"), **service.live("gateways")}
    service.edit("deployments", "chat-serving-dev", {"autoscaling": {"max": 9}})
    service.edit("deployments", "chat-canary-serving-dev", {"disabled": True})
    service.edit("gateways", "public-serving-dev", {"name": "renamed-by-hand"})

    seen = workbench.preview("--refresh")
    workbench.declare(canary(deployments={"chat": {"traffic": {"weight": 500}}}))
    refused = workbench.up()
    workbench.declare(canary())
    restore_pending = workbench.up("--refresh")

    drift = {"chat": "autoscaling.max", "chat-canary": "disabled", "public": "name"}
    assert seen.drift == {name: f"refresh {path}" for name, path in drift.items()}
    for run in (seen, restore_pending):
        assert {name: run.changes[name] for name in drift} == {
            name: f"update {path}" for name, path in drift.items()
        }
    assert (refused.ok, refused.writes) == (False, {})
    assert "autoscaling.max: 4 -> 9" in refused.output
    assert "--refresh" in refused.output
    assert restore_pending.ok
    assert restore_pending.writes == {"PATCH deployments": 2, "PATCH gateways": 1}
    after = {**service.live("deployments"), **service.live("gateways")}
    assert {name: item["spec"] for name, item in after.items()} == {
        name: item["spec"] for name, item in before.items()
    }


def test_a_state_stays_quiet_under_a_later_version_whose_deployments_have_one_more_optional_field(
    workbench: Workbench, tmp_path: Path
) -> None:
    workbench.declare(stack())
    workbench.up()
    workbench.environment["PYTHONPATH"] = str(_later_version(tmp_path / "later"))

    quiet = workbench.preview("--refresh")
    workbench.declare(stack(deployments={"chat": {"autoscaling": {"max": 5}}}))
    changed = workbench.up()

    assert (quiet.ok, quiet.drift, quiet.changes) == (True, {}, {})
    assert changed.ok, changed.errors
    assert changed.changes["chat"] == "update autoscaling.max"
    (body,) = changed.bodies("PATCH", "deployments")
    assert body["speculativeDecoding"] is False


def test_a_review_and_a_preview_call_the_same_objects_changed_or_deleted_outside(
    workbench: Workbench,
) -> None:
    service = workbench.service
    spares = {name: edited(DEPLOYMENT, {"model": {"name": f"acme/{name}"}}) for name in ("again", "given-up")}
    document = canary(
        buckets={"weights": {"tags": {"team": "search"}}},
        deployments=spares,
    )
    workbench.declare(document)
    assert workbench.up().ok
    world = service.simulator.world
    for record in world.records("deployments"):
        if record.spec["name"] in ("again-serving-dev", "given-up-serving-dev"):
            world.delete(record)
    service.edit("deployments", "chat-serving-dev", {"autoscaling": {"max": 9}})
    service.edit("gateways", "public-serving-dev", {"name": "renamed-by-hand"})
    service.s3.delete_bucket_policy(Bucket="acme-weights")
    service.s3.put_bucket_tagging(
        Bucket="acme-weights", Tagging={"TagSet": [{"Key": "team", "Value": "chat"}]}
    )
    until(lambda: len(service.live("deployments")) == 2, "the deletions")
    workbench.declare(
        edited(
            document,
            {"deployments": {"given-up": None, "new": edited(DEPLOYMENT, {"model": {"name": "acme/new"}})}},
        )
    )

    run = workbench.preview("--refresh", "--json", "--show-sames")

    expected = {
        "again": {"deleted"},
        "given-up": {"deleted"},
        "weights-policy": {"deleted"},
        "weights": {"changed"},
        "public": {"changed"},
        "chat": {"changed", "broken"},
        "chat-canary": {"broken"},
    }
    assert _previewed(run) == expected
    assert _reviewed(run) == expected


def _previewed(run: Run) -> dict[str, set[str]]:
    """What `cw-inference preview` calls drift in the events of a run."""
    record, found = Record(), defaultdict[str, set[str]](set)
    for event in run.events:
        run_event = of_event(EngineEvent.from_json(dict(event)))
        if run_event is not None:
            record.add(run_event)
    for step in record.drift(refreshing=False):
        if step.kind != "readiness":
            found[step.name].add("deleted" if step.gone else "changed")
            continue
        for change in step.changes:
            found[str(path_keys(change.path)[-2]).rpartition(" ")[2]].add("broken")
    return found


def _reviewed(run: Run) -> dict[str, set[str]]:
    """What `cw-inference review` calls drift in the document of the same run."""
    found = defaultdict[str, set[str]](set)
    for drift in review([read_preview(run.output, "preview")]).drift:
        found[drift.label].add("broken" if drift.path == "health" else "changed" if drift.path else "deleted")
    return found


def _later_version(root: Path) -> Path:
    """A source root with a copy of the package in which a deployment has the flag `speculativeDecoding`."""
    package = Path(coreweave_inference.__file__).parent
    shutil.copytree(package, root / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    module = root / package.name / "model" / "deployment.py"
    start, field, rest = module.read_text().partition("    disabled: ")
    assert field
    module.write_text(f"{start}    speculative_decoding: Annotated[Flag, FieldMeta()] = False\n{field}{rest}")
    return root
