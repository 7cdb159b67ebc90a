"""`destroy --prove` and `destroy --without-state` on an account with ten kinds of leftovers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from coreweave_inference.fleet.deletions import PROTECTED, Deletion, Owned, deletion_errors
from coreweave_inference.importing.matching import Stack as FileStack
from coreweave_inference.importing.snapshot import DELETING, LiveObject
from coreweave_inference.model.identity import (
    Place,
    default_name,
    object_id,
    replace_identity,
    stack_identity,
)
from coreweave_inference.model.kinds import Kind
from coreweave_inference.simulator import Simulator
from coreweave_inference.stateless.derived import Derived
from coreweave_inference.stateless.teardown import leftovers

from tests.importing.accounts import VERSION, ZONE, Account
from tests.importing.conftest import account, simulator
from tests.running.command_line import Stack

__all__ = ["account", "simulator"]

IDENTITY = stack_identity("5f1c0f6a4d", "organization", "serving", "dev")
DECLARED = """
buckets:
  weights: {name: acme-weights, zone: US-EAST-04A, policy: {prefixes: [models], ownerAccess: organization, organizationId: ab1cd2}}
gateways:
  public:
    zones: [US-EAST-04A]
    coreWeaveAuth: {}
    bodyBasedRouting: {apiType: API_TYPE_OPENAI}
    options: {retainOnDelete: true}
capacityClaims:
  h200: {instanceId: gd-8xh200ib-i128, instanceCount: 1, capacityType: CAPACITY_TYPE_SERVERLESS, zones: [US-EAST-04A]}
