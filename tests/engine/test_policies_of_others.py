"""What is not ours is never widened: a policy that others wrote keeps its meaning, and what we add goes again."""

from __future__ import annotations

import json
from typing import Any

from coreweave_inference.simulator.bucket_policies import principal_arn
from coreweave_inference.simulator.credentials import user_of

from tests.engine.declarations import stack
from tests.engine.workbench import ORGANIZATION, Service, Workbench

ARN = "arn:aws:s3:::acme-weights"
INFERENCE = "arn:aws:iam::cw4637:coreweave/uvAGGQSxxXeeQBJzcGsD9"
RESTRICTED = {
    "Sid": "OnlyAnn",
    "Effect": "Allow",
    "Principal": {"CW": [principal_arn(ORGANIZATION, user_of(ORGANIZATION))]},
    "Action": "s3:*",
    "Resource": [ARN, f"{ARN}/*"],
}
DOCUMENTED = {
    "Sid": "AllowInference",
    "Effect": "Allow",
    "Principal": {"CW": [INFERENCE]},
    "Action": ["s3:ListBucket", "s3:GetObject"],
    "Resource": [ARN, f"{ARN}/*"],
}
ONLY_TLS = {
    "Sid": "OnlyTls",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:GetObject",
    "Resource": f"{ARN}/*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
NO_READS = {**ONLY_TLS, "Sid": "NoReads", "Resource": f"{ARN}/models/*"}
NO_READS.pop("Condition")


def put_policy(service: Service, *statements: dict[str, Any]) -> dict[str, Any]:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    service.s3.put_bucket_policy(Bucket="acme-weights", Policy=json.dumps(document))
    return document


def policy(service: Service) -> Any:
    return json.loads(service.s3.get_bucket_policy(Bucket="acme-weights")["Policy"])


def test_a_restricted_bucket_that_is_adopted_gets_the_shown_statement_and_nothing_else_and_loses_it_again(
    workbench: Workbench, stocked: Service
) -> None:
    theirs = put_policy(stocked, RESTRICTED)
    workbench.declare(stack())
    shown = workbench.preview()

    up = workbench.up()
    with_ours = policy(stocked)
    quiet = workbench.up("--refresh")
    gone = workbench.destroy()

    assert up.ok, up.output
    assert "ownerStatement" not in shown.declared("weights-policy")
    others = [s for s in with_ours["Statement"] if s["Sid"] != "OnlyAnn"]
    assert [{k: v for k, v in s.items() if k != "Sid"} for s in others] == [
        shown.declared("weights-policy")["statement"]
    ]
    assert (quiet.ok, quiet.changes, quiet.drift) == (True, {}, {})
    assert gone.ok, gone.output
    assert policy(stocked) == theirs


def test_a_first_policy_shows_both_statements_before_it_is_put_and_both_go_again(
    workbench: Workbench, stocked: Service
) -> None:
    workbench.declare(stack(buckets={"weights": {"policy": {"organizationId": "ab1cd2"}}}))
    shown = workbench.preview().declared("weights-policy")

    up = workbench.up()
    live = policy(stocked)
    quiet = workbench.up("--refresh")
    gone = workbench.destroy()

    assert up.ok, up.output
    assert [{k: v for k, v in s.items() if k != "Sid"} for s in live["Statement"]] == [
        shown["statement"],
        shown["ownerStatement"],
    ]
    assert (quiet.ok, quiet.changes, quiet.drift) == (True, {}, {})
    assert (gone.ok, stocked.sids()) == (True, [])


def test_the_documented_statement_is_used_and_neither_doubled_nor_removed(
    workbench: Workbench, stocked: Service
) -> None:
    theirs = put_policy(stocked, RESTRICTED, DOCUMENTED)
    workbench.declare(stack())

    up = workbench.up()
    with_us = policy(stocked)
    quiet = workbench.up("--refresh")
    gone = workbench.destroy()

    assert up.ok, up.output
    assert with_us == theirs
    assert (quiet.ok, quiet.changes, quiet.drift, quiet.writes) == (True, {}, {}, {})
    assert (gone.ok, policy(stocked)) == (True, theirs)


def test_a_deny_that_cannot_be_judged_is_a_warning_and_the_run_ends_ready(
    workbench: Workbench, stocked: Service
) -> None:
    put_policy(stocked, RESTRICTED, DOCUMENTED, ONLY_TLS)
    workbench.declare(stack())

    up = workbench.up()

    assert up.ok, up.output
    assert any("whether the inference service may read" in text for text in up.warnings)


def test_a_finding_that_is_accepted_does_not_fail_the_wait(workbench: Workbench, stocked: Service) -> None:
    put_policy(stocked, RESTRICTED, DOCUMENTED, NO_READS)
    workbench.declare(stack())
    refused = workbench.up()
    workbench.declare(
        stack(accept=[{"code": "weights-denied", "object": "chat", "reason": "opened tomorrow"}])
    )

    accepted = workbench.up()
    quiet = workbench.up()

    assert not refused.ok
    assert "the inference service may not read" in refused.output
    assert accepted.ok, accepted.output
    assert any("the finding is accepted" in text for text in accepted.warnings)
    assert (quiet.ok, quiet.changes) == (True, {})
