"""A key service for the secrets of the stacks: moto's KMS on a loopback port, one for a whole campaign.

With a passphrase each command of the engine derives a key, which costs a third of its time and has nothing to do with
what a campaign tries.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import boto3

REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "campaign", "AWS_SECRET_ACCESS_KEY": "campaign"}


@dataclass(frozen=True)
class KeyService:
    """Where it listens, and the key that is in it."""

    url: str
    key: str

    @property
    def secrets_provider(self) -> str:
        """What `pulumi stack init --secrets-provider` takes."""
        return f"awskms://{self.key}?region={REGION}&awssdk=v2"

    def variables(self) -> Mapping[str, str]:
        """What the engine needs in its environment to reach it."""
        return {"AWS_ENDPOINT_URL_KMS": self.url, **CREDENTIALS}


@contextlib.contextmanager
def serving() -> Iterator[KeyService]:
    """A key service until the end of the block."""
    from moto.moto_server.werkzeug_app import create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Silent(WSGIRequestHandler):
        def log(self, *_: object) -> None:
            """Requests are not logged."""

    server = make_server("127.0.0.1", 0, create_backend_app("kms"), threaded=True, request_handler=Silent)
    thread = threading.Thread(target=server.serve_forever, name="key service", daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        yield KeyService(url, _key(url))
    finally:
        server.shutdown()
        thread.join()


def _key(url: str) -> str:
    client = boto3.session.Session().client(
        "kms",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )
    try:
        return str(client.create_key()["KeyMetadata"]["KeyId"])
    finally:
        client.close()
