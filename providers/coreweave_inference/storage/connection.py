"""The connection to object storage; the only module that imports botocore, and that only when it is used (it costs 0.2 s).

Signing, isolation, asking again while a key is new, and errors as ours. What buckets and objects mean belongs in
`storage`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import cache, cached_property
from typing import Any

from coreweave_inference.clock import Clock, stop_requested
from coreweave_inference.errors import SettingsError, StorageError, Unreachable, one_line
from coreweave_inference.network.connections import ca_file, proxy_for
from coreweave_inference.network.limits import CutShort, Hanging, joined, within
from coreweave_inference.network.marks import note_request

from .credentials import FRESH_SECONDS, S3Credentials
from .errors import DENIED, EXPIRED, clock_skew, redirect_error, storage_error

LONGEST_PAUSE = 5.0
CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
WHOLE_SECONDS = 90.0
"""Of a request from its first byte to the last one of its answer."""
LARGEST_ANSWER = 16 * 2**20
"""Bytes of an answer that is read as a whole. A list of 1,000 of the longest keys has a tenth of that."""
LARGE_BODY = 2**20
"""A request with more bytes sends contents of a bucket, which takes as long as it takes."""
Credentials = Callable[[], S3Credentials]
_AMBIENT_PROVIDERS = ("env", "boto-config", "container-role", "iam-role")
"""Sources of keys that have nothing to do with a named profile."""


class S3Connection:
    """One S3 endpoint, one source of keys, requests signed for `region`.

    Nothing of the environment or of AWS files reaches it (endpoint, region, AWS's CA bundle, retry mode, profiles), except
    proxies and SSL_CERT_FILE. Two connections share nothing. `patience`: for how many seconds a denial of a fresh key is
    asked again, at most. Raises SettingsError where the environment's settings cannot be used.
    """

    def __init__(
        self,
        endpoint: str,
        credentials: Credentials,
        region: str,
        clock: Clock,
        patience: float = FRESH_SECONDS,
    ) -> None:
        self._patience = min(patience, FRESH_SECONDS)
        self._credentials = credentials
        self._clock = clock
        self._endpoint = endpoint
        self._region = region
        self._worked: set[str] = set()

    @cached_property
    def client(self) -> Any:
        """The botocore client; what failed in transit is sent again."""
        return self._sending(attempts=4)

    @cached_property
    def _client_once(self) -> Any:
        return self._sending(attempts=1)

    def _sending(self, attempts: int) -> Any:
        return _client(_isolated_session(self._credentials), self._endpoint, self._region, attempts)

    def send(self, operation: str, *, once: bool = False, **parameters: Any) -> dict[str, Any]:
        """One S3 operation; a refusal is asked again as long as the key is fresh, since new keys need seconds.

        Once a key has worked, a denial is one: by the bucket's policy, which may shut its own owner out. A key that
        we made and that has expired makes room for another, once. `once`: what got no clear answer is not sent again.
        """
        from botocore.exceptions import ClientError

        pause, renewed, until = 1.0, False, self._clock.monotonic() + self._patience
        while True:
            key = self._credentials()
            try:
                client = self._client_once if once else self.client
                answer: dict[str, Any] = getattr(client, operation)(**parameters)
            except ClientError as error:
                if _code(error) == EXPIRED:
                    if key.discard is None or renewed:
                        raise
                    key.discard()
                    renewed = True
                    continue
                too_late = self._clock.monotonic() >= until
                if (
                    _code(error) not in DENIED
                    or too_late
                    or not self._may_begin_to_work(key, parameters.get("Bucket"))
                ):
                    raise
            else:
                self._worked.add(key.access_key_id)
                return answer
            self._clock.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def body(self, stream: Any, largest: int) -> bytes:
        """The body of an answer that is not read as a whole by itself: at most `largest` bytes, within a time. Raises CutShort."""
        try:
            return within(
                lambda abandoned: joined(stream.iter_chunks(2**16), largest, abandoned),
                "GET",
                seconds=WHOLE_SECONDS,
                stopped=stop_requested,
            )
        finally:
            stream.close()

    def _may_begin_to_work(self, key: S3Credentials, bucket: str | None) -> bool:
        """Whether a denial may end by itself. A bucket's policy does not decide who reads that policy: so a fresh key
        that may do this works, and what it is denied once more, from then on, stays denied.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        if not key.is_fresh(self._clock.monotonic()) or key.access_key_id in self._worked:
            return False
        try:
            self._client_once.get_bucket_policy(Bucket=bucket)
        except ClientError as error:
            return _code(error) in DENIED
        except BotoCoreError:
            return True
        self._worked.add(key.access_key_id)
        return True  # Once: the key may have become known between the denial and this look.

    def warm(self, bucket: str) -> None:
        """Wait until a fresh key works, by one cheap request, before many follow that are not asked again."""
        if self._credentials().is_fresh(self._clock.monotonic()):
            self.send("list_objects_v2", Bucket=bucket, MaxKeys=1)

    @contextmanager
    def errors(self, bucket: str, act: str) -> Iterator[None]:
        """Turn botocore's errors into StorageError and its kin, and no answer into Unreachable."""
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

        try:
            yield
        except ClientError as error:
            details, metadata = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
            headers = metadata.get("HTTPHeaders", {})
            if 300 <= int(metadata.get("HTTPStatusCode") or 0) < 400:
                place = str(headers.get("location", ""))
                raise redirect_error(bucket, act, self._endpoint, place) from error
            skew = clock_skew(str(headers.get("date", "")), datetime.now(timezone.utc))
            raise storage_error(
                bucket,
                act,
                _code(error),
                str(details.get("Message", "")),
                str(metadata.get("RequestId", "")),
                skew,
            ) from error
        except ParamValidationError as error:
            raise StorageError(f'bucket "{bucket}": cannot {act}: {error}') from error
        except BotoCoreError as error:
            redirected_to = getattr(error, "redirected_to", None)
            if redirected_to is not None:
                raise redirect_error(bucket, act, self._endpoint, redirected_to) from error
            raise Unreachable(
                f'bucket "{bucket}": cannot {act}: object storage gave no answer ({one_line(str(error), 300)});'
                " check network, proxy and S3 endpoint, then run again"
            ) from error


def from_profile(name: str) -> Credentials:
    """The keys of a named AWS profile and nothing else of it. Raises SettingsError where it has none."""
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    try:
        session = Session(profile=name)
        resolver = session.get_component("credential_provider")
        for provider in _AMBIENT_PROVIDERS:
            resolver.remove(provider)
        found = session.get_credentials()
    except BotoCoreError as error:
        raise SettingsError(f"S3 credentials: AWS profile {name!r}: {error}") from error
    if found is None:
        raise SettingsError(f"S3 credentials: AWS profile {name!r} holds no keys")

    def credentials() -> S3Credentials:
        try:
            frozen = found.get_frozen_credentials()
        except BotoCoreError as error:
            raise SettingsError(f"S3 credentials: AWS profile {name!r}: {error}") from error
        return S3Credentials(frozen.access_key, frozen.secret_key, frozen.token)

    return credentials


def _isolated_session(credentials: Credentials) -> Any:
    """A session of built-in defaults whose keys are `credentials`, asked anew for every request."""
    from botocore.configprovider import ConfigValueStore, ConstantProvider
    from botocore.credentials import CredentialResolver
    from botocore.session import Session

    session = Session()
    defaults = {name: default for name, (_, _, default, _) in Session.SESSION_VARIABLES.items()}
    values = {**defaults, "config_file": os.devnull, "credentials_file": os.devnull, "profile": None}
    store = ConfigValueStore(mapping={name: ConstantProvider(value) for name, value in values.items()})
    session.register_component("config_store", store)
    session.register_component("credential_provider", CredentialResolver([_provider(credentials)]))
    session.register_component("data_loader", _descriptions())
    return session


@cache
def _descriptions() -> Any:
    """The descriptions of S3 that come with botocore and no user's own; read once in a process, since that is slow."""
    from botocore.loaders import Loader

    class OnlyS3(Loader):  # type: ignore[misc]  # botocore publishes no types
        def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - overrides
            """Without a look into the folders of all others."""
            return ["s3"]

    return OnlyS3(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)


def _provider(credentials: Credentials) -> Any:
    from botocore.credentials import CredentialProvider, ReadOnlyCredentials
    from botocore.credentials import Credentials as BotoCredentials

    class Current(BotoCredentials):  # type: ignore[misc]  # botocore publishes no types
        def get_frozen_credentials(self) -> Any:
            key = credentials()
            return ReadOnlyCredentials(key.access_key_id, key.secret_key, key.session_token)

    class Provider(CredentialProvider):  # type: ignore[misc]  # botocore publishes no types
        METHOD = "coreweave"

        def load(self) -> Any:
            return Current("asked-for-each-request", "asked-for-each-request", method=self.METHOD)

    return Provider()


def _client(session: Any, endpoint: str, region: str, attempts: int) -> Any:
    from botocore.config import Config

    proxy = proxy_for(endpoint, os.environ)
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual"},
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        use_fips_endpoint=False,
        use_dualstack_endpoint=False,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # botocore would read the environment by rules of its own; an empty mapping is a direct way.
        proxies={} if proxy is None else {"http": proxy, "https": proxy},
    )
    verify = ca_file(os.environ) or True
    client = session.create_client(
        "s3", region_name=region, endpoint_url=endpoint, verify=verify, config=config
    )
    _limit(client._endpoint)
    return client


