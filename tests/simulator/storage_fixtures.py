"""A simulated object storage or data plane on a real loopback port, with its clients."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import boto3
import botocore.session
import pytest
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError
from coreweave_inference.simulator.object_storage import ObjectStorage

OWNER = "ab1cd2"
STRANGER = "cw12ab"
ZONE = "US-EAST-04A"


class SteppedClock:
    """A simulated time that moves only by hand."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds


@contextmanager
def served(application: Callable[..., Any]) -> Iterator[str]:
    """The root url of the application on a free loopback port."""
    server = uvicorn.Server(uvicorn.Config(application, port=0, lifespan="off", log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@lru_cache(maxsize=1)
def _blind_session() -> Any:
    """A session that sees neither AWS_PROFILE nor the files of the machine the tests run on."""
    variables = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    return boto3.session.Session(botocore_session=botocore.session.Session(session_vars=variables))


class StorageWorld:
    """One object storage with its clock, its url, and S3 clients for whoever has a key."""

    def __init__(self, storage: ObjectStorage, clock: SteppedClock, url: str) -> None:
        self.storage = storage
        self.clock = clock
        self.url = url
        self._clients: list[Any] = []

    def client(self, organisation: str = OWNER, duration_seconds: int = 0) -> Any:
        minted = self.storage.credentials.mint(organisation, duration_seconds)
        return self.client_with(minted["accessKeyId"], minted["secretKey"])

    def client_with(
        self, access_key_id: str, secret: str, token: str | None = None, region: str = ZONE, **config: Any
    ) -> Any:
        client = _blind_session().client(
            "s3",
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30, **config),
        )
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()


@contextmanager
def storage_world(**settings: Any) -> Iterator[StorageWorld]:
    clock = SteppedClock()
    storage = ObjectStorage(clock, **settings)
    try:
        with served(storage) as url:
            world = StorageWorld(storage, clock, url)
            try:
                yield world
            finally:
                world.close()
    finally:
        storage.close()


def error_of(act: Callable[..., Any], /, **arguments: Any) -> tuple[int, str]:
    """The HTTP status and the error code with which an S3 call is refused."""
    with pytest.raises(ClientError) as caught:
        act(**arguments)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def create_bucket(client: Any, name: str, zone: str = ZONE) -> None:
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": zone})


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(bucket: str, effect: str = "Allow", **elements: Any) -> dict[str, Any]:
    """Everybody may do everything in the bucket, but for what `elements` say (None takes an element out)."""
    every: dict[str, Any] = {
        "Effect": effect,
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    return {name: value for name, value in {**every, **elements}.items() if value is not None}


def inference_statement(bucket: str, prefix: str = "") -> dict[str, Any]:
    return statement(
        bucket,
        Sid="AllowInference",
        Principal={"CW": ["arn:aws:iam::cw4637:coreweave/uvAGGQSxxXeeQBJzcGsD9"]},
        Action=["s3:ListBucket", "s3:GetObject"],
        Resource=[f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/{prefix}*"],
    )


def owner_statement(bucket: str, organisation: str = OWNER) -> dict[str, Any]:
    return statement(bucket, Sid="Owner", Condition={"StringEquals": {"cw:PrincipalOrgID": organisation}})
