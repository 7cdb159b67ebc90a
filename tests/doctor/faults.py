"""What may be wrong with a stack: how each fault is seeded, and the first verdict that doctor has to reach."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from coreweave_inference.simulator.faults import Fault
from coreweave_inference.simulator.records import Condition

from tests.doctor.conftest import CANARY_ID, CLAIM_ID, DEPLOYMENT_ID, Bench
from tests.simulator.inference_fixtures import (
    BUCKET,
    GATEWAY_ID,
    MISSING_ID,
    STRANGER,
    claim,
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
