"""How requests reach a service: by the environment's proxy and certificates. The same for API, gateways, logs and metrics."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from functools import lru_cache

from coreweave_inference.network.connections import ca_file, certificates, proxy_for

from .http_library import httpx


def http_transport(url: str, environ: Mapping[str, str] = os.environ) -> httpx.BaseTransport:
    """To `url`, by the environment's proxy and certificates. Raises SettingsError where those cannot be used."""
    return httpx.HTTPTransport(verify=trusted(environ), proxy=proxy_for(url, environ))


def trusted(environ: Mapping[str, str]) -> ssl.SSLContext:
    """The certificates that every client believes: the environment's, or httpx's own. Raises SettingsError."""
    path = ca_file(environ)
    return certificates(path, os.stat(path).st_mtime_ns) if path else _usual()


@lru_cache(maxsize=1)
def _usual() -> ssl.SSLContext:
    return httpx.create_ssl_context()
