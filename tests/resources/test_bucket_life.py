"""The weights bucket, against the simulated object storage."""

from __future__ import annotations

from pathlib import Path

import pytest
from coreweave_inference.host.dynamic import CoreWeave
from coreweave_inference.provider.bucket_ownership import DECLARED_TAG, STACK_TAG
from coreweave_inference.resources.deployment import DeploymentProvider
from coreweave_inference.resources.gateway import GatewayProvider
from coreweave_inference.simulator import Simulator
from pulumi.output import Unknown

from tests.resources.bucket_resources import OWN_TAG, bucket, name, put, weights
from tests.resources.engine_steps import Resource
from tests.resources.service import ZONE, Run, deployment, gateway, run_against

__all__ = ["bucket", "name"]


def test_a_bucket_is_created_once_tagged_and_then_left_alone(run: Run, bucket: Resource, name: str) -> None:
    assert bucket.up(weights(name)) == "create"

    live = run.storage().bucket(name)
    assert live is not None
    assert (bucket.id, live.zone, live.tags) == (name, ZONE, OWN_TAG)
    assert bucket.up(weights(name)) == "same"
    assert bucket.refresh()
    assert bucket.up(weights(name)) == "same"


def test_tags_change_in_place_and_those_of_others_stay(run: Run, bucket: Resource, name: str) -> None:
    bucket.up(weights(name, tags={"team": "ml", "old": "x"}))
    run.storage().put_tags(name, {**OWN_TAG, "team": "ml", "old": "x", "theirs": "1"})

    assert bucket.up(weights(name, tags={"team": "serving"})) == "update"

    live = run.storage().bucket(name)
    assert live is not None
    assert live.tags == {**OWN_TAG, "team": "serving", DECLARED_TAG: "team", "theirs": "1"}


def test_a_tag_of_a_run_that_could_not_record_it_goes_with_the_next_refresh(
    run: Run, bucket: Resource, name: str
) -> None:
    bucket.up(weights(name))
    recorded = dict(bucket.outputs)
    bucket.up(weights(name, tags={"team": "ml", "cost centre": "7"}))
    bucket.outputs = {**recorded, "tags": {"cost centre": "7"}}

    bucket.refresh()
    assert bucket.outputs["tags"] == {"team": "ml", "cost centre": "7"}
    assert bucket.up(weights(name)) == "update"

    live = run.storage().bucket(name)
    assert live is not None
    assert live.tags == OWN_TAG


@pytest.mark.parametrize(
    "keys", [[letter * 100 for letter in "abc"], [f"k{number}" for number in range(49)]], ids=["long", "many"]
)
def test_more_tags_than_a_tag_can_name_are_put_all_the_same(
    run: Run, bucket: Resource, name: str, keys: list[str]
) -> None:
    tags = dict.fromkeys(keys, "x")

    bucket.up(weights(name, tags=tags))

    live = run.storage().bucket(name)
    assert live is not None
    assert live.tags == {**OWN_TAG, **tags}


def test_no_tags_in_any_form_are_one(run: Run, bucket: Resource, name: str) -> None:
    bucket.up(weights(name))

    assert bucket.up(weights(name, tags={})) == "same"


def test_a_bucket_with_this_stacks_tag_is_adopted(run: Run, bucket: Resource, name: str) -> None:
    run.storage(ZONE).create_bucket(name, ZONE, OWN_TAG)
    put(run, name)

    assert bucket.up(weights(name, __kept=True)) == "create"
    assert run.log.warnings == []


