"""Ways of driving Pulumi that delete a state entry whose object stays declared: the object must live on."""

from __future__ import annotations

from typing import Any

import coreweave_inference as cw
import pulumi

from tests.engine.declarations import CLAIM, ZONE, canary, stack
from tests.engine.runs import Run
from tests.engine.workbench import Service, Workbench

KINDS = ("gateways", "capacityclaims", "deployments")


def test_replace_on_the_command_line_leaves_the_live_objects_alone(workbench: Workbench) -> None:
    workbench.bring_up(canary())
    before = _made(workbench.service)
    urns = [workbench.state()[name]["urn"] for name in ("public", "h200", "chat")]
    policy = workbench.state()["weights-policy"]["urn"]

    refused = workbench.up(f"--replace={policy}")
    replaced = workbench.up(*(f"--replace={urn}" for urn in urns))
    cleaned = workbench.up("--refresh")
    quiet = workbench.up("--refresh")

    assert (refused.ok, refused.writes) == (False, {})
    assert "would replace nothing" in refused.output
    assert "another state" not in refused.output
    assert not replaced.ok
    assert cleaned.ok, cleaned.errors
    assert _deletes(cleaned) == []
    assert "create-replacement" in replaced.changes["chat"]
    assert _deletes(replaced) == []
    assert _made(workbench.service) == before
    assert (quiet.ok, quiet.drift, quiet.changes) == (True, {}, {})


def test_a_move_under_a_parent_with_an_alias_leaves_the_live_objects_alone(workbench: Workbench) -> None:
    workbench.program = lambda: _program(None)
    workbench.up()
    before = _made(workbench.service)

    workbench.program = lambda: _program(pulumi.ComponentResource("acme:serving:Team", "team"))
    moved = workbench.up()
    quiet = workbench.up("--refresh")

    assert moved.ok, moved.errors
    assert _deletes(moved) == []
    assert _made(workbench.service) == before
    assert (quiet.ok, quiet.changes) == (True, {})


def test_a_statement_that_was_removed_outside_is_put_again_by_an_up_that_refreshes(
    workbench: Workbench,
) -> None:
    workbench.bring_up(stack())
    before = workbench.service.sids()
    workbench.service.s3.delete_bucket_policy(Bucket="acme-weights")

    run = workbench.up("--refresh")

    assert run.ok, run.errors
    assert workbench.service.sids() == before


def test_a_key_that_is_renamed_with_an_alias_and_back_without_one_keeps_its_object(
    workbench: Workbench,
) -> None:
    workbench.bring_up(stack())
    before = _made(workbench.service)
    chat = stack()["deployments"]["chat"]
    workbench.declare(stack(deployments={"chat": None, "code": {**chat, "options": {"aliases": ["chat"]}}}))
    renamed = workbench.up()

    workbench.declare(stack())
    back = workbench.up("--refresh")

    assert renamed.ok, renamed.errors
    assert back.ok, back.errors
    assert _deletes(back) == []
    assert _made(workbench.service) == before


def test_a_rename_whose_rollout_failed_and_was_reverted_leaves_the_first_object_alone(
    workbench: Workbench,
) -> None:
    service = workbench.service
    workbench.bring_up(stack(deployments={"chat": {"name": "chat-a"}}))
    before = _made(service)

    service.turn(deployment_create_seconds=2.0)
    workbench.declare(stack(deployments={"chat": {"name": "chat-b"}}))
    with workbench.going_up() as running:
        renamed = running.sent("POST", "deployments$").body["id"]
        service.simulator.world.set_status(renamed, "STATUS_FAILED")
        failed = running.finish()
    workbench.declare(stack(deployments={"chat": {"name": "chat-a"}}))
    taken_back = workbench.up()

    assert not failed.ok
    assert _deletes(failed) == []
    assert taken_back.ok, taken_back.errors
    assert _deletes(taken_back) == [renamed]
    assert _made(service) == before


def test_a_claim_whose_type_was_changed_in_vain_and_changed_back_is_the_same_claim(
    workbench: Workbench,
) -> None:
    service = workbench.service
    workbench.bring_up(_claim())
    before = _made(service)

    service.turn(claims_wait_for_hardware=True)
    workbench.declare(_claim(capacityType="CAPACITY_TYPE_CUSTOMER", options={"timeout": "1s"}))
    failed = workbench.up()
    new = _made(service) - before
    workbench.declare(_claim())
    changed_back = workbench.up()

    assert not failed.ok
    assert changed_back.ok, changed_back.errors
    assert _deletes(changed_back) == [id_ for _, id_, _ in new]
    assert len(new) == 1
    assert _made(service) == before


def _claim(**changes: object) -> dict[str, Any]:
    return {"version": 1, "capacityClaims": {"h200": {**CLAIM, **changes}}}


def _program(parent: pulumi.Resource | None) -> None:
    was = [pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)] if parent else []
    options = pulumi.ResourceOptions(parent=parent, aliases=was)
    bucket = cw.WeightsBucket("weights", bucket_name="acme-weights", zone=ZONE, adopt=True)
    gateway = cw.Gateway(
        "public", zones=[ZONE], auth=cw.CoreWeaveAuth(), routing=cw.BodyBasedRouting(), opts=options
    )
    policy = cw.InferenceBucketPolicy(
        "weights-policy",
        bucket=bucket,
        prefixes=["models"],
        owner_access="organization",
        after=[gateway],
        opts=options,
    )
    claim = cw.CapacityClaim(
        "h200",
        instance_id=CLAIM["instanceId"],
        instance_count=1,
        capacity_type="CAPACITY_TYPE_SERVERLESS",
        zones=[ZONE],
        opts=options,
    )
    cw.Deployment(
        "chat",
        gateways=[gateway],
        model=cw.Model(name="acme/chat", path="models/chat"),
        runtime=cw.Runtime(engine="vllm"),
        resources=cw.Resources(instance_type="gd-8xh200ib-i128", gpu_count=1),
        autoscaling=cw.Autoscaling(min=1, max=2),
        weights=policy,
        capacity_claims=[claim],
        opts=options,
    )
    cw.Readiness(opts=options)


def _made(service: Service) -> set[tuple[str, str, str]]:
    """Kind, id and creation of every live object; and how many statements the bucket's policy has."""
    made = {
        (kind, item["spec"]["id"], item["status"]["createdAt"])
        for kind in KINDS
        for item in service.live(kind).values()
    }
    return made | {("statements", str(len(service.sids())), "")}


def _deletes(run: Run) -> list[str]:
    return [entry.path.rsplit("/", 1)[-1] for entry in run.requests if entry.method == "DELETE"]
