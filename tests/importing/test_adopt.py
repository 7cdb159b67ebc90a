"""A single object that exists comes into a stack: what will be written to it is shown before it is written."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import coreweave_inference as cw
import pulumi
import pytest
from coreweave_inference.declaration import read_for_stack
from coreweave_inference.simulator import Simulator

from tests.engine.conftest import workbench_of
from tests.engine.workbench import Service, Workbench
from tests.importing.accounts import VERSION, ZONE, Account
from tests.running.command_line import Stack

__all__ = ["workbench_of"]

DECLARED = (
    "gateways:\n"
    "  edge: {name: public, zones: [US-EAST-04A], coreWeaveAuth: {}, bodyBasedRouting: {}, options: {adopt: true}}\n"
    "capacityClaims:\n"
    "  next: {name: next, instanceId: gd-8xh200ib-i128, instanceCount: 1, capacityType: CAPACITY_TYPE_MANAGED, "
    "zones: [US-EAST-04A], options: {adopt: true}}\n"
    "deployments:\n  chat:\n    name: chat\n    gateways: [edge]\n"
    "    model: {name: acme/chat, path: models/chat, bucket: acme-weights}\n    runtime: {engine: vllm}\n"
    "    resources: {instanceType: gd-8xh200ib-i128, gpuCount: 1}\n"
    "    autoscaling: {min: 1, max: 6, concurrency: 32}\n    options: {adopt: true}\n"
)


@pytest.fixture
def hand_made(account: Account) -> dict[str, str]:
    account.bucket()
    gateway = account.gateway("public", zones=[ZONE])
    chat = account.deployment("chat", [gateway], runtime={"version": "0.21.1+crwv.1"})
    return {"public": gateway, "chat": chat}


def test_a_plan_shows_what_is_written_to_what_it_adopts_and_the_run_writes_that_alone(
    stack: Stack, account: Account, hand_made: dict[str, str]
) -> None:
    stack.declare(DECLARED)
    made = account.writes()

    preview = stack.document("preview")
    assert account.writes() == made
    up = stack.document("up", "--yes")

    shown = {step["name"]: (step["what"], step["changes"]) for step in preview["steps"]}
    assert shown["edge"] == ("adopt", [])
    assert shown["chat"] == ("adopt", [{"path": "autoscaling.max", "before": 4, "after": 6}])
    assert shown["next"][0] == "create"  # Nothing of that name is there.
    assert up["ok"], up["errors"]
    done = {step["name"]: step["what"] for step in up["steps"]}
    assert (done["edge"], done["chat"], done["next"]) == ("adopt", "adopt", "create")
    assert up["counts"]["adopt"] == 2
    written = account.writes()[len(made) :]
    assert sorted(entry.split("/inference/")[1].split("/")[0] for entry in written) == [
        "capacityclaims",
        "deployments",
    ]
    live = account.live("deployments")["chat"]["spec"]
    assert (live["id"], live["runtime"]["version"]) == (hand_made["chat"], "0.21.1+crwv.1")
    assert {one["urn"].rsplit("::")[-1]: one["id"] for one in stack.state()["resources"] if one.get("id")}[
        "edge"
    ] == hand_made["public"]


def test_the_option_adopts_a_bucket_too_and_is_not_inherited() -> None:
    text = (
        "version: 1\nbuckets:\n  weights: {name: acme-weights, zone: RNO2A, options: {adopt: true}}\n"
        "gateways:\n  one: {coreWeaveAuth: {}, pathBasedRouting: {}, options: {adopt: true}}\n  two: {extends: one}\n"
    )

    found = read_for_stack(Path("inference.yaml"), "none", text=text)

    assert found.buckets["weights"].adopt
    assert [item.options.adopt for item in found.gateways.values()] == [True, False]


@pytest.fixture
def workbench(
    simulator: Simulator, workbench_of: Callable[..., Workbench], hand_made: dict[str, str]
) -> Workbench:
    return workbench_of(Service(simulator))


def program(most: int = 4, gateway: str = "", **ids: str) -> None:
    public = cw.Gateway(
        "edge",
        api_name="public",
        zones=[ZONE],
        auth=cw.CoreWeaveAuth(),
        routing=cw.BodyBasedRouting(),
        opts=pulumi.ResourceOptions(import_=gateway or ids["public"]),
    )
    cw.Deployment(
        "chat",
        api_name="chat",
        gateways=[public],
        model=cw.Model(name="acme/chat", bucket="acme-weights", path="models/chat"),
        runtime=cw.Runtime(engine="vllm"),
        resources=cw.Resources(instance_type="gd-8xh200ib-i128", gpu_count=1),
        autoscaling=cw.Autoscaling(min=1, max=most, concurrency=32),
        opts=pulumi.ResourceOptions(import_=ids["chat"]),
    )
    cw.Readiness()


def test_import_in_resource_options_adopts_what_is_as_declared_and_refuses_the_rest(
    workbench: Workbench, hand_made: dict[str, str]
) -> None:
    workbench.program = lambda: program(most=6, **hand_made)
    different = workbench.preview()
    workbench.program = lambda: program(gateway="00000000-0000-4000-8000-000000000000", **hand_made)
    missing = workbench.preview()
    workbench.program = lambda: program(**hand_made)
    shown, first, quiet = workbench.preview(), workbench.up(), workbench.up("--refresh")

    assert 'deployment "chat": import_: ' in different.output
    assert "is not as declared: autoscaling.max: 4 -> 6" in different.output
    assert "there is no gateway 00000000-0000-4000-8000-000000000000" in missing.output
    assert any(
        f'"chat": adopts {hand_made["chat"]}, which exists: it is as declared' in note for note in shown.notes
    )
    assert first.ok, first.errors
    assert any("adopted, which the declaration asks for" in note for note in first.notes)
    assert (quiet.ok, quiet.changes) == (True, {})
    assert [run.writes for run in (different, missing, shown, first, quiet)] == [{}] * 5
    assert workbench.state()["chat"]["id"] == hand_made["chat"]
    assert VERSION not in workbench.state_text()


NOTHING_TO_IMPORT: dict[str, Callable[[pulumi.ResourceOptions], object]] = {
    "a statement that is there is adopted by itself": lambda o: cw.InferenceBucketPolicy(
        "p", bucket="acme-weights", opts=o
    ),
    "it owns nothing": lambda o: cw.Readiness(opts=o),
    'import_ names bucket "x"': lambda o: cw.WeightsBucket(
        "w", bucket_name="acme-weights", zone=ZONE, opts=o
    ),
}


def test_an_import_of_what_has_nothing_to_import_is_one_sentence(workbench: Workbench) -> None:
    for words, declare in NOTHING_TO_IMPORT.items():
        workbench.program = partial(declare, pulumi.ResourceOptions(import_="x"))

        refused = workbench.preview()

        assert not refused.ok
        assert words in refused.output
        assert "Traceback" not in refused.output
