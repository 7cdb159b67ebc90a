"""Where objects are kept: moto's S3, called in this process without a port, one moto account for each simulator.

The only module that imports moto. CoreWeave's rules (names, zones, owners, policies) may not enter; moto is never
shown a policy, since it would apply one without its conditions.
"""

from __future__ import annotations

import io
import itertools
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from botocore.loaders import create_loader
from botocore.session import Session
from werkzeug.test import run_wsgi_app

from .object_storage_messages import S3Answer, S3Request

_ACCOUNTS = itertools.count(500_000_000_001)
# moto has one space of bucket names in a process; names are taken out of it at once, so that simulators do not meet.
_MOTO_NAMES = threading.Lock()
_REGION = "us-east-1"
_AUTHORIZATION = (
    f"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/{_REGION}/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
)
_NOT_FOR_MOTO = frozenset(
    {
        "authorization",
        "connection",
        "expect",
        "host",
        "transfer-encoding",
        "user-agent",
        "x-amz-security-token",
    }
)

_OF_THE_SERVER = frozenset({"connection", "date", "server"})


class MotoBackend:
    """The buckets and objects of one simulator; they live until `close`."""

    def __init__(self) -> None:
        self._account = str(next(_ACCOUNTS))

    def forward(self, request: S3Request) -> S3Answer:
        """The answer as moto gives it; the request's signature and sender are not shown to it."""
        chunks, status, headers = run_wsgi_app(_application(), self._environ(request))
        shown = {name: value for name, value in headers.items() if name.lower() not in _OF_THE_SERVER}
        return S3Answer(int(status.split(" ", 1)[0]), b"".join(chunks), shown)

    def create_bucket(self, request: S3Request) -> S3Answer:
        """Forward a CreateBucket request, whose name must be free in this simulator."""
        with _MOTO_NAMES:
            answer = self.forward(request)
            _backends().bucket_accounts.pop(request.bucket, None)
        return answer

    def keys(self, bucket: str) -> list[str]:
        """Keys of all objects that a listing shows: the newest version of each, delete markers left out."""
        from moto.s3.models import FakeKey

        kept = self._s3().buckets[bucket].keys
        return [name for name, newest in kept.items() if isinstance(newest, FakeKey)]

    def set_modified(self, bucket: str, key: str, modified: datetime) -> None:
        """When the newest version of an object was put."""
        self._s3().buckets[bucket].keys[key].last_modified = modified.astimezone(timezone.utc).replace(
            tzinfo=None
        )

    def tags(self, bucket: str) -> dict[str, str]:
        """The bucket's tags."""
        found = self._s3().get_bucket_tagging(bucket).get("Tags") or ()
        return {tag["Key"]: tag["Value"] for tag in found}

    def close(self) -> None:
        """Give the memory and the temporary files of all objects back."""
        from moto.s3.models import FakeKey, FakeMultipart

        kinds: list[Any] = [FakeKey, FakeMultipart]
        for kind in kinds:
            _dispose(kind.instances_tracked, self._account)
        _backends().pop(self._account, None)

    def _s3(self) -> Any:
        return _backends()[self._account]["aws"]

    def _environ(self, request: S3Request) -> dict[str, Any]:
        target = request.raw_path + (f"?{request.query_string}" if request.query_string else "")
        headers = {name: value for name, value in request.headers.items() if name not in _NOT_FOR_MOTO}
        headers |= {"authorization": _AUTHORIZATION, "host": "127.0.0.1", "x-moto-account-id": self._account}
        return {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(request.raw_path).decode("latin-1"),
            "QUERY_STRING": request.query_string,
            "RAW_URI": target,
            "REQUEST_URI": target,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(request.body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            **_header_variables(headers),
            "CONTENT_LENGTH": str(len(request.body)),
        }


@lru_cache(maxsize=1)
def _application() -> Callable[..., Iterable[bytes]]:
    """S3 by moto as a WSGI application; made on first use, since it is slow to load."""
    from moto.moto_server.werkzeug_app import create_backend_app

    _learn_service_names()
    application: Callable[..., Iterable[bytes]] = create_backend_app("s3")
    return application


def _learn_service_names() -> None:
    """Have moto look up the names of services now, and remember them.

    It would do so at its first error, through a session that reads AWS_PROFILE and the shared configuration, and
    fail where those are not in order. The session it gets here has a loader already, so it reads neither.
    """
    from moto.core import utils

    session = Session()
    session.register_component("data_loader", create_loader())
    module: Any = utils
    original, module.Session = module.Session, lambda: session
    try:
        for package in ("s3", "core"):
            utils.service_name_from_moto_package_name(package)
    finally:
        module.Session = original


def _backends() -> Any:
    from moto.s3.models import s3_backends

    return s3_backends


def _header_variables(headers: Mapping[str, str]) -> dict[str, str]:
    names = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
    return {
        names.get(name) or f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()
    }


def _dispose(tracked: list[Any], account: str) -> None:
    """Moto remembers everything it ever made, of all accounts; close what is this account's and strike it."""
    for each in tracked:
        if each.account_id == account:
            each.dispose()
    tracked[:] = [each for each in tracked if each.account_id != account]
