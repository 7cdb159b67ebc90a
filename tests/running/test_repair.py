from __future__ import annotations

from typing import Any

import pytest
from coreweave_inference.engine.delete_first import to_remove, without_edges_to
from coreweave_inference.engine.events import Step
from coreweave_inference.engine.recovery import organization_in
from coreweave_inference.engine.repair import (
    Found,
    Repaired,
    Unresolved,
    own_ids,
    pending,
    repaired,
)
from coreweave_inference.model.engine_secrets import SECRET_SIGNATURE, holds_secret, without_secrets
from coreweave_inference.program.recorded import other_stack

GATEWAY = "pulumi-python:dynamic/coreweave/inference:Gateway"
CLAIM = "pulumi-python:dynamic/coreweave/inference:CapacityClaim"


def urn(token: str, name: str) -> str:
    return f"urn:pulumi:dev::serving::{token}::{name}"


def resource(name: str = "public", **more: Any) -> dict[str, Any]:
    return {"urn": urn(GATEWAY, name), "type": GATEWAY, "inputs": {"name": name}, **more}


def state(*operations: dict[str, Any], resources: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {
        "version": 3,
        "deployment": {"resources": list(resources), "pending_operations": list(operations)},
    }


def exists(_: dict[str, Any]) -> Found:
    return Found("id-new", {"name": "public", "apiId": "id-new"})


MADE = resource(id="id-new", outputs={"name": "public", "apiId": "id-new"})


def test_a_pending_creation_whose_object_exists_becomes_a_resource() -> None:
    before = state({"resource": resource(), "type": "creating"})

    after = repaired(before, exists)

    assert after == Repaired(
        state(resources=(MADE,)),
        ('gateway "public": recovered after an interrupted creation (id-new); added to the state',),
        changed=True,
    )
    assert pending(before), "the state that was given is left as it was"


def test_what_is_recorded_has_no_alias_so_that_its_predecessor_stays_a_resource_of_its_own() -> None:
    former = resource("former", id="id-old")
    renamed = resource(aliases=[former["urn"]])

    after = repaired(state({"resource": renamed, "type": "creating"}, resources=(former,)), exists)

    assert after.state == state(resources=(former, MADE))


def test_a_pending_creation_whose_object_does_not_exist_is_dropped() -> None:
    after = repaired(
        state({"resource": resource(), "type": "creating"}), lambda _: Unresolved("it does not exist")
    )

    assert after.state == state()
    assert after.lines == ('gateway "public": its creation was interrupted; it does not exist',)


def test_a_pending_creation_that_cannot_be_judged_stays() -> None:
    before = state({"resource": resource(), "type": "creating"})

    after = repaired(before, lambda _: Unresolved("not known", keep=True))

    assert (after.state, after.changed) == (before, False)


@pytest.mark.parametrize("kind", ["updating", "deleting", "reading"])
def test_other_pending_operations_are_dropped_without_a_look(kind: str) -> None:
    def nobody_asks(_: dict[str, Any]) -> Found:
        raise AssertionError(kind)

    after = repaired(state({"resource": resource(), "type": kind}), nobody_asks)

    assert after.state == state()
    assert after.lines == (f'gateway "public": {kind} it was interrupted; this run reads it again',)


def test_pending_operations_of_other_packages_are_left_alone() -> None:
    foreign = {
        "resource": {"urn": urn("aws:s3/bucket:Bucket", "b"), "type": "aws:s3/bucket:Bucket"},
        "type": "creating",
    }

    after = repaired(state(foreign), exists)

    assert (after.state, after.lines, after.changed) == (state(foreign), (), False)


def test_what_a_replacement_left_standing_is_known_by_its_id() -> None:
    bucket = {"urn": urn("aws:s3/bucket:Bucket", "b"), "type": "aws:s3/bucket:Bucket"}
    left = state(
        resources=(
            resource(id="id-new"),
            resource(id="id-old", delete=True),
            {**bucket, "id": "b", "delete": True},
        )
    )

    assert own_ids(left) == ("id-old",)


def test_the_predecessor_of_a_replacement_waits_for_its_deletion() -> None:
    old = resource(id="id-old")

    after = repaired(state({"resource": resource(), "type": "creating"}, resources=(old,)), exists)

    assert after.state == state(resources=({**old, "delete": True}, MADE))


def test_the_entry_of_one_that_was_deleted_for_its_replacement_goes() -> None:
    old = resource(id="id-old", pendingReplacement=True)

    after = repaired(state({"resource": resource(), "type": "creating"}, resources=(old,)), exists)

    assert after.state == state(resources=(MADE,))


def test_an_object_that_the_state_holds_already_is_not_recorded_twice() -> None:
    there = resource(id="id-new")

    after = repaired(state({"resource": resource(), "type": "creating"}, resources=(there,)), exists)

    assert after.state == state(resources=(there,))


def test_secrets_are_neither_read_nor_lost_by_looking() -> None:
    secret = {SECRET_SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc"}
    inputs = {"name": "public", "runtime": {"engineEnv": {"TOKEN": secret}}, "zones": ["A"]}

    assert without_secrets(inputs) == {
        "name": "public",
        "runtime": {"engineEnv": {"TOKEN": "(secret)"}},
        "zones": ["A"],
    }
    assert [key for key in inputs if holds_secret(inputs[key])] == ["runtime"]


def test_the_organization_is_the_one_that_the_account_recorded() -> None:
    account = {
        "type": "pulumi-python:dynamic/coreweave/inference:Account",
        "outputs": {"organizationId": "ab1cd2"},
    }

    assert organization_in(state(resources=(account,))) == "ab1cd2"
    assert organization_in(state()) == ""


def test_removals_are_deletions_of_what_holds_capacity_and_no_replacements() -> None:
    bucket = "pulumi-python:dynamic/coreweave/inference:WeightsBucket"
    steps = [
        Step(urn(CLAIM, "gone"), "delete", "done"),
        Step(urn(CLAIM, "kept"), "delete", "done", kept=True),
        Step(urn(CLAIM, "replaced"), "delete-replaced", "done"),
        Step(urn(bucket, "weights"), "delete", "done"),
        Step(urn(GATEWAY, "stays"), "same", "done"),
    ]

    assert to_remove(steps) == (urn(CLAIM, "gone"),)


def test_what_stays_no_longer_depends_on_what_goes() -> None:
    gone, stays = urn(CLAIM, "gone"), urn(CLAIM, "stays")
    user = resource(dependencies=[gone, stays], propertyDependencies={"a": [gone], "b": [stays]})
    going = {"urn": gone, "type": CLAIM, "dependencies": [stays]}

    after = without_edges_to(state(resources=(going, user)), [gone])

    assert after == state(
        resources=(going, {**user, "dependencies": [stays], "propertyDependencies": {"a": [], "b": [stays]}})
    )


def test_the_state_of_another_stack_or_project_is_known_by_its_urns() -> None:
    own = state(resources=(MADE,))

    assert other_stack(own, "serving", "dev") == ""
    assert other_stack(own, "serving", "acme/serving/dev") == ""
    assert other_stack(own, "serving", "prod") == "serving/dev"
    assert other_stack(own, "chat", "dev") == "serving/dev"
    assert other_stack({}, "serving", "dev") == ""
