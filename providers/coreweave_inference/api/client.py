"""The Inference API over HTTP.

One method per call of the service. Nothing about Pulumi, waiting for readiness, or what to do after an error
belongs here.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from coreweave_inference.clock import Clock, stop_requested, system
from coreweave_inference.errors import ApiError, SettingsError, Unreachable, one_line
from coreweave_inference.json_text import read_json
from coreweave_inference.model.kinds import Kind
from coreweave_inference.network.limits import CutShort, Hanging
from coreweave_inference.network.marks import note_request
from coreweave_inference.settings.resolution import Settings
from coreweave_inference.settings.secret import Secret, header_fault
from coreweave_inference.version import __version__

from .errors import error_of, read_error
from .http_library import httpx
from .objects import ApiObject, Condition, UnreadableAnswer, object_in, objects_in
from .retries import Outcome, retry_after, retry_delay
from .retry_log import report_retry
from .secrets import KnownSecrets
from .service_clock import ServiceClock
from .transfer import Answer, transfer
from .transport import http_transport

__all__ = ["ApiObject", "Condition", "InferenceApi"]

log = logging.getLogger("coreweave_inference.api")

ROOT = "/v1alpha1/inference"
ACCESS_KEY_PATH = "/v1/cwobject/access-key"
T = TypeVar("T")
Objects = list[ApiObject]


@dataclass(frozen=True)
class _Request:
    """One call of the service; `repeatable` is asked for a POST only."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    query: tuple[tuple[str, str], ...] = ()
    repeatable: bool = True


@dataclass(frozen=True)
class _Failure:
    """One attempt that gave no result, and the error to raise when it was the last."""

    outcome: Outcome
    error: ApiError | None
    words: str