@pytest.mark.parametrize(
    "changes",
    [{}, {"__kept": True, "forceDestroy": True}, {"__kept": True, "tags": {"team": "ml"}}],
    ids=["a destroy would delete it", "forceDestroy", "other tags"],
)
def test_a_bucket_with_this_stacks_tag_that_this_run_could_harm_is_refused_until_the_user_says_so(
    run: Run, bucket: Resource, name: str, changes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    run.storage(ZONE).create_bucket(name, ZONE, OWN_TAG)

    (fault,) = bucket.check_faults(weights(name, **changes))
    with pytest.raises(CoreWeave, match=f"COREWEAVE_TAKE_OVER={name}"):
        bucket.provider.create(weights(name, **changes))

    assert f"COREWEAVE_TAKE_OVER={name}" in fault

    live = run.storage().bucket(name)
    assert live is not None
    assert live.tags == OWN_TAG
    monkeypatch.setenv("COREWEAVE_TAKE_OVER", name)
    assert bucket.up(weights(name, **changes)) == "create"


def test_a_bucket_that_a_refresh_of_this_run_has_read_is_in_the_state_under_any_key(
    run: Run, bucket: Resource, name: str
) -> None:
    bucket.up(weights(name))
    bucket.refresh()

    assert Resource(bucket.provider).up(weights(name)) == "create"


HOUR = 3600.0


@pytest.mark.parametrize("tags", [OWN_TAG, {}], ids=["tagged", "killed before its tags"])
def test_an_empty_bucket_of_the_last_hour_is_adopted_if_an_earlier_run_recorded_the_account(
    run: Run, bucket: Resource, name: str, tags: dict[str, str]
) -> None:
    run.storage(ZONE).create_bucket(name, ZONE, tags)
    run.memory.earlier_run = True
    run.time.sleep(HOUR - 60)

    assert bucket.up(weights(name, forceDestroy=True)) == "create"

    live = run.storage().bucket(name)
    assert live is not None
    assert live.tags == OWN_TAG
    warning = f'weights bucket "weights": the empty bucket "{name}" existed already and is adopted'
    assert run.log.warnings == ([] if tags else [warning])
    assert "adoptedByTag" not in bucket.outputs


@pytest.mark.parametrize("tags", [OWN_TAG, {}], ids=["tagged", "untagged"])
@pytest.mark.parametrize("missing", ["earlier run", "age", "emptiness", "plain pulumi"])
def test_a_bucket_is_left_alone_where_one_part_of_the_proof_is_missing(
    run: Run,
    bucket: Resource,
    name: str,
    tags: dict[str, str],
    missing: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    run.storage(ZONE).create_bucket(name, ZONE, tags)
    run.memory.earlier_run = missing != "earlier run"
    if missing == "age":
        run.time.sleep(HOUR + 60)
    if missing == "emptiness":
        put(run, name)
    if missing == "plain pulumi":
        monkeypatch.setenv("COREWEAVE_RUN_DIRECTORY", str(tmp_path))

    refused = bucket.check_faults(weights(name))
    with pytest.raises(CoreWeave, match=f"COREWEAVE_TAKE_OVER={name}"):
        bucket.provider.create(weights(name))

    assert [f"COREWEAVE_TAKE_OVER={name}" in reason for reason in refused] == [True]
    live = run.storage().bucket(name)
    assert live is not None
    assert live.tags == tags


@pytest.mark.parametrize("harm", [{"forceDestroy": True}, {"__kept": None}], ids=["weights", "bucket"])
def test_a_bucket_that_was_adopted_by_its_tag_alone_is_deleted_only_if_the_user_names_it(
    simulator: Simulator, bucket: Resource, name: str, harm: dict[str, object]
) -> None:
    kept = {"__kept": True}
    with run_against(simulator) as run:
        run.storage(ZONE).create_bucket(name, ZONE, OWN_TAG)
        put(run, name)
        assert bucket.up(weights(name, **kept)) == "create"
        assert bucket.up(weights(name, **kept)) == "same"
        bucket.refresh()

    with run_against(simulator), pytest.raises(CoreWeave, match=f"COREWEAVE_TAKE_OVER={name}"):
        bucket.up(weights(name, **{**kept, **harm}))
    recorded, bucket.outputs = bucket.outputs, {**bucket.outputs, **harm}
    with run_against(simulator) as run:
        with pytest.raises(CoreWeave):
            bucket.destroy()
        assert not run.storage().is_empty(name)
    bucket.outputs = recorded
    named = weights(name, **{**kept, "forceDestroy": True, "adopt": True})
    with run_against(simulator) as run:
        assert bucket.up(named) == "update"
        assert bucket.up({**named, "adopt": False}) == "same"
    with run_against(simulator) as run:
        bucket.destroy()
        assert run.storage().bucket(name) is None


@pytest.mark.parametrize("whose", ["full", "tagged by another stack", "in another zone"])
def test_what_is_not_ours_is_refused_and_left_as_it_is(
    run: Run, bucket: Resource, name: str, whose: str
) -> None:
    zone = "US-WEST-04A" if whose == "in another zone" else ZONE
    tags = {STACK_TAG: "other"} if whose == "tagged by another stack" else {}
    run.storage(zone).create_bucket(name, zone, tags)
    if whose == "full":
        put(run, name)

    (fault,) = bucket.check_faults(weights(name))
    with pytest.raises(CoreWeave, match=f'weights bucket "weights": a bucket "{name}" exists'):
        bucket.provider.create(weights(name))

    assert fault.startswith(f'weights bucket "weights": a bucket "{name}" exists')

    live = run.storage().bucket(name)
    assert live is not None
    assert live.tags == tags


def test_a_bucket_that_is_not_ours_may_be_adopted(run: Run, bucket: Resource, name: str) -> None:
    run.storage(ZONE).create_bucket(name, ZONE, {STACK_TAG: "other"})
    put(run, name)

    assert bucket.up(weights(name, adopt=True)) == "create"

    live = run.storage().bucket(name)
    assert live is not None
    assert live.tags == {STACK_TAG: "other"}


def test_a_bucket_cannot_move_and_its_name_follows_the_rules(run: Run, bucket: Resource, name: str) -> None:
    bucket.up(weights(name))

    assert bucket.check_faults(weights(name, zone="US-WEST-04A")) == [
        (
            f'weights bucket "weights": zone: a bucket cannot move from {ZONE} to US-WEST-04A; give the bucket in the new '
            "zone another name, copy the weights, then change the deployments"
        )
    ]
    assert bucket.check_faults(weights("Bad_Name"))[0].startswith(
        'weights bucket "weights": name: "Bad_Name" '
    )
    assert bucket.check_faults({**weights(name), "name": Unknown(), "zone": Unknown()}) == []


def test_another_name_is_another_bucket(run: Run, bucket: Resource, name: str) -> None:
    bucket.up(weights(name))

    plan = bucket.planned(weights(f"{name}-b"))

    assert (plan.replaces, plan.delete_before_replace) == (["name"], False)


def test_an_empty_bucket_goes_and_a_full_one_needs_force_destroy(
    simulator: Simulator, bucket: Resource, name: str
) -> None:
    with run_against(simulator) as run:
        bucket.up(weights(name))
        put(run, name)

    with (
        run_against(simulator),
        pytest.raises(CoreWeave, match='"weights" is not empty, and weights are not deleted'),
    ):
        bucket.destroy()
    bucket.outputs["forceDestroy"] = True
    with run_against(simulator) as run:
        bucket.destroy()

        assert run.storage().bucket(name) is None
        assert run.log.notes == [
            'weights bucket "weights": 1 objects, 2 bytes, deleted because of forceDestroy'
        ]


def test_a_bucket_that_a_deployment_of_others_reads_is_not_emptied(
    simulator: Simulator, bucket: Resource, name: str
) -> None:
    with run_against(simulator) as run:
        bucket.up(weights(name, forceDestroy=True))
        put(run, name)
        Resource(GatewayProvider()).up(gateway())
        Resource(DeploymentProvider()).up(deployment("theirs", model={"bucket": name}))

    with (
        run_against(simulator) as run,
        pytest.raises(CoreWeave, match="is still used by deployment theirs-acme-dev"),
    ):
        bucket.destroy()
