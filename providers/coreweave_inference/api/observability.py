"""The service's own logs (Loki) and metrics (Prometheus): single reads, and the data in their answers. Nothing is assumed of names."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from coreweave_inference.clock import stop_requested
from coreweave_inference.errors import CoreWeaveError, Forbidden, Unauthorized, Unreachable, one_line
from coreweave_inference.json_text import read_json
from coreweave_inference.network.limits import CutShort
from coreweave_inference.settings.resolution import OBSERVE_AGENT, Settings
from coreweave_inference.settings.secret import redacted
from coreweave_inference.version import __version__

from .http_library import httpx
from .transfer import Answer, transfer
from .transport import http_transport

ROLE = "Observability Viewer"
TIMEOUT_SECONDS = 15.0
NANO = 1_000_000_000
NANOSECONDS = re.compile(r"[0-9]{1,19}")
PROMETHEUS, LOKI = "/api/v1", "/loki/api/v1"


class Observability:
    """A client with the run's token. Each read raises CoreWeaveError: Forbidden where the role is missing.

    `hidden` takes secrets out of the lines of a log.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        hidden: Callable[[str], str] = str,
        stopped: Callable[[], bool] = stop_requested,
    ) -> None:
        self.endpoint = settings.observe_endpoint
        self._token = settings.token
        self._hidden = hidden
        self._stopped = stopped
        self._client = httpx.Client(
            headers={
                "Authorization": f"Bearer {settings.token.reveal()}",
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": settings.observe_user_agent or f"coreweave-inference/{__version__}",
            },
            timeout=TIMEOUT_SECONDS,
            transport=http_transport(self.endpoint),
            trust_env=False,
        )

    def log_labels(self) -> list[str]:
        """Names of the labels of log streams."""
        return _texts(self._read(f"{LOKI}/labels"))

    def log_label_values(self, name: str) -> list[str]:
        """The values that log streams have for label `name`."""
        return _texts(self._read(f"{LOKI}/label/{quote(name, safe='')}/values"))

    def lines(self, selector: str, since: float, limit: int) -> list[tuple[float, str]]:
        """The newest lines of the streams that a selector names, oldest first, with their times in epoch seconds."""
        query = {
            "query": selector,
            "start": str(int(since * NANO)),
            "limit": str(limit),
            "direction": "backward",
        }
        data = self._read(f"{LOKI}/query_range", query)
        streams = data.get("result") if isinstance(data, Mapping) else None
        found = [
            (int(entry[0]) / NANO, self._hidden(str(entry[1])))
            for stream in _list(streams)
            if isinstance(stream, Mapping)
            for entry in _list(stream.get("values"))
            if isinstance(entry, list) and len(entry) > 1 and NANOSECONDS.fullmatch(str(entry[0]))
        ]
        return sorted(found)[-limit:]

    def metric_names(self) -> list[str]:
        """Every value of `__name__`: the metrics that the token may read."""
        return _texts(self._read(f"{PROMETHEUS}/label/__name__/values"))

    def series(self, metric: str) -> list[Mapping[str, str]]:
        """The labels of each series of a metric, name to value."""
        data = self._read(f"{PROMETHEUS}/series", {"match[]": f'{{__name__="{metric}"}}'})
        return [found for found in data if isinstance(found, Mapping)] if isinstance(data, list) else []

    def value(self, query: str) -> float | None:
        """What a query evaluates to at this moment; None for no data."""
        data = self._read(f"{PROMETHEUS}/query", {"query": query})
        result = data.get("result") if isinstance(data, Mapping) else None
        try:
            number = float(result[0]["value"][1]) if isinstance(result, list) and result else math.nan
            return number if math.isfinite(number) else None
        except (KeyError, IndexError, TypeError, ValueError):
            return None

    def _read(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        request = self._client.build_request("GET", self.endpoint + path, params=query)
        try:
            answer = transfer(self._client, request, seconds=TIMEOUT_SECONDS, stopped=self._stopped)
        except (CutShort, httpx.RequestError) as error:
            words = one_line(redacted(str(error), [self._token.reveal()]), 200) or type(error).__name__
            raise Unreachable(f"{self.endpoint} gives no answer to GET {path} ({words})") from None
        if not answer.is_success:
            raise self._error_of(path, answer)
        try:
            return read_json(redacted(answer.content.decode("utf-8", "replace"), [self._token.reveal()]))[
                "data"
            ]
        except (ValueError, KeyError, TypeError):
            raise CoreWeaveError(
                f"{self.endpoint} answers GET {path} with something else than data"
            ) from None

    def _error_of(self, path: str, answer: Answer) -> CoreWeaveError:
        text = one_line(redacted(answer.content.decode("utf-8", "replace"), [self._token.reveal()]), 200)
        details = {"method": "GET", "path": path, "status": answer.status_code}
        if answer.status_code == 401:
            return Unauthorized(text, **details)  # type: ignore[arg-type]
        if answer.status_code == 403 and "html" in str(answer.headers.get("content-type", "")):
            return CoreWeaveError(
                f"{self.endpoint} refuses the User-Agent {self._client.headers['User-Agent']} (403 with a page); set {OBSERVE_AGENT}"
            )
        if answer.status_code == 403:
            return Forbidden(text, **details)  # type: ignore[arg-type]
        return CoreWeaveError(f"{self.endpoint} answers GET {path} with {answer.status_code}: {text}")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Observability:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _list(data: Any) -> list[Any]:
    return data if isinstance(data, list) else []


def _texts(data: Any) -> list[str]:
    return [item for item in data if isinstance(item, str)] if isinstance(data, list) else []
