from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.faults import Fault

from tests.running.command_line import Stack, claims, gateways, read_until, until
from tests.simulator.inference_fixtures import s3_client

pytestmark = pytest.mark.thorough


def killed_in_creation(stack: Stack, simulator: Simulator) -> str:
    """An `up` whose engine was killed after the POST of gateway `slow` and before its creation was recorded; its id."""
    simulator.behaviour = replace(simulator.behaviour, gateway_create_seconds=600.0)
    with stack.started("up", "--yes") as process:
        live = until(lambda: simulator.world.records("gateways"))
        stack.kill_engine()
        process.communicate(timeout=30)
    simulator.behaviour = replace(simulator.behaviour, gateway_create_seconds=0.1)
    return str(live[0].id)


def pending_creations(stack: Stack) -> list[str]:
    """Names of the objects that the state says were being created."""
    pending = stack.state().get("pending_operations") or ()
    return [
        operation["resource"]["urn"].rsplit("::", 1)[-1]
        for operation in pending
        if operation["type"] == "creating"
    ]


def test_a_killed_run_is_repaired_and_an_object_no_longer_declared_is_deleted(
    stack: Stack, simulator: Simulator
) -> None:
    stack.bring_up(claims("h200"))
    stack.declare(claims("h200"), gateways("slow"))
    gateway_id = killed_in_creation(stack, simulator)
    assert pending_creations(stack) == ["slow"]
    stack.declare(claims("h200"))
    simulator.clock.advance(7200)

    done = stack.document("up", "--yes")

    assert (done["code"], done["errors"]) == (0, [])
    assert any("removed the stale lock of" in line for line in done["repairs"])
    assert any(
        f'gateway "slow": recovered after an interrupted creation ({gateway_id})' in r
        for r in done["repairs"]
    )
    assert done["counts"]["delete"] == 1
    assert until(lambda: not simulator.world.records("gateways"))
    assert stack.names() == {"account", "h200", "ready"}
    assert not stack.state().get("pending_operations")


def test_an_object_of_a_killed_run_that_is_still_declared_is_neither_made_again_nor_replaced(
    stack: Stack, simulator: Simulator
) -> None:
    stack.declare(gateways("slow"))
    gateway_id = killed_in_creation(stack, simulator)
    simulator.clock.advance(7900)

    done = stack.document("up", "--yes")

    assert (done["code"], done["errors"]) == (0, [])
    assert {s["name"]: s["what"] for s in done["steps"]} == {
        "account": "same",
        "slow": "same",
        "ready": "create",
    }
    assert [record.id for record in simulator.world.records("gateways")] == [gateway_id]
    assert len(done["outputs"]["gateways"]["slow"]["endpoints"]) == 1


def test_the_lock_of_a_process_that_runs_is_left_and_its_holder_is_named(stack: Stack) -> None:
    stack.declare(claims("h200"))
    assert stack.run("preview").returncode == 0
    lock = stack.backend / ".pulumi" / "locks" / "organization" / "serving" / "dev" / "somebody.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    holder = {"username": "ann", "hostname": socket.gethostname(), "timestamp": "2026-01-01T00:00:00Z"}
    lock.write_text(json.dumps({"pid": os.getpid(), **holder}))

    done = stack.run("up", "--yes")

    assert done.returncode == 2
    assert f'stack "dev" is locked by ann@{socket.gethostname()} (process {os.getpid()})' in done.stderr
    assert lock.exists()


def test_ctrl_c_ends_the_waits_and_the_next_run_goes_on(stack: Stack, simulator: Simulator) -> None:
    simulator.behaviour = replace(simulator.behaviour, claims_wait_for_hardware=True)
    stack.declare(claims("h200"))
    with stack.started("up", "--yes") as process:
        read_until(process, 'capacity claim "h200": waiting')
        process.send_signal(2)
        _, error = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "stopped; run `cw-inference up` again to continue" in error
    assert 'capacity claim "h200": stopped while' in error
    assert stack.names() == {"account", "h200"}
    assert not stack.state().get("pending_operations")

    simulator.world.release_hardware()
    done = stack.document("up", "--yes")

    assert (done["code"], done["counts"]) == (0, {"same": 2, "create": 1})


