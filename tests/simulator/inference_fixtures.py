"""A client for the simulated Inference API, and bodies that it accepts."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
import botocore.session
import httpx
from botocore.config import Config
from coreweave_inference.simulator import Behaviour, Simulator
from coreweave_inference.simulator.clock import Clock

START = 1_800_000_000.0
ZONE = "US-EAST-04A"
GATEWAY_ID = "11111111-1111-4111-8111-111111111111"
DEPLOYMENT_ID = "22222222-2222-4222-8222-222222222222"
CLAIM_ID = "33333333-3333-4333-8333-333333333333"
MISSING_ID = "99999999-9999-4999-8999-999999999999"
STRANGER = "CW-SECRET-simulator-stranger"
READER = "CW-SECRET-simulator-reader"
BUCKET = "acme-weights"
INFERENCE_SERVICE = "arn:aws:iam::cw4637:coreweave/uvAGGQSxxXeeQBJzcGsD9"


def environment_of(simulator: Simulator, **more: str) -> dict[str, str]:
    """Where the simulator is, as the environment of a command, a program or a provider says it."""
    return {
        "COREWEAVE_API_ENDPOINT": simulator.url,
        "COREWEAVE_S3_ENDPOINT": simulator.url,
        "COREWEAVE_API_TOKEN": simulator.token,
        **more,
    }


def gateway(**changes: Any) -> dict[str, Any]:
    """A gateway's body; None takes a field out."""
    return _changed(
        {
            "id": GATEWAY_ID,
            "name": "gw1",
            "zones": [ZONE],
            "coreWeaveAuth": {},
            "bodyBasedRouting": {"apiType": "API_TYPE_OPENAI"},
        },
        changes,
    )


def claim(**changes: Any) -> dict[str, Any]:
    """A claim's body; fields of `resources` may be named directly."""
    resources = {
        "instanceId": "gb200-4x",
        "instanceCount": 3,
        "capacityType": "CAPACITY_TYPE_MANAGED",
        "zones": [ZONE],
    }
    inside = {key: changes.pop(key) for key in list(changes) if key in resources}
    return _changed(
        {"id": CLAIM_ID, "name": "claim1", "resources": _changed(resources, inside)},
        changes,
    )


def deployment(**changes: Any) -> dict[str, Any]:
    """A deployment's body with its required fields only; `block__field` reaches into a block."""
    body: dict[str, Any] = {
        "id": DEPLOYMENT_ID,
        "name": "chat",
        "gatewayIds": [GATEWAY_ID],
        "runtime": {"engine": "vllm", "version": "0.22.0+crwv.2"},
        "resources": {"instanceType": "gb200-4x", "gpuCount": 4},
        "model": {"name": "acme/chat", "bucket": BUCKET, "path": "models/chat"},
        "autoscaling": {"min": 1, "max": 3},
        "traffic": {},
    }
    for key in [key for key in changes if "__" in key]:
        block, field = key.split("__")
        body[block] = _changed(body[block], {field: changes.pop(key)})
    return _changed(body, changes)


def _changed(body: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**copy.deepcopy(body), **changes}.items() if value is not None}


class Api:
    """The Inference API of one simulator as a caller with one token sees it."""

    def __init__(self, simulator: Simulator, token: str | None = None) -> None:
        self.simulator = simulator
        self.http = httpx.Client(
            base_url=simulator.url,
            headers={"authorization": f"Bearer {token or simulator.token}"},
            trust_env=False,
            timeout=10,
        )

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """One request below `/v1alpha1/inference`; `body` may be a JSON value, or text as it is."""
        if body is not None:
            options["content"] = body if isinstance(body, (str, bytes)) else json.dumps(body)
            options.setdefault("headers", {"content-type": "application/json"})
        return self.http.request(method, f"/v1alpha1/inference{path}", **options)

    def create(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """The object as created."""
        return _only(self.call("POST", f"/{kind}", body))

    def patch(self, kind: str, object_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """The object as changed."""
        return _only(self.call("PATCH", f"/{kind}/{object_id}", body))

    def delete(self, kind: str, object_id: str) -> dict[str, Any]:
        """The object as deleted."""
        return _only(self.call("DELETE", f"/{kind}/{object_id}"))

    def get(self, kind: str, object_id: str) -> dict[str, Any]:
        """The object as it is."""
        return _only(self.call("GET", f"/{kind}/{object_id}"))

    def status(self, kind: str, object_id: str) -> str:
        """The status shown."""
        return str(self.get(kind, object_id)["status"]["status"])

    def error_of(self, method: str, path: str, body: Any = None) -> tuple[int, int, str]:
        """HTTP status, code and message of a refused request."""
        answer = self.call(method, path, body)
        return answer.status_code, answer.json()["code"], answer.json()["message"]


def _only(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    (value,) = answer.json().values()
    return dict(value)


@contextmanager
def simulated(**knobs: Any) -> Iterator[Api]:
    """The API of a simulator whose clock is stepped by hand."""
    with Simulator(Behaviour().changed(knobs), clock=Clock(speed=0, start=START)) as simulator:
        api = Api(simulator)
        with api.http:
            yield api


def emptied(simulator: Simulator) -> Simulator:
    """The same as at its start: no objects, requests and faults, and its first behaviour; buckets stay."""
    simulator.behaviour = Behaviour()
    simulator.world.clear()
    simulator.journal.clear()
    simulator.faults.clear()
    return simulator


@cache
def _blind_session() -> Any:
    """A session that sees no file of the machine the tests run on. One for all: reading botocore's descriptions is slow."""
    variables = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    session = botocore.session.Session(session_vars={"profile": (None, None, None, None), **variables})
    return boto3.session.Session(botocore_session=session)


def s3_client(simulator: Simulator) -> Any:
    """Object storage as the organisation `ab1cd2` reaches it beside any stack; nothing ambient decides anything."""
    key = simulator.storage.credentials.mint("ab1cd2", 0)
    return _blind_session().client(
        "s3",
        endpoint_url=simulator.url,
        region_name=ZONE,
        aws_access_key_id=key["accessKeyId"],
        aws_secret_access_key=key["secretKey"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def put_weights(
    simulator: Simulator, bucket: str = BUCKET, path: str = "models/chat", readable: bool = True
) -> None:
    """Put one weights file into the bucket, made when it is missing, and a policy that lets the service read it."""
    client = s3_client(simulator)
    try:
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": ZONE})
        client.put_object(Bucket=bucket, Key=f"{path}/config.json", Body=b"{}")
        if readable:
            client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(_policy(bucket)))
    finally:
        client.close()


def _policy(bucket: str) -> dict[str, Any]:
    everything = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    service = {
        "Sid": "AllowInference",
        "Effect": "Allow",
        "Principal": {"CW": [INFERENCE_SERVICE]},
        "Action": ["s3:ListBucket", "s3:GetObject"],
        "Resource": everything,
    }
    owner = {
        "Sid": "Owner",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": everything,
        "Condition": {"StringEquals": {"cw:PrincipalOrgID": "ab1cd2"}},
    }
    return {"Version": "2012-10-17", "Statement": [service, owner]}