"""
CLAIM = {
    "instanceId": "gd-8xh200ib-i128",
    "instanceCount": 1,
    "capacityType": "CAPACITY_TYPE_MANAGED",
    "zones": [ZONE],
}
ROUTING = {"coreWeaveAuth": {}, "bodyBasedRouting": {"apiType": "API_TYPE_OPENAI"}, "zones": [ZONE]}


@pytest.fixture
def stack(tmp_path: Path, simulator: Simulator) -> Stack:
    made = Stack(tmp_path, simulator)
    made.declare(DECLARED)
    return made


def planned(kind: Kind, key: str, spec: dict[str, Any]) -> dict[str, str]:
    """The id and the name that the stack would choose."""
    replaces = replace_identity(kind, spec)
    id_ = object_id(IDENTITY, kind, Place(key).unique, replaces)
    return {"id": id_, "name": spec.get("name") or default_name(kind, Place(key), "serving", "dev", replaces)}


def leave(account: Account, *, gateway: str) -> dict[str, str]:
    """What others have, and what this stack made under another state; ids by what each is."""
    account.bucket("acme-others", policy=None)
    left: dict[str, str] = {"gateway of others": account.gateway("theirs", zones=[ZONE])}
    left["claim of others, idle"] = account.claim("idle", instanceId="gb200-4x")
    left["claim of others, in use"] = account.claim("busy", instanceId="gd-8xh100ib-i128")
    left["deployment of others"] = account.deployment(
        "theirs",
        [left["gateway of others"]],
        model={"bucket": "acme-others"},
        resources={"instanceType": "gd-8xh100ib-i128"},
    )
    left["deployment of others on our gateway"] = account.deployment(
        "guest", [gateway], model={"bucket": "acme-others"}, resources={"instanceType": "gd-8xh100ib-i128"}
    )
    left["claim without state"] = account.make(
        "capacityClaim", {"resources": CLAIM, **planned(Kind.CAPACITY_CLAIM, "burst", {"resources": CLAIM})}
    )
    left["gateway without state"] = account.gateway(**{**ROUTING, **planned(Kind.GATEWAY, "edge", {})})
    left["deployment without state"] = account.deployment(
        planned(Kind.DEPLOYMENT, "lost", {})["name"],
        [left["gateway without state"]],
        id=planned(Kind.DEPLOYMENT, "lost", {})["id"],
        model={"bucket": "acme-others"},
        resources={"instanceType": "gd-8xh100ib-i128"},
    )
    left["another stack's claim"] = account.make(
        "capacityClaim",
        {"name": "h200-other-dev", "id": "33333333-3333-5333-8333-333333333333", "resources": CLAIM},
    )
    return left


def foreign(left: dict[str, str]) -> set[str]:
    return {id_ for what, id_ in left.items() if "without state" not in what}


def ids(account: Account) -> set[str]:
    found = account.simulator.control.account()
    return {
        one["spec"]["id"] for kind in ("gateways", "capacityclaims", "deployments") for one in found[kind]
    }


@pytest.fixture
def ten_kinds(stack: Stack, account: Account) -> dict[str, str]:
    """The stack is up, others are there, and so is what this stack made under another state."""
    stack.bring_up(DECLARED)
    account.s3.put_object(Bucket="acme-weights", Key="models/chat/model.safetensors", Body=b"w" * 1000)
    account.s3.create_multipart_upload(Bucket="acme-weights", Key="models/chat/next.safetensors")
    gateway = account.live("gateways")["public-serving-dev"]["spec"]["id"]
    return {"kept gateway": gateway, **leave(account, gateway=gateway)}


def test_a_proof_names_each_leftover_and_whose_it_is_and_ends_with_3_and_without_the_state_with_0(
    stack: Stack, account: Account, ten_kinds: dict[str, str]
) -> None:
    left = ten_kinds

    first = stack.document("destroy", "--yes", "--prove")
    there = ids(account)
    text = stack.run("destroy", "--yes", "--prove").stdout
    second = stack.document("destroy", "--yes", "--without-state", "--prove")

    proof = first["proof"]
    whose = {one["id"]: one["whose"] for one in proof["objects"]}
    why = {one["id"]: " ".join(one["why"]) for one in proof["objects"]}
    assert first["ok"], first["errors"]
    assert (first["code"], proof["holds"]) == (3, False)
    assert whose == {
        left["kept gateway"]: "kept",
        left["claim of others, idle"]: "others",
        left["claim of others, in use"]: "others",
        left["another stack's claim"]: "others",
        left["deployment of others"]: "others",
        left["deployment of others on our gateway"]: "others",
        left["claim without state"]: "stack",
        left["gateway without state"]: "stack",
        left["deployment without state"]: "stack",
    }
    assert "idle" in why[left["claim of others, idle"]]
    assert "idle" not in why[left["claim of others, in use"]]
    assert "which this stack keeps" in why[left["deployment of others on our gateway"]]
    assert all("its state does not have it" in why[left[one]] for one in left if "without state" in one)
    kinds = [one["kind"] for one in proof["objects"]]
    assert kinds == sorted(kinds, key=["capacity claim", "deployment", "gateway"].index)
    buckets = {one["name"]: one for one in proof["buckets"]}
    assert (buckets["acme-weights"]["whose"], buckets["acme-weights"]["bytes"]) == ("kept", 1000)
    assert buckets["acme-weights"]["unfinished"] == 1
    assert buckets["acme-others"]["whose"] == "others"
    assert proof["costPerHour"]["before"]["min"] > proof["costPerHour"]["after"]["min"]
    assert "--without-state" in text
    assert "no longer incurs charges" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert set(left.values()) <= there | {left["kept gateway"]}
    # What the state does not have goes, in its order, and nothing else.
    assert (second["code"], second["errors"]) == (0, []), second
    assert second["proof"]["holds"] is True
    assert ids(account) & set(left.values()) == foreign(left)


@pytest.mark.thorough
def test_without_its_state_a_stack_with_a_state_or_with_what_others_use_is_refused(
    stack: Stack, account: Account
) -> None:
    stack.bring_up(DECLARED.replace("    options: {retainOnDelete: true}\n", ""))
    gateway = account.live("gateways")["public-serving-dev"]["spec"]["id"]
    leave(account, gateway=gateway)
    in_use = stack.document("destroy", "--yes", "--without-state")
    for file in (stack.backend / ".pulumi" / "stacks").glob("**/dev.json*"):
        file.unlink()
    account.simulator.journal.clear()

    refused = stack.document("destroy", "--yes", "--without-state")
    unasked = stack.run("destroy", "--without-state")
    nothing = account.simulator.journal.entries("DELETE")

    assert (in_use["code"], "has a state" in in_use["errors"][0]) == (2, True)
    assert (refused["code"], unasked.returncode, nothing) == (2, 2, [])
    assert any("guest" in error for error in refused["errors"])


@pytest.mark.thorough
def test_a_stack_whose_state_is_lost_goes_down_in_its_order_with_its_statement_and_keeps_its_bucket(
    stack: Stack, account: Account
) -> None:
    stack.declare(
        DECLARED.replace("    options: {retainOnDelete: true}\n", ""),
        "deployments:\n"
        "  chat:\n"
        "    gateways: [public]\n"
        "    model: {name: acme/chat, path: models/chat, bucket: weights}\n"
        f"    runtime: {{engine: vllm, version: {VERSION}}}\n"
        "    resources: {instanceType: gd-8xh200ib-i128, gpuCount: 1}\n"
        "    autoscaling: {min: 1, max: 1, capacityClasses: [CAPACITY_CLASS_RESERVED]}\n",
    )
    assert stack.run("up", "--yes", "--only", "buckets").returncode == 0
    account.s3.put_object(Bucket="acme-weights", Key="models/chat/config.json", Body=b"{}")
    assert stack.run("up", "--yes").returncode == 0
    for file in (stack.backend / ".pulumi" / "stacks").glob("**/dev.json*"):
        file.unlink()
    account.simulator.journal.clear()

    done = stack.document("destroy", "--yes", "--without-state", "--prove")
    again = stack.document("destroy", "--yes", "--without-state", "--prove")

    deleted = [
        entry.path.rsplit("/", 2)[1] for entry in account.simulator.journal.entries("DELETE", "inference/")
    ]
    assert (done["code"], done["errors"]) == (0, []), done
    assert deleted[0] == "deployments"
    assert sorted(deleted[1:]) == ["capacityclaims", "gateways"]
    assert ids(account) == set()
    assert {one["name"]: one["what"] for one in done["deletions"]}["weights"] == "keep"
    with pytest.raises(account.s3.exceptions.ClientError):
        account.s3.get_bucket_policy(Bucket="acme-weights")
    assert (again["code"], again["counts"]) == (0, {"keep": 1})


@pytest.mark.thorough
def test_a_copied_directory_has_nothing_of_the_original(stack: Stack, account: Account) -> None:
    stack.bring_up(DECLARED)
    (stack.path / "Pulumi.dev.yaml").write_text("config:\n  coreweave:identity: another\n")
    (stack.path / "Pulumi.yaml").write_text(
        (stack.path / "Pulumi.yaml").read_text().replace("name: serving", "name: copy")
    )

    done = stack.document("destroy", "--yes", "--without-state", "--prove")

    assert (done["code"], done["proof"]["remaining"]) == (0, []), done["proof"]["notKnown"]
    assert len(ids(account)) == 2


def test_what_is_being_deleted_already_is_waited_for_without_a_state_too() -> None:
    spec = {"resources": CLAIM, **planned(Kind.CAPACITY_CLAIM, "h200", {"resources": CLAIM})}
    live = LiveObject(Kind.CAPACITY_CLAIM, spec["id"], spec["name"], spec, status=DELETING)
    stack = FileStack("serving", "dev", IDENTITY)
    derived = {live.id: Derived(live, "h200")}

    assert [one.item.id for one in leftovers(derived, (), stack, None)] == [live.id]


def test_a_protected_object_without_a_state_needs_no_up() -> None:
    plan = [Deletion(Owned("gateway", "public", "1", protect=True), PROTECTED)]

    (with_state,) = deletion_errors(plan, destroy_used=False)
    (without,) = deletion_errors(plan, destroy_used=False, from_state=False)

    assert "run up first" in with_state
    assert without.endswith("set `protect: false`")
