"""What a destroy calls deleted is deleted, also when an earlier one was cut short."""

from __future__ import annotations

import coreweave_inference as cw
import pulumi

from tests.engine.declarations import CLAIM, canary
from tests.engine.workbench import Workbench, until

NAMES = [f"pool-{number}" for number in range(5)]


def test_what_a_killed_destroy_deleted_is_confirmed_by_the_next_one_and_what_came_back_is_named(
    workbench: Workbench,
) -> None:
    service, world = workbench.service, workbench.service.simulator.world
    workbench.bring_up(
        {"version": 1, "capacityClaims": {key: {**CLAIM, "instanceCount": 1} for key in NAMES}}
    )
    ids = {name: entry["id"] for name, entry in workbench.state().items()}
    workbench.refresh()
    service.turn(claim_delete_seconds=60.0, lists_hide_deleting=True)
    with workbench.going_down() as running:
        # Two deletions go on waiting: nothing is written to the state while they do.
        until(lambda: len(set(NAMES) - workbench.state().keys()) == 3, "three entries that leave the state")
        seen = len(service.requests())
        until(lambda: len(service.requests()) > seen + 5, "further looks")
        running.kill_engine()
        running.finish()
    workbench.pulumi("cancel", "--yes", "--stack", "dev")
    name, *others = sorted(set(NAMES) - workbench.state().keys())
    service.turn(claim_delete_seconds=0.3)
    for claim in world.records("capacityclaims"):
        world.revive(claim.id)
        if claim.id in [ids[other] for other in others]:
            world.delete(claim)

    came_back = workbench.destroy()
    service.turn(claim_delete_seconds=4.0)
    revived = world.find("capacityclaims", ids[name])
    assert revived is not None
    world.delete(revived)
    down = workbench.destroy()

    assert not came_back.ok
    assert f'capacity claim "{name}" ({ids[name]}, READY)' in came_back.output
    assert set(workbench.state()) == set()
    assert down.ok, down.errors
    assert f'confirmed deleted: capacity claim "{name}"' in down.output
    assert service.account() == {"buckets": ["acme-weights"]}


def test_a_renamed_readiness_is_no_destroy_and_what_is_taken_out_with_it_is_deleted_when_the_run_ends(
    workbench: Workbench,
) -> None:
    def declares(readiness: str, *gateways: str) -> None:
        for key in gateways:
            cw.Gateway(
                key,
                zones=["US-EAST-04A"],
                auth=cw.CoreWeaveAuth(),
                routing=cw.BodyBasedRouting(api_type="API_TYPE_OPENAI"),
                opts=pulumi.ResourceOptions(protect=key == "kept"),
            )
        cw.Readiness(readiness)
        cw.export()

    service = workbench.service
    workbench.program = lambda: declares("ready", "kept", "other")
    workbench.up()
    service.turn(gateway_delete_seconds=1.5)
    workbench.program = lambda: declares("serving", "kept")

    renamed = workbench.up()
    left = service.account()["gateways"]

    assert renamed.ok, renamed.errors
    assert renamed.writes == {"DELETE gateways": 1}
    assert left == ["kept-serving-dev"]
    assert set(workbench.state()) == {"account", "kept", "serving"}


def test_a_part_of_a_stack_is_deleted_when_its_run_ends_although_no_list_shows_what_is_going(
    workbench: Workbench,
) -> None:
    service = workbench.service
    workbench.bring_up(canary())
    service.turn(deployment_delete_seconds=1.5, gateway_delete_seconds=1.0, lists_hide_deleting=True)

    part = workbench.destroy("--target", "**Deployment::chat**", "--target-dependents")
    left = service.account()
    rest = workbench.destroy()

    assert part.ok, part.errors
    assert left.keys() == {"gateways", "capacityclaims", "buckets"}
    assert rest.ok, rest.errors
    assert service.account() == {"buckets": ["acme-weights"]}