def test_attributes_that_a_kill_left_empty_do_not_stop_the_next_run(stack: Stack) -> None:
    stack.bring_up(claims("h200"))
    attributes = stack.backend / ".pulumi" / "stacks" / "serving" / "dev.json.attrs"
    attributes.write_bytes(b"")

    done = stack.document("up", "--yes")

    assert (done["code"], done["counts"]) == (0, {"same": 3})
    assert any(f"removed {attributes}" in line for line in done["repairs"])


def test_a_state_that_a_full_disk_left_empty_is_restored_from_its_backup(stack: Stack) -> None:
    stack.bring_up(claims("h200"))
    file = stack.backend / ".pulumi" / "stacks" / "serving" / "dev.json"
    shutil.copyfile(file, f"{file}.bak")
    file.write_bytes(b"")

    looked = stack.run("status")
    done = stack.run("preview")
    for damaged in (file, file.with_name("dev.json.bak")):
        damaged.write_bytes(b"")
    lost = stack.run("preview")

    assert (looked.returncode, "the backup beside it" in looked.stderr) == (
        1,
        True,
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "3 unchanged")
    assert f"info: {file}: restored from dev.json.bak" in done.stdout
    assert (lost.returncode, "cw-inference import --apply" in lost.stderr) == (1, True)


def test_a_lock_without_a_proof_is_left_also_where_its_process_id_is_free(stack: Stack) -> None:
    stack.bring_up(claims("h200"))
    lock = stack.backend / ".pulumi" / "locks" / "organization" / "serving" / "dev" / "somebody.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    holder = {"username": "ann", "hostname": socket.gethostname(), "timestamp": "2026-01-01T00:00:00Z"}
    lock.write_text(json.dumps({"pid": 4194300, **holder}))
    stack.declare(claims("h200", "more"))

    stack.declare(claims("h200", "more"))
    done = stack.run("up", "--yes")

    assert done.returncode == 2
    assert "pulumi cancel --stack dev" in done.stderr
    assert lock.exists()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_closed_terminal_is_a_first_ctrl_c_and_a_second_one_loses_no_creation(
    stack: Stack, simulator: Simulator, number: signal.Signals
) -> None:
    simulator.behaviour = replace(simulator.behaviour, gateway_create_seconds=600.0)
    stack.declare(gateways("slow"), claims("h200"))
    with stack.started("up", "--yes") as process:
        until(lambda: simulator.world.records("gateways"))
        process.send_signal(number)
        if number == signal.SIGINT:
            for _ in range(20):
                process.send_signal(signal.SIGINT)
                time.sleep(0.05)
        process.communicate(timeout=60)
    simulator.behaviour = replace(simulator.behaviour, gateway_create_seconds=0.1)
    stack.declare(claims("h200"))

    done = stack.document("up", "--yes")

    assert process.returncode in (130, -number)
    assert (done["code"], done["errors"]) == (0, [])
    assert until(lambda: not simulator.world.records("gateways"))
    assert stack.names() == {"account", "h200", "ready"}


def test_nothing_is_begun_after_a_first_ctrl_c_and_what_was_sent_is_recorded(
    stack: Stack, simulator: Simulator
) -> None:
    simulator.faults.add(Fault("delay", "POST", "/capacityclaims", seconds=0.5, count=None))
    names = {f"pool-{number}" for number in range(16)}
    stack.declare(claims(*names))
    with stack.started("up", "--yes") as process:
        until(lambda: simulator.world.records("capacityclaims"))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    made = len(simulator.world.records("capacityclaims"))
    recorded = names & stack.names()
    simulator.faults.clear()

    done = stack.document("up", "--yes")

    assert process.returncode == 130
    assert "not begun, because the run was stopped" in errors
    assert 1 <= made == len(recorded) <= 8
    assert (done["code"], done["errors"]) == (0, [])
    assert names <= stack.names()


@pytest.mark.thorough
def test_no_provider_outlives_a_killed_command_and_its_lock_goes_by_itself(
    stack: Stack, simulator: Simulator
) -> None:
    simulator.behaviour = replace(simulator.behaviour, claims_wait_for_hardware=True)
    stack.declare(claims("h200"))
    with stack.started("up", "--yes") as process:
        read_until(process, 'capacity claim "h200": waiting')
        session = stack.engine_process()
        assert members(session)
        process.kill()
        process.communicate(timeout=30)
    until(lambda: not members(session), 30)
    simulator.world.release_hardware()

    done = stack.document("up", "--yes")

    assert (done["code"], done["errors"]) == (0, [])


