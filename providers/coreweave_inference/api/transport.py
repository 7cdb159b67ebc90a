"""How requests reach a service: by the environment's proxy and certificates. The same for API, gateways, logs and metrics."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from functools import lru_cache

import httpx

from coreweave_inference.network.connections import ca_file, proxy_for


def http_transport(url: str, environ: Mapping[str, str] = os.environ) -> httpx.BaseTransport:
    """To `url`, by the environment's proxy and certificates. Raises SettingsError where those cannot be used."""
    proxy, certificates = proxy_for(url, environ), ca_file(environ)
    file = (certificates, os.stat(certificates).st_mtime_ns) if certificates else None
    return httpx.HTTPTransport(verify=_context(file), proxy=proxy)


@lru_cache(maxsize=4)
def _context(file: tuple[str, int] | None) -> ssl.SSLContext:
    """The certificates of a file as it was written at a moment, or httpx's own: reading them takes longer than a request."""
    return ssl.create_default_context(cafile=file[0]) if file else httpx.create_ssl_context()
