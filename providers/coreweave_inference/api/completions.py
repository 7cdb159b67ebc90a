"""One request to the OpenAI-compatible side of a gateway, and its whole answer. Nothing here repeats or judges it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from coreweave_inference.clock import stop_requested
from coreweave_inference.errors import SettingsError, Unreachable, one_line
from coreweave_inference.fleet.routes import Route
from coreweave_inference.json_text import read_json
from coreweave_inference.network.endpoints import valid_endpoint
from coreweave_inference.network.limits import CutShort
from coreweave_inference.settings.secret import Secret, header_fault, redacted
from coreweave_inference.version import __version__

from .http_library import httpx
from .transfer import transfer
from .transport import http_transport

LONGEST_TEXT = 300
FRESH = {"Cache-Control": "no-cache, no-store"}


@dataclass(frozen=True)
class Exchange:
    """What came back: status, headers in lower case, body, seconds. `sent_at` is epoch seconds by this machine's clock.

    The key that was sent is in none of it, even where the gateway repeats it.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    sent_at: float = 0.0
    url: str = ""

    @property
    def document(self) -> dict[str, Any] | None:
        """The body as a JSON object; None where it is none."""
        try:
            found = read_json(self.body)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    @property
    def text(self) -> str:
        """The body in one short line."""
        return one_line(self.body[: 4 * LONGEST_TEXT].decode("utf-8", "replace"), LONGEST_TEXT)

    @property
    def error(self) -> str:
        """The message of an OpenAI error body, else the body."""
        error = (self.document or {}).get("error")
        message = error.get("message") if isinstance(error, Mapping) else error
        return one_line(str(message), LONGEST_TEXT) if message else self.text

    @property
    def content(self) -> str:
        """The text of a chat completion's first choice; empty where there is none."""
        return self._text_of("content")

    @property
    def reasoning(self) -> str:
        """What a reasoning model thought before its text, which may be all of a short completion."""
        return self._text_of("reasoning_content") or self._text_of("reasoning")

    def _text_of(self, name: str) -> str:
        choices = (self.document or {}).get("choices")
        first = choices[0] if isinstance(choices, list) and choices else {}
        message = first.get("message") if isinstance(first, Mapping) else {}
        text = message.get(name) if isinstance(message, Mapping) else ""
        return text if isinstance(text, str) else ""


def without_key(body: bytes, key: str) -> str:
    """A body in which the key is not shown, also where JSON writes its characters as escapes."""
    text = redacted(body.decode("utf-8", "replace"), [key])
    if "\\u" in text:
        with suppress(ValueError, RecursionError):
            plain = json.dumps(read_json(text))
            if (hidden := redacted(plain, [key])) != plain:
                text = hidden
    return text


class DataPlane:
    """A client of gateways with one key. Redirects are not followed; proxies and certificates are the environment's.

    `hidden` takes secrets out of answers that are no success, which an engine may repeat; a model's own text stays.
    """

    def __init__(
        self,
        key: Secret,
        *,
        allow_http: bool = False,
        timeout_seconds: float = 60.0,
        transport: Callable[[str], httpx.BaseTransport] = http_transport,
        hidden: Callable[[str], str] = str,
        stopped: Callable[[], bool] = stop_requested,
    ) -> None:
        if fault := header_fault(key.reveal()):
            raise SettingsError(f"the key for the gateway {fault}")
        self._key = key
        self._allow_http = allow_http
        self._timeout = timeout_seconds
        self._transport = transport
        self._hidden = hidden
        self._stopped = stopped
        self._clients: dict[str, httpx.Client] = {}

    def complete(
        self,
        route: Route,
        prompt: str,
        *,
        max_tokens: int | None = None,
        seconds: float | None = None,
        user: str = "",
    ) -> Exchange:
        """One chat completion, not streamed, of `user` where one is given. Raises Unreachable where no whole answer came."""
        body: dict[str, Any] = {"model": route.model, "messages": [{"role": "user", "content": prompt}]}
        if max_tokens is not None:
            body["max_tokens"] = max_tokens
        if user:
            body["user"] = user
        return self.send(route, "POST", route.chat_url, body, seconds=seconds)

    def models(self, route: Route) -> Exchange:
        """The models that the gateway lists. Raises Unreachable."""
        return self.send(route, "GET", route.models_url, None)

    def send(
        self,
        route: Route,
        method: str,
        url: str,
        body: Mapping[str, Any] | None,
        *,
        seconds: float | None = None,
    ) -> Exchange:
        """One request with the key. Raises Unreachable, and SettingsError for an address that no key is sent to."""
        valid_endpoint(route.endpoint, f"the status of gateway {route.gateway}", allow_http=self._allow_http)
        limit = self._timeout if seconds is None else seconds
        started, sent_at = time.monotonic(), time.time()
        try:
            client = self._client(route.endpoint)
            request = client.build_request(method, url, json=body, headers={**route.headers, **FRESH})
            answer = transfer(client, request, seconds=limit, stopped=self._stopped)
        except (CutShort, httpx.RequestError) as error:
            words = one_line(redacted(str(error), [self._key.reveal()]), LONGEST_TEXT) or type(error).__name__
            raise Unreachable(
                f"{method} {url}: no whole answer after {time.monotonic() - started:.1f} s ({words})"
            ) from None
        key = self._key.reveal()
        text = without_key(answer.content, key)
        return Exchange(
            answer.status_code,
            {name.lower(): redacted(value, [key]) for name, value in answer.headers.items()},
            (text if answer.is_success else self._hidden(text)).encode(),
            time.monotonic() - started,
            sent_at,
            url,
        )

    def _client(self, endpoint: str) -> httpx.Client:
        if endpoint not in self._clients:
            headers = {
                "User-Agent": f"coreweave-inference/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "Authorization": f"Bearer {self._key.reveal()}",
            }
            self._clients[endpoint] = httpx.Client(
                headers=headers, timeout=self._timeout, transport=self._transport(endpoint), trust_env=False
            )
        return self._clients[endpoint]

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def __enter__(self) -> DataPlane:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
