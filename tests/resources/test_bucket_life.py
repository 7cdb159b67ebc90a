"""The weights bucket and this stack's statement in its policy, against the simulated object storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from coreweave_inference.resources.deployment import DeploymentProvider
from coreweave_inference.resources.gateway import GatewayProvider
from coreweave_inference.resources.host import CoreWeave
from coreweave_inference.resources.inference_bucket_policy import InferenceBucketPolicyProvider
from coreweave_inference.resources.weights_bucket import (
    DECLARED_TAG,
    STACK_TAG,
    WeightsBucketProvider,
    stack_tag,
)
from coreweave_inference.simulator import Simulator
from pulumi.output import Unknown

from tests.resources.engine_steps import Resource
from tests.resources.service import ORGANISATION, ZONE, Run, deployment, gateway, run_against, urn

NUMBERS = count(1)
OWN_TAG = {STACK_TAG: stack_tag("identity")}


@pytest.fixture
def name(simulator: Simulator) -> Iterator[str]:
    """A bucket name of its own for each test; the bucket is emptied and goes afterwards."""
    name = f"weights-{next(NUMBERS)}"
    yield name
    with run_against(simulator) as run:
        if run.storage().bucket(name) is not None:
            run.storage().delete_policy(name)
            run.storage().empty(name)
            run.storage().delete_bucket(name)


@pytest.fixture
def bucket() -> Resource:
    return Resource(WeightsBucketProvider())


@pytest.fixture
def policy() -> Resource:
    return Resource(InferenceBucketPolicyProvider())


def weights(name: str, **changes: Any) -> dict[str, Any]:
    given = {
        "name": name,
        "zone": ZONE,
        "forceDestroy": False,
        "adopt": False,
        "__stack": "identity",
        "__urn": urn("WeightsBucket", "weights"),
        **changes,
    }
    return {key: value for key, value in given.items() if value is not None}


def statement(name: str, **changes: Any) -> dict[str, Any]:
    given = {
        "bucket": name,
        "prefixes": ["models"],
        "ownerAccess": "organization",
        "organizationId": ORGANISATION,
        "__stack": "identity",
        "__urn": urn("InferenceBucketPolicy", "weights-policy"),
        **changes,
    }
    return {key: value for key, value in given.items() if value is not None}


def put(run: Run, name: str) -> None:
    run.storage()._s3.client.put_object(Bucket=name, Key="models/chat/config.json", Body=b"{}")


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


def test_a_bucket_with_this_stacks_tag_is_taken_back(run: Run, bucket: Resource, name: str) -> None:
    run.storage(ZONE).create_bucket(name, ZONE, OWN_TAG)
    put(run, name)

    assert bucket.up(weights(name)) == "create"
    assert run.log.warnings == []


def test_an_empty_bucket_is_taken_and_told(run: Run, bucket: Resource, name: str) -> None:
    run.storage(ZONE).create_bucket(name, ZONE)

    bucket.up(weights(name))

    assert run.log.warnings == [
        f'weights bucket "weights": the empty bucket "{name}" was there already and is taken'
    ]


@pytest.mark.parametrize("whose", ["full", "tagged by another stack", "in another zone"])
def test_what_is_not_ours_is_refused_and_left_as_it_is(
    run: Run, bucket: Resource, name: str, whose: str
) -> None:
    zone = "US-WEST-04A" if whose == "in another zone" else ZONE
    tags = {STACK_TAG: "other"} if whose == "tagged by another stack" else {}
    run.storage(zone).create_bucket(name, zone, tags)
    if whose == "full":
        put(run, name)

    with pytest.raises(CoreWeave, match=f'weights bucket "weights": a bucket "{name}" exists'):
        bucket.up(weights(name))

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

    assert bucket.refusals(weights(name, zone="US-WEST-04A")) == [
        (
            f'weights bucket "weights": zone: a bucket cannot move from {ZONE} to US-WEST-04A; give the bucket in the new '
            "zone another name, copy the weights, then change the deployments"
        )
    ]
    assert bucket.refusals(weights("Bad_Name"))[0].startswith('weights bucket "weights": name: "Bad_Name" ')
    assert bucket.refusals({**weights(name), "name": Unknown(), "zone": Unknown()}) == []


def test_another_name_is_another_bucket(run: Run, bucket: Resource, name: str) -> None:
    bucket.up(weights(name))

    plan = bucket.planned(weights(f"{name}-b"))

    assert (plan.replaces, plan.delete_before_replace) == (["name"], False)


def test_an_empty_bucket_goes_and_a_full_one_needs_to_be_told(
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
        pytest.raises(CoreWeave, match="is still used by deployment theirs-dev"),
    ):
        bucket.destroy()


def test_a_policy_that_goes_leaves_while_its_bucket_stands(
    simulator: Simulator, bucket: Resource, policy: Resource, name: str
) -> None:
    with run_against(simulator):
        bucket.up(weights(name))
        policy.up(statement(name))

    with run_against(simulator) as run:
        assert bucket.up(weights(name)) == "same"
        policy.destroy()

        assert run.storage().policy(name) is None
        assert run.log.warnings == []


def test_the_statement_is_shown_in_the_preview_and_put_once(
    run: Run, bucket: Resource, policy: Resource, name: str, simulator: Simulator
) -> None:
    bucket.up(weights(name))
    shown = policy.checked(statement(name))["statement"]

    assert policy.up(statement(name)) == "create"

    document = run.storage().policy(name)
    assert document is not None
    ours = [dict(one) for one in document["Statement"] if one["Sid"] == policy.outputs["sid"]]
    assert ours == [{**shown, "Sid": policy.outputs["sid"]}]
    simulator.journal.clear()
    assert policy.up(statement(name)) == "same"
    assert policy.up(statement(name, prefixes=["/models/"])) == "same"
    assert policy.refresh()
    assert policy.up(statement(name)) == "same"
    assert simulator.journal.entries("PUT") == []


def test_a_first_policy_needs_to_be_told_who_stays_in(
    run: Run, bucket: Resource, policy: Resource, name: str
) -> None:
    bucket.up(weights(name))

    with pytest.raises(
        CoreWeave, match="say `ownerAccess: organization` to keep them in, or `ownerAccess: none`"
    ):
        policy.up(statement(name, ownerAccess=None))

    assert run.storage().policy(name) is None


def test_statements_of_others_survive_a_change_and_the_end(
    simulator: Simulator, bucket: Resource, policy: Resource, name: str
) -> None:
    theirs = {
        "Sid": "Theirs",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
        "Condition": {"StringEquals": {"cw:PrincipalOrgID": ORGANISATION}},
    }
    with run_against(simulator) as run:
        bucket.up(weights(name))
        run.storage().put_policy(name, {"Version": "2012-10-17", "Statement": [theirs]})
        policy.up(statement(name, ownerAccess=None))
        assert policy.up(statement(name, ownerAccess=None, prefixes=["models", "more"])) == "update"

    with run_against(simulator) as run:
        policy.destroy()
        document = run.storage().policy(name)

    assert document == {"Version": "2012-10-17", "Statement": [theirs]}


def test_a_statement_that_was_taken_out_or_changed_outside_shows(
    run: Run, bucket: Resource, policy: Resource, name: str
) -> None:
    bucket.up(weights(name))
    policy.up(statement(name))
    document = run.storage().policy(name)
    assert document is not None
    for one in document["Statement"]:
        if one["Sid"] == policy.outputs["sid"]:
            one["Resource"] = [f"arn:aws:s3:::{name}/*"]
    run.storage().put_policy(name, document)

    assert policy.refresh()
    assert policy.planned(statement(name)).changes is None
    document["Statement"] = [one for one in document["Statement"] if one["Sid"] != policy.outputs["sid"]]
    run.storage().put_policy(name, document)
    assert not policy.refresh()


def test_another_bucket_replaces_the_policy_and_the_old_bucket_is_left_without_it(
    simulator: Simulator, bucket: Resource, policy: Resource, name: str
) -> None:
    second = Resource(WeightsBucketProvider())
    with run_against(simulator):
        bucket.up(weights(name))
        second.up(weights(f"{name}-b"))
        policy.up(statement(name))

    with run_against(simulator) as run:
        bucket.up(weights(name))
        second.up(weights(f"{name}-b"))
        assert policy.up(statement(f"{name}-b")) == "replace"

        assert run.storage().policy(name) is None
        assert run.storage().policy(f"{name}-b") is not None
        run.storage().delete_policy(f"{name}-b")
        run.storage().delete_bucket(f"{name}-b")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"ownerAccess": "me"},
            'inference bucket policy "weights-policy": ownerAccess: "me" is not known; use organization or none',
        ),
    ],
)
def test_words_that_mean_nothing_are_refused(
    run: Run, policy: Resource, changes: dict[str, Any], reason: str
) -> None:
    assert policy.refusals(statement("some-bucket", **changes)) == [reason]


def test_an_unknown_bucket_or_prefix_leaves_the_statement_unknown(run: Run, policy: Resource) -> None:
    unknown: Callable[[dict[str, Any]], Any] = lambda news: policy.checked(news)["statement"]  # noqa: E731

    assert isinstance(unknown({**statement("b"), "bucket": Unknown()}), Unknown)
    assert isinstance(unknown({**statement("b"), "prefixes": [Unknown()]}), Unknown)