class InferenceApi:
    """The Inference API of one endpoint, with one token. Safe to share between threads.

    **Repeats.** A lost answer (connection error, timeout, an answer of status 200 that is cut short or not JSON), a
    429 without a quota detail and 500, 502, 503, 504, 520-524 are repeated with growing, jittered pauses for
    at most `retry_seconds` in all; `Retry-After` is obeyed within that. GET, PATCH (always the complete spec) and
    DELETE are repeated as they are: a DELETE whose first answer was lost may so end in NotFound. A POST is
    repeated only when its body carries the `id` we chose: if the lost one worked, the repeat
    raises AlreadyExists, which the caller resolves by that id. Making an access key that expires is repeated
    too: a lost one dies by itself. Never repeated: 501, a refused quota, a 500 that says the request cannot be parsed,
    a certificate that does not hold, and nothing once the run was asked to stop.

    **Limits.** A request has `timeout_seconds` from its first byte to its last, and an answer a largest size; a run that
    was asked to stop does not wait for a read, nor for any after one that hung (`limits`).

    **Safety.** Redirects are not followed, netrc is not read, certificates are checked, proxies of the
    environment are used. Neither the token nor a secret of a request body appears in errors or logs, even where
    the service repeats it.

    Every method raises the classes of `errors` under ApiError, or Unreachable when no answer came.
    """

    def __init__(
        self,
        endpoint: str,
        token: Secret,
        *,
        token_source: str = "",
        transport: httpx.BaseTransport | None = None,
        clock: Clock = system,
        timeout_seconds: float = 30.0,
        retry_seconds: float = 60.0,
        on_retry: Callable[[str], None] | None = None,
        draw: Callable[[], float] = random.random,
        stopped: Callable[[], bool] = stop_requested,
    ) -> None:
        if fault := header_fault(token.reveal()):
            raise SettingsError(f"the API token{f' from {token_source}' if token_source else ''} {fault}")
        self.endpoint = endpoint.rstrip("/")
        self._token = token
        self._token_source = token_source
        self._clock = clock
        self._retry_seconds = retry_seconds
        self._on_retry = on_retry
        self._draw = draw
        self._stopped = stopped
        self._timeout_seconds = timeout_seconds
        self._hanging = Hanging()
        self._service_clock = ServiceClock()
        self._secrets = KnownSecrets(token)
        self._client = httpx.Client(
            auth=_Bearer(token),
            headers={"User-Agent": _user_agent(), "Accept": "application/json", "Accept-Encoding": "gzip"},
            timeout=timeout_seconds,
            transport=transport or http_transport(self.endpoint),
            follow_redirects=False,
        )

    @classmethod
    def of(
        cls, settings: Settings, *, clock: Clock = system, on_retry: Callable[[str], None] = report_retry
    ) -> InferenceApi:
        """As the settings have it.

        Raises SettingsError for a token that no header can carry, and where a secret would go to an endpoint that nobody vouched for.
        """
        settings.require_trusted()
        return cls(
            settings.endpoint,
            settings.token,
            token_source=settings.token_source,
            clock=clock,
            timeout_seconds=settings.request_timeout_seconds,
            retry_seconds=settings.retry_seconds,
            on_retry=on_retry,
        )

    def list(self, kind: Kind) -> Objects:
        """Every object of `kind` in the token's organization."""
        return self._call(_Request("GET", f"{ROOT}/{kind.path}"), lambda answer: objects_in(kind, answer))

    def get(self, kind: Kind, id: str) -> ApiObject:  # noqa: A002 (the API's own word)
        """One object. Raises NotFound."""
        return self._call(_Request("GET", _object_path(kind, id)), lambda answer: object_in(kind, answer))

    def create(self, kind: Kind, body: Mapping[str, Any]) -> ApiObject:
        """POST `body`, which carries the `id` we chose. Raises AlreadyExists for a used id or name."""
        request = _Request("POST", f"{ROOT}/{kind.path}", body, repeatable=bool(body.get("id")))
        return self._call(request, lambda answer: object_in(kind, answer))

    def update(self, kind: Kind, id: str, body: Mapping[str, Any]) -> ApiObject:  # noqa: A002
        """PATCH with the complete spec. Raises NotFound, Refused."""
        return self._call(
            _Request("PATCH", _object_path(kind, id), body), lambda answer: object_in(kind, answer)
        )

    def delete(self, kind: Kind, id: str) -> ApiObject | None:  # noqa: A002
        """Ask for deletion; the object as it was deleted, None where the answer does not hold it. Raises NotFound."""

        def deleted(answer: object) -> ApiObject | None:
            try:
                return object_in(kind, answer)
            except UnreadableAnswer:
                return None

        return self._call(_Request("DELETE", _object_path(kind, id)), deleted, empty={})

    def parameters(self, kind: Kind, gateway_ids: Collection[str] = ()) -> dict[str, Any]:
        """What the service offers for `kind` at this moment; `gateway_ids` narrow the answer for deployments only."""
        narrowed = sorted(gateway_ids) if kind is Kind.DEPLOYMENT else []
        query = tuple(("gatewayIds", gateway_id) for gateway_id in narrowed)
        return self._call(_Request("GET", f"{ROOT}/{kind.path}/parameters", query=query), _document)

    def mint_access_key(self, duration_seconds: int) -> dict[str, Any]:
        """A new object-storage key: `accessKeyId`, `secretKey`, `principalName`, `expiry`; 0 seconds is for ever."""
        body = {"durationSeconds": duration_seconds}
        return self._call(
            _Request("POST", ACCESS_KEY_PATH, body, repeatable=duration_seconds > 0), _access_key
        )

    def service_time(self) -> float | None:
        """Epoch seconds by the service's clock, at most a second and the way of an answer too early; None: it tells none."""
        return self._service_clock.now(self._clock.monotonic())

    def latest_service_time_at(self, moment: float) -> float | None:
        """The latest that the service's clock can have shown at a monotonic `moment`; None: not known."""
        return self._service_clock.latest_at(moment)

    def hide(self, spec: Mapping[str, Any]) -> None:
        """Show the secrets of `spec` in no text of the service."""
        self._secrets.add(spec)

    def hidden(self, text: str) -> str:
        """`text` of the service without the secrets that this client knows."""
        return self._secrets.hidden(text)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> InferenceApi:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, request: _Request, read: Callable[[object], T], *, empty: object = None) -> T:
        """Send until there is a result or `retry_delay` says no; `empty` represents an answer without a body."""
        started = self._clock.monotonic()
        self._secrets.add(request.body)
        attempt, unsure = 1, False
        while True:
            result = self._attempt(request, read, empty)
            if not isinstance(result, _Failure):
                return result
            unsure = unsure or result.outcome.unclear
            elapsed = self._clock.monotonic() - started
            delay = retry_delay(
                request.method,
                attempt,
                result.outcome,
                repeatable=request.repeatable,
                elapsed=elapsed,
                budget=self._retry_seconds,
                draw=self._draw(),
            )
            if delay is not None and not self._stopped():
                self._say(f"{request.method} {request.path}: {result.words}; retrying in {delay:.1f} s")
                self._clock.sleep(delay)
            if delay is None or self._stopped():
                error = result.error or self._unreachable(request, result.words, attempt, elapsed)
                if isinstance(error, ApiError):
                    error.unsure = unsure
                raise error
            attempt += 1

    def _attempt(self, request: _Request, read: Callable[[object], T], empty: object) -> T | _Failure:
        try:
            response = self._send(request)
        except CutShort as error:
            return _Failure(Outcome(final=error.final), None, str(error))
        except httpx.RequestError as error:
            words = one_line(self.hidden(str(error)), 300)
            outcome = Outcome(final="CERTIFICATE_VERIFY_FAILED" in words)
            return _Failure(
                outcome, None, f"{type(error).__name__}: {words}" if words else type(error).__name__
            )
        if not response.is_success:
            return self._failure_of(request, response)
        try:
            return self._secrets.hidden_in(
                read(read_json(response.content) if response.content.strip() or empty is None else empty)
            )
        except (ValueError, UnreadableAnswer) as error:
            words = (
                str(error) if isinstance(error, UnreadableAnswer) else "the answer is cut short or not JSON"
            )
            return _Failure(Outcome(), None, words)

    def _send(self, request: _Request) -> Answer:
        started = self._clock.monotonic()
        status: int | str = "no answer"
        try:
            built = self._client.build_request(
                request.method,
                self.endpoint + request.path,
                params=request.query or None,
                json=request.body,
            )
            if request.path != ACCESS_KEY_PATH:  # A key for storage is no object of anybody's.
                note_request(request.method)
            answer = transfer(
                self._client,
                built,
                seconds=self._timeout_seconds,
                stopped=self._stopped,
                hanging=self._hanging,
            )
            status = answer.status_code
            self._service_clock.note(answer.headers.get("date", ""), started, self._clock.monotonic())
            return answer
        finally:
            milliseconds = (self._clock.monotonic() - started) * 1000
            log.debug("%s %s -> %s in %.0f ms", request.method, request.path, status, milliseconds)

    def _failure_of(self, request: _Request, response: Answer) -> _Failure:
        answer = read_error(response.status_code, response.headers, response.content, self.hidden)
        error = error_of(
            answer, request.method, request.path, token_source=self._token_source, endpoint=self.endpoint
        )
        pause = retry_after(response.headers, self._clock.now())
        outcome = Outcome(answer.status, pause, final=answer.quota or answer.unparsable)
        return _Failure(outcome, error, f"answered {answer.status}")

    def _unreachable(self, request: _Request, words: str, attempts: int, elapsed: float) -> Unreachable:
        unsure = "" if request.method == "GET" else "; whether the service did it is not known"
        return Unreachable(
            f"no usable answer from {self.endpoint} to {request.method} {request.path} after {attempts}"
            f" attempt{'s' if attempts > 1 else ''} in {elapsed:.0f} s ({words}){unsure};"
            f" check network, proxy and endpoint, then run again"
        )

    def _say(self, sentence: str) -> None:
        if self._on_retry is not None:
            self._on_retry(sentence)


class _Bearer(httpx.Auth):
    """The token, verbatim; as explicit auth it also keeps netrc out."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        yield request


def _object_path(kind: Kind, object_id: str) -> str:
    if not object_id or object_id in (".", ".."):
        raise ValueError(f"a {kind.noun} needs an id, not {object_id!r}")
    return f"{ROOT}/{kind.path}/{quote(object_id, safe='')}"


def _document(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise UnreadableAnswer("the answer is not a JSON object")
    return answer


def _access_key(answer: object) -> dict[str, Any]:
    key = _document(answer)
    if not (key.get("accessKeyId") and key.get("secretKey")):
        raise UnreadableAnswer("the answer holds no access key")
    return key


def _user_agent() -> str:
    return f"coreweave-inference/{__version__}"
