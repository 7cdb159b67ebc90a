"""This stack's statement in a bucket's policy, against the simulated object storage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from coreweave_inference.host.dynamic import CoreWeave
from coreweave_inference.resources.weights_bucket import WeightsBucketProvider
from coreweave_inference.simulator import Simulator
from coreweave_inference.simulator.faults import Fault
from pulumi.output import Unknown

from tests.resources.bucket_resources import bucket, name, policy, statement, weights
from tests.resources.engine_steps import Resource
from tests.resources.service import ORGANIZATION, Run, run_against

__all__ = ["bucket", "name", "policy"]


def test_a_policy_that_goes_leaves_while_its_bucket_exists(
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


def test_a_first_policy_needs_to_declare_who_stays_in(
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
        "Condition": {"StringEquals": {"cw:PrincipalOrgID": ORGANIZATION}},
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


def test_a_put_without_a_clear_answer_is_repeated_only_after_reading_again(
    run: Run,
    bucket: Resource,
    policy: Resource,
    name: str,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket.up(weights(name))
    theirs = {
        "Sid": "Theirs",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{name}",
    }
    sleep, others = run.time.sleep, {"Version": "2012-10-17", "Statement": [theirs]}

    def meanwhile(seconds: float) -> None:
        if run.storage().policy(name) is None:
            run.storage().put_policy(name, others)
        sleep(seconds)

    monkeypatch.setattr(run.time, "sleep", meanwhile)
    simulator.faults.add(Fault("status", "PUT", f"^/{name}$", status=503, count=1))

    policy.up(statement(name))

    document = run.storage().policy(name)
    assert document is not None
    assert [one["Sid"] for one in document["Statement"]] == ["Theirs", policy.outputs["sid"]]


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
    assert policy.check_faults(statement("some-bucket", **changes)) == [reason]


def test_an_unknown_bucket_or_prefix_leaves_the_statement_unknown(run: Run, policy: Resource) -> None:
    unknown: Callable[[dict[str, Any]], Any] = lambda news: policy.checked(news)["statement"]  # noqa: E731

    assert isinstance(unknown({**statement("b"), "bucket": Unknown()}), Unknown)
    assert isinstance(unknown({**statement("b"), "prefixes": [Unknown()]}), Unknown)


def test_a_statement_of_this_stack_s_sid_that_the_state_does_not_have_is_neither_taken_nor_rewritten(
    simulator: Simulator, bucket: Resource, policy: Resource, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_against(simulator) as run:
        bucket.up(weights(name))
        policy.up(statement(name))
        before = run.storage().policy(name)
    copy, wider = Resource(policy.provider), statement(name, prefixes=["models", "more"])

    with run_against(simulator) as run:
        for declared in (statement(name), wider):
            assert f"COREWEAVE_TAKE_OVER={name}" in copy.check_faults(declared)[0]
            with pytest.raises(CoreWeave, match=f"COREWEAVE_TAKE_OVER={name}"):
                policy.provider.create(declared)
        assert run.storage().policy(name) == before

    monkeypatch.setenv("COREWEAVE_TAKE_OVER", name)
    with run_against(simulator):
        assert copy.up(wider) == "create"


def test_a_statement_that_a_killed_run_put_is_adopted_only_while_it_says_what_this_run_would_put(
    simulator: Simulator, bucket: Resource, policy: Resource, name: str
) -> None:
    with run_against(simulator) as run:
        bucket.up(weights(name))
        policy.up(statement(name))
        before = run.storage().policy(name)
    simulator.journal.clear()
    lost = Resource(policy.provider)

    with run_against(simulator) as run:
        run.memory.earlier_run = True
        assert f"COREWEAVE_TAKE_OVER={name}" in lost.check_faults(statement(name, prefixes=["others"]))[0]
        assert lost.up(statement(name)) == "create"
    with run_against(simulator) as run:
        assert simulator.journal.entries("PUT") == []
        assert run.storage().policy(name) == before
        assert lost.outputs["ownerSid"] == policy.outputs["ownerSid"]
        lost.destroy()
        assert run.storage().policy(name) is None


def test_a_replacement_that_was_asked_for_finds_the_statement_that_the_state_has(
    simulator: Simulator, bucket: Resource, policy: Resource, name: str
) -> None:
    with run_against(simulator):
        bucket.up(weights(name))
        policy.up(statement(name))

    with run_against(simulator):
        policy.checked(statement(name))
        assert policy._replace(statement(name), delete_first=False) == "replace"
