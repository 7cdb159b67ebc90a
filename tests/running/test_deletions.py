"""Deletions that the service accepted and that no run has confirmed: noted until they are, and never for another object."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from coreweave_inference.clock import OWNER
from coreweave_inference.engine.deletions import (
    noted_deletions,
    persist_deletions,
    restored,
    unconfirmed,
)
from coreweave_inference.engine.interruption import (
    DELETIONS,
    KEPT_SECONDS,
    left_by_killed_runs,
    run_directory,
)
from coreweave_inference.engine.recovery import Recovery
from coreweave_inference.engine.repair import Found, Unresolved
from coreweave_inference.provider.session import Session
from coreweave_inference.settings.resolution import resolve
from coreweave_inference.simulator import Simulator

from tests.running.command_line import Stack, claims, gateways, until
from tests.simulator.inference_fixtures import GATEWAY_ID, Api, environment_of
from tests.simulator.inference_fixtures import gateway as gateway_body

TYPES = "pulumi-python:dynamic/coreweave/inference:"
NAMES = [f"pool-{number}" for number in range(5)]


def entry(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"urn": f"urn:pulumi:dev::serving::{TYPES}{kind}::{name}", "type": TYPES + kind, **more}


def note(kind: str, name: str, created_at: str = "2026-11-27T09:00:00Z") -> dict[str, Any]:
    nouns = {"Gateway": "gateway", "Deployment": "deployment"}
    inputs = {"apiId": name, "name": f"{name}-dev"}
    return {"urn": entry(kind, name)["urn"], "kind": nouns[kind], "createdAt": created_at, "inputs": inputs}


def state(*resources: dict[str, Any]) -> dict[str, Any]:
    account = entry("Account", "account", id="account", outputs={"format": 1}, provider="p")
    return {"version": 3, "deployment": {"resources": [account, *resources]}}


def lines(*entries: tuple[str, Mapping[str, Any] | None]) -> list[str]:
    return [json.dumps({"id": id_, "note": what}) for id_, what in entries]


def test_a_deletion_is_unconfirmed_until_its_last_line_says_otherwise_and_without_a_creation_time_is_not_kept() -> (
    None
):
    public, chat = note("Gateway", "public"), note("Deployment", "chat")
    notes = lines(("1", public), ("2", chat), ("2", None), ("3", note("Gateway", "old", "")), ("1", public))

    assert unconfirmed([*notes, '{"id": "4", "no']) == {"1": public}


def test_notes_are_kept_by_the_account_beside_those_before_and_never_of_what_the_state_has() -> None:
    public, chat = note("Gateway", "public"), note("Deployment", "chat")
    first = persist_deletions(state(), {"1": public})

    both = persist_deletions(first, {"2": chat, "account": chat})

    assert noted_deletions(both) == {"1": public, "2": chat}
    assert persist_deletions({"deployment": {}}, {"1": public}) == {"deployment": {}}
    assert persist_deletions(both, {"account": chat}) is both


def test_what_exists_again_is_a_resource_after_what_it_depends_on_and_what_is_not_confirmed_stays_noted() -> (
    None
):
    public, chat, going, other = (
        note("Gateway", "public"),
        note("Deployment", "chat"),
        note("Gateway", "going"),
        note("Gateway", "other"),
    )
    before = persist_deletions(state(), {"2": chat, "1": public, "3": going, "4": other})

    after = restored(
        before,
        lambda _: {
            "2": Found("2", {"name": "chat-dev"}),
            "1": Found("1", {"name": "public-dev"}),
            "3": Unresolved("it is being deleted", keep=True),
            "4": Unresolved("confirmed by now"),
        },
    )

    resources = after.state["deployment"]["resources"]
    assert [found["id"] for found in resources] == ["account", "1", "2"]
    assert resources[2]["dependencies"] == [resources[0]["urn"], resources[1]["urn"]]
    assert noted_deletions(after.state) == {"3": going}
    assert [text.split(":")[0] for text in after.lines] == [
        'gateway "public" (1)',
        'gateway "other" (4)',
        'deployment "chat" (2)',
    ]


def test_the_directory_of_a_killed_run_is_found_by_the_next_run_of_its_stack_for_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    chat = note("Deployment", "chat")
    with run_directory(lambda _: None, "dev") as running:
        assert left_by_killed_runs("dev") == []
        (running.path / DELETIONS).write_text("\n".join(lines(("1", chat))) + "\n")
        (running.path / OWNER).write_text("4194300")
        assert left_by_killed_runs("prod") == []

        [left] = left_by_killed_runs("dev")
        found = unconfirmed(left.deletions())
        left.cross_out(found)

        assert found == {"1": chat}
        assert unconfirmed(left.deletions()) == {}
        long_ago = time.time() - KEPT_SECONDS - 1
        os.utime(running.path, (long_ago, long_ago))
        assert left_by_killed_runs("dev") == []
        assert not running.path.exists()


@pytest.fixture
def session(simulator: Simulator) -> Iterator[Session]:
    quick = {"COREWEAVE_SETTLE_SECONDS": "0.3", "COREWEAVE_POLL_SECONDS": "0.1"}
    found = Session(resolve(environment_of(simulator, **quick), {}))
    yield found
    found.api.close()


def test_only_the_very_object_that_was_deleted_is_found_and_one_that_is_being_deleted_stays_noted(
    session: Session, simulator: Simulator
) -> None:
    api = Api(simulator)
    with api.http:
        api.create("gateways", gateway_body())
        created_at = api.call("GET", f"/gateways/{GATEWAY_ID}").json()["gateway"]["status"]["createdAt"]
    own = {**note("Gateway", "public", created_at), "inputs": {"apiId": GATEWAY_ID, "name": "public"}}
    missing = "99999999-9999-4999-8999-999999999999"

    def outcomes(**changes: str) -> list[Found | Unresolved]:
        found = Recovery(session, "").deletions({GATEWAY_ID: {**own, **changes}, missing: own})
        return [found[GATEWAY_ID], found[missing]]

    again, gone = outcomes()
    later, _ = outcomes(createdAt="2026-01-01T00:00:00Z")
    simulator.behaviour = replace(simulator.behaviour, gateway_delete_seconds=60.0)
    [record] = simulator.world.records("gateways")
    simulator.world.delete(record)
    going, _ = outcomes()

    assert isinstance(again, Found)
    assert (again.id, again.outputs["createdAt"]) == (GATEWAY_ID, created_at)
    assert isinstance(gone, Unresolved)
    assert not gone.keep
    assert later == Unresolved("another object has its id by now")
    assert going == Unresolved("it is being deleted", keep=True)


def cut_short(stack: Stack, simulator: Simulator, who: str) -> tuple[dict[str, str], list[str]]:
    """A destroy of five claims that was killed when three had left the state; ids by name, and the names of those three."""
    file = stack.backend / ".pulumi" / "stacks" / "serving" / "dev.json"

    def recorded() -> dict[str, str]:
        found = json.loads(file.read_text())["checkpoint"]["latest"]["resources"]
        return {one["urn"].rpartition("::")[2]: one.get("id", "") for one in found if one.get("custom")}

    stack.bring_up(claims(*NAMES))
    ids = recorded()
    simulator.behaviour = replace(simulator.behaviour, claim_delete_seconds=60.0)
    with stack.started("destroy", "--yes") as process:
        until(lambda: len(set(NAMES) - recorded().keys()) == 3)
        looks = len(simulator.journal.entries("GET"))
        until(lambda: len(simulator.journal.entries("GET")) > looks + 3)
        engine = Path(f"/proc/{stack.engine_process()}")
        if who == "engine":
            stack.kill_engine()
        elif who == "command":
            process.kill()
        else:
            stack.kill_providers()
        process.communicate(timeout=60)
    until(lambda: not engine.exists())
    left = sorted(set(NAMES) - recorded().keys())
    simulator.behaviour = replace(simulator.behaviour, claim_delete_seconds=0.1)
    for record in simulator.world.records("capacityclaims"):
        simulator.world.revive(record.id)
        if record.id in [ids[name] for name in left[1:]]:
            simulator.world.delete(record)
    return ids, left


@pytest.mark.thorough
@pytest.mark.parametrize("who", ["command", "provider", "engine"])
def test_what_comes_back_after_a_killed_destroy_is_deleted_by_the_next_one(
    stack_of: Any, simulator: Simulator, who: str
) -> None:
    stack = stack_of(COREWEAVE_POLL_SECONDS="0.2")
    ids, left = cut_short(stack, simulator, who)

    done = stack.document("destroy", "--yes")

    assert (done["code"], done["errors"]) == (0, [])
    assert f'capacity claim "{left[0]}" ({ids[left[0]]}): exists again' in " ".join(done["repairs"])
    assert simulator.world.records("capacityclaims") == []
    assert stack.names() == set()


@pytest.mark.thorough
@pytest.mark.parametrize("declared_again", [False, True])
def test_an_up_deletes_what_came_back_and_keeps_it_where_it_is_declared_again(
    stack_of: Any, simulator: Simulator, declared_again: bool
) -> None:
    stack = stack_of(COREWEAVE_POLL_SECONDS="0.2")
    ids, left = cut_short(stack, simulator, "provider")
    before = simulator.world.find("capacityclaims", ids[left[0]])
    assert before is not None
    stack.declare(claims("fresh", *(left[:1] if declared_again else [])))

    done = stack.document("up", "--yes")

    assert (done["code"], done["errors"]) == (0, [])
    after = simulator.world.find("capacityclaims", ids[left[0]])
    assert (after and after.created_at) == (before.created_at if declared_again else None)
    assert len(simulator.world.records("capacityclaims")) == (2 if declared_again else 1)
    assert stack.names() == {"account", "fresh", "ready", *(left[:1] if declared_again else [])}


def test_a_stack_whose_objects_were_destroyed_one_by_one_is_destroyed_in_an_account_that_is_empty_since(
    stack: Stack,
) -> None:
    stack.declare(gateways("public"))
    runs = [stack.run("up", "--yes"), stack.run("destroy", "--yes", "--target", "public")]

    rest = stack.run("destroy", "--yes")

    assert [run.returncode for run in runs] == [0, 0]
    assert rest.returncode == 0, rest.stderr
    assert stack.names() == set()
