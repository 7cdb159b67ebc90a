"""What others change outside of the stack, and what a later version of the package sees."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import coreweave_inference
from coreweave_inference.engine.results import Record
from coreweave_inference.review import Preview, Resource, preview_in, read_preview, review
from coreweave_inference.review.drift import Drift, drift
from coreweave_inference.review.views import as_document
from pulumi.automation import EngineEvent

from tests.engine.declarations import DEPLOYMENT, canary, edited, stack
from tests.engine.runs import Run, kinds_of
from tests.engine.test_broken_later import CRASH, shows
from tests.engine.workbench import Service, Workbench, until


def test_changes_made_outside_show_as_exactly_their_fields_and_an_up_that_refreshes_puts_them_back(
    workbench: Workbench,
) -> None:
    service = workbench.service
    workbench.bring_up(canary())
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
    assert {kind: count for kind, count in kinds_of(seen.requests).items() if "acme-weights" not in kind} == {
        "LIST gateways": 1,
        "LIST capacityclaims": 1,
        "LIST deployments": 1,
        "key": 1,
    }
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
    workbench.bring_up(stack())
    workbench.environment["PYTHONPATH"] = str(_later_version(tmp_path / "later"))

    quiet = workbench.preview("--refresh")
    workbench.declare(stack(deployments={"chat": {"autoscaling": {"max": 5}}}))
    changed = workbench.up()

    assert (quiet.ok, quiet.drift, quiet.changes) == (True, {}, {})
    assert changed.ok, changed.errors
    assert changed.changes["chat"] == "update autoscaling.max"
    (body,) = changed.bodies("PATCH", "deployments")
    assert body["speculativeDecoding"] is False


def test_a_review_a_preview_a_refresh_and_an_up_call_the_same_things_drift(
    workbench: Workbench,
) -> None:
    service = workbench.service
    spares = {name: edited(DEPLOYMENT, {"model": {"name": f"acme/{name}"}}) for name in ("again", "given-up")}
    document = canary(
        buckets={"weights": {"tags": {"team": "search"}}},
        deployments=spares,
    )
    workbench.bring_up(document)
    world = service.simulator.world
    for record in world.records("deployments"):
        if record.spec["name"] in ("again-serving-dev", "given-up-serving-dev"):
            world.delete(record)
    service.edit("deployments", "chat-serving-dev", {"autoscaling": {"max": 9}})
    service.edit("gateways", "public-serving-dev", {"name": "renamed-by-hand"})
    _add_a_statement_of_others(service)
    for name in ("chat-serving-dev", "chat-canary-serving-dev"):
        shows(service, name, "FAILED", CRASH)
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

    preview = workbench.preview("--refresh", "--json", "--show-sames")
    refresh = workbench.refresh()
    later = workbench.preview("--json", "--show-sames")
    up = workbench.up()

    expected = {
        "again": {""},
        "given-up": {""},
        "weights": {"tags.team"},
        "public": {"name"},
        "chat": {"autoscaling.max", "health"},
        "chat-canary": {"health"},
    }
    broken = {"chat": {"health"}, "chat-canary": {"health"}}
    for run, paths in ((preview, expected), (later, broken)):
        printed = read_preview(run.output, "serving/dev")
        assert _resources(preview_in(_document(run), "serving/dev")) == _resources(printed)
        assert _paths(drift(printed.resources)) == paths
        assert as_document(review([printed]))["counts"]["drift"] == len(paths)
    printed_drift = drift(read_preview(preview.output, "serving/dev").resources)
    assert sorted(map(str, _drift(preview, "preview"))) == sorted(map(str, printed_drift))
    assert (_paths(_drift(refresh, "refresh")), _paths(_drift(up, "up"))) == (expected, broken)
    assert up.ok, up.errors


def _add_a_statement_of_others(service: Service) -> None:
    """It concerns nobody here: no drift."""
    document = json.loads(service.s3.get_bucket_policy(Bucket="acme-weights")["Policy"])
    theirs = {**document["Statement"][0], "Sid": "Theirs"}
    policy = json.dumps({**document, "Statement": [*document["Statement"], theirs]})
    service.s3.put_bucket_policy(Bucket="acme-weights", Policy=policy)


def _record(run: Run, *, refreshing: bool = False) -> Record:
    """What `cw-inference` collects of a run."""
    record = Record(refreshing=refreshing)
    for event in run.events:
        record.document.add(EngineEvent.from_json(dict(event)))
    return record


def _document(run: Run) -> dict[str, Any]:
    return _record(run).document.data()


def _drift(run: Run, operation: str) -> tuple[Drift, ...]:
    """What the commands that run the engine call drift."""
    record = _record(run, refreshing=operation == "refresh")
    return record.result(operation, "serving", "dev", ok=run.ok).drift


def _resources(preview: Preview) -> list[Resource]:
    """What a review reads of each resource; the CLI's document does not tell which fields a refresh found changed."""
    return [replace(resource, drifted_paths=()) for resource in preview.resources]


def _paths(found: Iterable[Drift]) -> dict[str, set[str]]:
    paths = defaultdict[str, set[str]](set)
    for item in found:
        paths[item.label].add(item.path)
    return paths


def _later_version(root: Path) -> Path:
    """A source root with a copy of the package in which a deployment has the flag `speculativeDecoding`."""
    package = Path(coreweave_inference.__file__).parent
    shutil.copytree(package, root / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    module = root / package.name / "model" / "deployment.py"
    start, field, rest = module.read_text().partition("    disabled: ")
    assert field
    module.write_text(f"{start}    speculative_decoding: Annotated[Flag, FieldMeta()] = False\n{field}{rest}")
    return root