def members(session: int) -> list[int]:
    """The processes of a session that run."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            running = (directory / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
            found.extend(
                [int(directory.name)] if running and os.getsid(int(directory.name)) == session else []
            )
    return found


def test_a_repair_never_overwrites_what_another_run_wrote_meanwhile(
    stack: Stack, simulator: Simulator
) -> None:
    stack.bring_up(claims("h200"))
    stack.declare(claims("h200"), gateways("slow"))
    gateway_id = killed_in_creation(stack, simulator)
    simulator.clock.advance(700)
    # The repair of the second run waits for this answer; meanwhile the first one repairs, and records its gateway.
    simulator.faults.add(
        Fault("delay", "GET", f"/gateways/{gateway_id}", count=1, when="before", seconds=8.0)
    )
    with stack.started("up", "--yes") as second:
        until(lambda: simulator.journal.entries("GET", f"/gateways/{gateway_id}"))
        first = stack.document("up", "--yes")
        _, error = second.communicate(timeout=60)

    assert (first["code"], first["errors"]) == (0, [])
    assert second.returncode == 2
    assert "its state was changed by another run" in error
    assert "slow" in stack.names()


def test_the_state_of_another_stack_is_refused_before_anything_is_deleted(
    stack: Stack, simulator: Simulator
) -> None:
    stack.bring_up(claims("h200"))
    states = stack.backend / ".pulumi" / "stacks" / "serving"
    shutil.copyfile(states / "dev.json", states / "prod.json")
    shutil.copyfile(stack.path / "Pulumi.dev.yaml", stack.path / "Pulumi.prod.yaml")

    up, destroy = (stack.run(command, "--yes", stack="prod") for command in ("up", "destroy"))

    assert (up.returncode, destroy.returncode) == (2, 2)
    assert "its state is the one of stack serving/dev" in up.stderr
    assert len(simulator.world.records("capacityclaims")) == 1


GATEWAY_OF_CHAT = "deployments:\n  chat: {gateways: [edge], model: {name: acme/chat, bucket: acme-weights, path: models/chat}, "
REST_OF_CHAT = (
    "runtime: {engine: vllm}, resources: {instanceType: gd-8xh200ib-i128, gpuCount: 1}, "
    "autoscaling: {min: 1, max: 2, concurrency: 32}}\n"
)


def test_a_gateway_goes_after_a_deployment_that_a_killed_run_had_moved_to_it(
    stack_of: Callable[..., Stack], simulator: Simulator
) -> None:
    stack = stack_of(COREWEAVE_CHECKS="warn", COREWEAVE_SETTLE_SECONDS="2", COREWEAVE_DEADLINE_SECONDS="1")
    s3 = s3_client(simulator)
    s3.create_bucket(Bucket="acme-weights", CreateBucketConfiguration={"LocationConstraint": "US-EAST-04A"})
    s3.put_object(Bucket="acme-weights", Key="models/chat/config.json", Body=b"{}")
    s3.close()
    chat = GATEWAY_OF_CHAT + REST_OF_CHAT
    stack.declare(gateways("edge"), chat)
    stack.run("up", "--yes")
    [deployment] = simulator.world.records("deployments")
    [edge] = deployment.spec["gatewayIds"]
    stack.declare(gateways("edge", "private"), chat.replace("[edge]", "[private]"))
    simulator.faults.add(Fault("delay", "PATCH", "/deployments/", when="after", seconds=1.0))
    with stack.started("up", "--yes") as process:
        until(lambda: deployment.spec["gatewayIds"] != [edge])
        stack.kill_engine()
        process.communicate(timeout=30)
    simulator.faults.clear()
    simulator.faults.add(Fault("delay", "DELETE", "/deployments/", when="before", seconds=0.5))
    stack.declare(gateways("edge"))

    done = stack.document("up", "--yes")

    assert (done["code"], done["errors"]) == (0, [])
    assert stack.names() == {"account", "edge", "ready"}
    assert simulator.world.records("deployments") == []
