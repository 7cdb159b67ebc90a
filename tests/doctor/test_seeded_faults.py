"""Each fault is doctor's first verdict; without one there is no finding."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from coreweave_inference.doctor.check import Outcome
from coreweave_inference.model.kinds import Kind
from coreweave_inference.simulator.faults import Fault
from coreweave_inference.simulator.records import Condition

from tests.doctor.conftest import CANARY_ID, CLAIM_ID, DEPLOYMENT_ID, Bench
from tests.simulator.inference_fixtures import (
    BUCKET,
    GATEWAY_ID,
    MISSING_ID,
    READER,
    STRANGER,
    deployment,
    emptied,
    gateway,
    s3_client,
)

COMPLETIONS = "/chat/completions$"
MODELS = "/v1/models$"
FOREVER = 1e12


def fault(*rule: Any, **more: Any) -> Callable[[Bench], None]:
    return lambda bench: bench.api.simulator.faults.add(Fault(*rule, count=None, **more))


def status(object_id: str, value: str, *conditions: Condition) -> Callable[[Bench], None]:
    return lambda bench: bench.api.simulator.world.set_status(object_id, value, list(conditions), FOREVER)


def edit(changes: dict[str, Any], *ids: str) -> Callable[[Bench], None]:
    def seed(bench: Bench) -> None:
        for id_ in ids or (DEPLOYMENT_ID, CANARY_ID):
            bench.api.simulator.world.edit(id_, changes)
        bench.api.simulator.clock.advance(60)

    return seed


def endpoint_becomes(url: str) -> Callable[[Bench], None]:
    def seed(bench: Bench) -> None:
        there = f"{bench.api.simulator.url}/gateways/{GATEWAY_ID}"
        other = url.format(port=bench.api.simulator.url.rpartition(":")[2])
        bench.api.simulator.faults.add(
            Fault("rename-enums", "GET", "gateways$", names={there: other}, count=None)
        )

    return seed


def delete(kind: str, object_id: str) -> Callable[[Bench], None]:
    def seed(bench: Bench) -> None:
        bench.api.delete(kind, object_id)
        bench.api.simulator.clock.advance(60)

    return seed


def policy(document: dict[str, Any] | None) -> Callable[[Bench], None]:
    def seed(bench: Bench) -> None:
        client = s3_client(bench.api.simulator)
        if document is None:
            client.delete_bucket_policy(Bucket=BUCKET)
        else:
            client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(document))

    return seed


def no_weights(bench: Bench) -> None:
    s3_client(bench.api.simulator).delete_object(Bucket=BUCKET, Key="models/chat/config.json")


def never_loaded(bench: Bench) -> None:
    """Weights that the service could not read when the replicas started: READY, and every request ends in 520."""
    policy(None)(bench)
    s3_client(bench.api.simulator).put_object(Bucket=BUCKET, Key="models/new/config.json", Body=b"{}")
    edit({"model": {"path": "models/new"}})(bench)


def claim_waits(bench: Bench) -> None:
    bench.api.delete("capacityclaims", CLAIM_ID)
    bench.api.simulator.clock.advance(60)
    bench.api.simulator.behaviour = bench.api.simulator.behaviour.changed({"claims_wait_for_hardware": True})
    from tests.simulator.inference_fixtures import claim

    bench.api.create("capacityclaims", claim())
    status(DEPLOYMENT_ID, "STATUS_CREATING", Condition("Ready", False, "Unschedulable", "no capacity"))(bench)


def impatient(bench: Bench) -> None:
    bench.completion_seconds = 0.2
    fault("delay", "POST", COMPLETIONS, seconds=0.6)(bench)


OWNER = {
    "Sid": "Owner",
    "Effect": "Allow",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
    "Condition": {"StringEquals": {"cw:PrincipalOrgID": "ab1cd2"}},
}
OTHERS_ONLY = {"Version": "2012-10-17", "Statement": [OWNER]}
WRONG_FOLDER = {
    "Version": "2012-10-17",
    "Statement": [
        OWNER,
        {
            "Sid": "AllowInference",
            "Effect": "Allow",
            "Principal": {"CW": ["arn:aws:iam::cw4637:coreweave/uvAGGQSxxXeeQBJzcGsD9"]},
            "Action": ["s3:ListBucket", "s3:GetObject"],
            "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/other/*"],
        },
    ],
}
EMPTY = {"choices": [{"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}]}

FAULTS: dict[str, tuple[Callable[[Bench], None], str, str]] = {
    "the API's name does not resolve": (
        lambda bench: bench.use(endpoint="https://nowhere.invalid"),
        "api-dns",
        "nowhere.invalid does not resolve",
    ),
    "the API's port speaks no TLS": (
        lambda bench: bench.use(endpoint=bench.settings.endpoint.replace("http:", "https:")),
        "api-tls",
        "does not speak TLS",
    ),
    "the token is unknown": (
        lambda bench: bench.use_token("CW-SECRET-nobody"),
        "api-answers",
        "does not accept the token",
    ),
    "the token may not list": (
        fault("status", "GET", "/v1alpha1/", status=403),
        "api-answers",
        "may not list",
    ),
    "the service is down": (fault("status", "GET", "/v1alpha1/", status=503), "api-answers", "answers 503"),
    "the service closes connections": (fault("reset", "GET", "/v1alpha1/"), "api-answers", "no answer"),
    "the token is another organization's": (
        lambda bench: bench.use_token(STRANGER),
        "objects-exist",
        "another account's",
    ),
    "a deployment was deleted outside": (
        delete("deployments", DEPLOYMENT_ID),
        "objects-exist",
        "deleted outside",
    ),
    "a deployment names a gateway that is not there": (
        edit({"gatewayIds": [MISSING_ID]}),
        "gateway-exists",
        MISSING_ID,
    ),
    "a gateway has failed": (
        status(GATEWAY_ID, "STATUS_FAILED", Condition("Ready", False, "NoAddress", "no address is left")),
        "gateway-ready",
        "no address is left",
    ),
    "a gateway is on its way": (
        status(GATEWAY_ID, "STATUS_UPDATING", Condition("Ready", False, "Reconciling", "soon")),
        "gateway-ready",
        "soon",
    ),
    "a gateway's name does not resolve": (
        endpoint_becomes("https://gw1.nowhere.invalid"),
        "gateway-dns",
        "gw1.nowhere.invalid does not resolve",
    ),
    "a gateway's endpoint speaks no TLS": (
        endpoint_becomes("https://127.0.0.1:{port}"),
        "gateway-tls",
        "does not speak TLS",
    ),
    "a gateway's port is closed": (endpoint_becomes("https://127.0.0.1:1"), "gateway-tls", "no connection"),
    "the gateway does not know the key": (
        fault("status", "GET", MODELS, status=401),
        "gateway-auth",
        "does not accept the key",
    ),
    "the gateway lets in other addresses only": (
        fault("status", "GET", MODELS, status=403),
        "gateway-auth",
        "refuses this caller",
    ),
    "a proxy answers in the gateway's place": (
        fault("status", "GET", MODELS, status=200, body="html"),
        "gateway-route",
        "not a list of models",
    ),
    "the gateway has no such page": (
        fault("status", "GET", MODELS, status=404),
        "gateway-route",
        "answers 404",
    ),
    "the gateway redirects": (
        fault("redirect", "GET", MODELS, location="https://login.example"),
        "gateway-route",
        "answers 307",
    ),
    "all weights are 0": (edit({"traffic": {"weight": 0}}), "traffic-group", "add up to 0"),
    "all deployments are disabled": (edit({"disabled": True}), "traffic-group", "disabled"),
    "the gateway does not list the model": (
        fault("add-fields", "GET", MODELS, fields={"data": [{"id": "acme/other"}]}),
        "model-listed",
        "acme/other",
    ),
    "a deployment has failed": (
        status(
            DEPLOYMENT_ID,
            "STATUS_FAILED",
            Condition("Ready", False, "OutOfMemory", "needs 8.0 GiB, has 4.45"),
        ),
        "deployment-state",
        "needs 8.0 GiB, has 4.45",
    ),
    "a deployment is in an ERROR that lasts": (
        lambda bench: (
            status(DEPLOYMENT_ID, "STATUS_ERROR", Condition("Ready", False, "CrashLoop", "exit code 1"))(
                bench
            ),
            bench.api.simulator.clock.advance(60),
        )[0],
        "deployment-state",
        "CrashLoop",
    ),
    "a deployment is on its way": (
        status(DEPLOYMENT_ID, "STATUS_UPDATING", Condition("Ready", False, "Reconciling", "loading weights")),
        "deployment-state",
        "loading weights",
    ),
    "no claim is left for a deployment that needs one": (
        lambda bench: (delete("capacityclaims", CLAIM_ID)(bench), bench.remember())[0],
        "claim-covers",
        "no claim is for gb200-4x",
    ),
    "a claim waits for hardware": (claim_waits, "claim-covers", "3 pending"),
    "the weights were deleted": (no_weights, "weights-exist", 'no file under "models/chat"'),
    "the bucket is not there": (
        edit({"model": {"bucket": "nobody-has-it"}}, DEPLOYMENT_ID),
        "weights-exist",
        'no bucket "nobody-has-it"',
    ),
    "READY but 520: the bucket has no policy": (policy(None), "weights-policy", "has no policy"),
    "READY but 520 from the start": (never_loaded, "weights-policy", "has no policy"),
    "READY but 520: the policy names others": (policy(OTHERS_ONLY), "weights-policy", "no statement allows"),
    "READY but 520: the policy is for another folder": (
        policy(WRONG_FOLDER),
        "weights-policy",
        "no statement allows",
    ),
    "520 with a policy that is right": (
        fault("status", "POST", COMPLETIONS, status=520),
        "completion",
        "HTTP 520",
    ),
    "requests time out": (impatient, "completion", "no whole answer"),
    "the model answers nothing": (
        fault("add-fields", "POST", COMPLETIONS, fields=EMPTY),
        "completion",
        "an empty completion",
    ),
    "another model answers": (
        fault("add-fields", "POST", COMPLETIONS, fields={"model": "acme/other"}),
        "completion",
        'model "acme/other"',
    ),
    "a cache answers": (
        fault("add-fields", "POST", COMPLETIONS, fields={"id": "chatcmpl-1"}),
        "completion",
        "once more: a cached answer",
    ),
    "a page of a proxy answers": (
        fault("status", "POST", COMPLETIONS, status=200, body="html"),
        "completion",
        "a page of a proxy",
    ),
    "the deployments are at their limit": (
        fault("status", "POST", COMPLETIONS, status=429),
        "completion",
        "HTTP 429",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_the_first_verdict_with_what_fixes_it(bench: Bench, name: str) -> None:
    seed, code, words = FAULTS[name]
    seed(bench)

    first = bench.first()

    assert (first.code, words in f"{first.what} {first.why}") == (code, True), first
    assert first.do
    waits = name.endswith("on its way")
    assert first.outcome is (Outcome.IN_PROGRESS if waits else Outcome.FAILED)


def test_the_520_itself_is_a_finding_too_after_its_cause(bench: Bench) -> None:
    never_loaded(bench)

    codes = [result.code for result in bench.results() if result.outcome is Outcome.FAILED]

    assert codes[:2] == ["weights-policy", "weights-policy"]
    assert set(codes[2:]) == {"completion"}


@pytest.mark.parametrize("name", ["520 with a policy that is right", "requests time out"])
def test_520_and_timeouts_lead_to_the_bucket_policy(bench: Bench, name: str) -> None:
    FAULTS[name][0](bench)

    first = bench.first()

    assert "bucket policy" in first.why
    assert f"cw-inference policy {BUCKET} --prefix models/chat" in first.do


@pytest.mark.parametrize("value", ["STATUS_CREATING", "STATUS_UPDATING"])
def test_a_model_whose_deployments_are_all_on_their_way_has_to_answer_later(bench: Bench, value: str) -> None:
    for id_ in (DEPLOYMENT_ID, CANARY_ID):
        status(id_, value, Condition("Ready", False, "Reconciling", "is being reconciled"))(bench)

    results = bench.results()

    assert {found.code for found in results if found.is_finding} == {"deployment-state", "completion"}
    assert {found.outcome for found in results if found.is_finding} == {Outcome.IN_PROGRESS}


def test_a_proxy_s_page_is_a_failure_also_while_deployments_are_on_their_way(bench: Bench) -> None:
    for id_ in (DEPLOYMENT_ID, CANARY_ID):
        status(id_, "STATUS_CREATING", Condition("Ready", False, "Reconciling", "is being reconciled"))(bench)
    fault("status", "POST", COMPLETIONS, status=200, body="html")(bench)

    assert (bench.first().code, bench.first().outcome) == ("completion", Outcome.FAILED)


@pytest.mark.parametrize("knobs", [{}, {"emit_zero_values": True}], ids=["sparse", "zero values"])
def test_a_healthy_stack_has_no_finding_and_every_deployment_answered(
    bench: Bench, knobs: dict[str, Any]
) -> None:
    bench.api.simulator.behaviour = bench.api.simulator.behaviour.changed(knobs)

    results = bench.results()

    assert [result for result in results if result.is_finding] == []
    answered = [result for result in results if result.code == "completion"]
    assert {result.subject for result in answered} == {'deployment "chat"', 'deployment "canary"'}
    assert all(result.detail.startswith("200 in ") for result in answered)


def test_nothing_is_written_and_each_kind_is_listed_once(bench: Bench) -> None:
    bench.api.simulator.journal.clear()

    bench.results()

    asked = [(entry.method, entry.path) for entry in bench.api.simulator.journal.entries()]
    control = [path for method, path in asked if path.startswith("/v1alpha1/")]
    assert sorted(path.rpartition("/")[2] for path in control) == [
        "capacityclaims",
        "deployments",
        "gateways",
    ]
    assert {method for method, path in asked if not path.endswith(("/completions", "/access-key"))} == {"GET"}


@pytest.mark.parametrize(
    "changes", [{"disabled": True}, {"traffic": {"weight": 0}}], ids=["disabled", "weight 0"]
)
def test_what_no_request_reaches_is_unproven_and_not_passed(bench: Bench, changes: dict[str, Any]) -> None:
    edit(changes, CANARY_ID)(bench)

    results = bench.results()

    (canary,) = (r for r in results if r.code == "completion" and r.subject == 'deployment "canary"')
    assert (canary.outcome, canary.detail.startswith("unproven: ")) == (Outcome.SKIPPED, True)
    assert [result for result in results if result.is_finding] == []


def test_a_gateway_for_weights_and_biases_is_unproven_without_a_key_of_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    emptied(bench.api.simulator)
    bench.api.create("gateways", gateway(coreWeaveAuth=None, weightsAndBiasesAuth={}))
    bench.api.create("deployments", deployment(traffic={"weight": 1}))
    bench.api.simulator.clock.advance(60)
    bench.remember()
    monkeypatch.delenv("WANDB_API_KEY", raising=False)

    without = {result.code: result for result in bench.results()}
    monkeypatch.setenv("WANDB_API_KEY", bench.api.simulator.token)
    with_one = {result.code: result for result in bench.results()}

    assert not any(result.is_finding for result in (*without.values(), *with_one.values()))
    assert "set WANDB_API_KEY" in without["gateway-auth"].detail
    assert (without["completion"].outcome, with_one["completion"].outcome) == (
        Outcome.SKIPPED,
        Outcome.PASSED,
    )


def test_a_target_narrows_it_to_one_deployment_and_its_gateway(bench: Bench) -> None:
    status(CANARY_ID, "STATUS_FAILED")(bench)

    subjects = {result.subject for result in bench.results(only="chat") if result.code == "deployment-state"}

    assert subjects == {'deployment "chat"'}


def test_a_reader_s_token_says_what_it_could_not_read(bench: Bench) -> None:
    bench.use_token(READER)

    results = bench.results()

    unknown = {result.code for result in results if result.outcome is Outcome.UNKNOWN}
    assert unknown <= {"weights-exist", "weights-policy"}
    assert not any(result.outcome is Outcome.FAILED for result in results)


def test_no_result_shows_the_token_even_where_others_repeat_it(bench: Bench) -> None:
    token = bench.api.simulator.token
    status(DEPLOYMENT_ID, "STATUS_FAILED", Condition("Ready", False, "Leak", f"the key {token} was sent"))(
        bench
    )
    fault(
        "add-fields", "POST", COMPLETIONS, fields={"choices": [], "error": {"message": f"bad key {token}"}}
    )(bench)

    results = bench.results()

    assert any("bad key" in result.what for result in results)
    assert token not in repr(results)
    assert Kind.DEPLOYMENT.noun in repr(results)