def _limit(endpoint: Any) -> None:
    """Give each request of a botocore endpoint a time as a whole, and its answer a largest size; follow no redirect.

    botocore follows one by asking the same host for the bucket's region, which redirects again, without end. An answer
    that names the region is let through: it is asked once more, signed for that region, at the same host.
    """
    from botocore.exceptions import BotoCoreError, HTTPClientError

    class Redirected(BotoCoreError):  # type: ignore[misc]  # botocore publishes no types
        """Not repeated either."""

        fmt = "redirected to {redirected_to}"

        def __init__(self, redirected_to: str) -> None:
            super().__init__(redirected_to=redirected_to)
            self.redirected_to = redirected_to

    class Cut(BotoCoreError):  # type: ignore[misc]  # botocore publishes no types
        """Not repeated, as botocore repeats what failed in transit."""

        fmt = "{why}"

    send_once, hanging = endpoint.http_session.send, Hanging()

    def send(request: Any) -> Any:
        note_request(request.method)
        response = send_once(request)
        if 300 <= response.status_code < 400 and "x-amz-bucket-region" not in response.headers:
            response.raw.close()
            raise Redirected(response.headers.get("location", ""))
        return response

    def answered(request: Any, abandoned: Callable[[], bool]) -> Any:
        request.stream_output = True  # Not read yet, that is.
        response = send(request)
        try:
            response._content = joined(response.raw.stream(), LARGEST_ANSWER, abandoned)
        except CutShort:
            response.raw.close()
            raise
        except Exception as error:
            raise HTTPClientError(error=error) from error
        return response

    def limited(request: Any) -> Any:
        if request.stream_output or int(request.headers.get("Content-Length") or 0) > LARGE_BODY:
            return send(request)
        try:
            return within(
                lambda abandoned: answered(request, abandoned),
                request.method,
                seconds=WHOLE_SECONDS,
                stopped=stop_requested,
                hanging=hanging,
            )
        except CutShort as cut:
            if cut.final:
                raise Cut(why=str(cut)) from cut
            raise HTTPClientError(error=cut) from cut

    endpoint.http_session.send = limited


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
