"""Looks at an address below HTTP: does its name resolve, does it take connections, and does the certificate hold."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Mapping
from datetime import datetime, timezone
from urllib.parse import urlsplit

from coreweave_inference.api.transport import trusted
from coreweave_inference.clock import Clock
from coreweave_inference.network.connections import CA_FILE, proxy_for
from coreweave_inference.network.endpoints import without_password

from .check import Outcome, Problem, Skip

TIMEOUT_SECONDS = 5.0
SHORT_DAYS = 14


def resolves(url: str, environ: Mapping[str, str] = os.environ) -> str:
    """The addresses of a URL's host. Raises Problem, and Skip where a proxy resolves it."""
    host, port = _place(url)
    if proxy := proxy_for(url, environ):
        raise Skip(f"the proxy {without_password(proxy)} resolves {host}")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Problem(
            f"the host {host} does not resolve ({getattr(error, 'strerror', None) or error})",
            f"check the resolver of this machine with `getent hosts {host}`; a new gateway's name may need minutes",
        ) from None
    return ", ".join(dict.fromkeys(str(entry[4][0]) for entry in found))


def connects(url: str, clock: Clock, environ: Mapping[str, str] = os.environ) -> str:
    """Until when the certificate holds; of http:// that it takes connections. Raises Problem, and Skip behind a proxy."""
    host, port = _place(url)
    if proxy := proxy_for(url, environ):
        raise Skip(f"behind the proxy {without_password(proxy)}; the next request shows it")
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT_SECONDS) as plain:
            if urlsplit(url).scheme != "https":
                return f"{url} takes connections, and is not encrypted"
            with trusted(environ).wrap_socket(plain, server_hostname=host) as wrapped:
                certificate = wrapped.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        raise Problem(
            f"the certificate of {host} does not hold: {error.verify_message}",
            f"where a proxy of your own signs, name its certificates in {CA_FILE}; else do not send a token there",
        ) from None
    except ssl.SSLError as error:
        raise Problem(
            f"{host}:{port} does not speak TLS ({error.reason or error})",
            f"check what listens there with `openssl s_client -connect {host}:{port}`",
        ) from None
    except OSError as error:
        raise Problem(
            f"no connection to {host}:{port} ({getattr(error, 'strerror', None) or error})",
            "check network, firewall and proxy (HTTPS_PROXY, NO_PROXY)",
        ) from None
    return _validity(host, str(certificate.get("notAfter") or ""), clock)


def _validity(host: str, until: str, clock: Clock) -> str:
    if not until:
        return ""
    end = ssl.cert_time_to_seconds(until)
    day = datetime.fromtimestamp(end, timezone.utc).date()
    if (end - clock.now()) / 86400 < SHORT_DAYS:
        raise Problem(
            f"the certificate of {host} ends on {day}",
            "tell the operator of the endpoint",
            outcome=Outcome.WARNING,
        )
    return f"valid until {day}"


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
