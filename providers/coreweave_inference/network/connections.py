"""How this machine reaches a service: which proxy, and which certificates are believed. The same for every client.

The environment is an argument; no requests here, and no HTTP library.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from coreweave_inference.errors import SettingsError

from .endpoints import without_password

CA_FILE = "SSL_CERT_FILE"
"""Environment variable: a file of certificates to believe instead of the usual ones, for API, object storage and GitHub."""


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy that the environment gives for `url`; None where it is reached directly.

    Names are in capitals or not. NO_PROXY has hosts, domains, addresses (with or without brackets) and networks such as
    `fd00::/8`. Raises SettingsError for a proxy that is not reached over http:// or https://.
    """
    parts = urlsplit(url)
    if _is_excepted(parts.hostname or "", parts.port, _variable(environ, "NO_PROXY")[1]):
        return None
    name, proxy = _variable(environ, f"{parts.scheme.upper()}_PROXY")
    if not proxy:
        name, proxy = _variable(environ, "ALL_PROXY")
    if not proxy:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    try:
        found = urlsplit(proxy)
        _ = found.port
        usable = found.scheme.lower() in ("http", "https") and bool(found.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(
            f"{name} ({without_password(proxy)}) is not a proxy that can be used: set it to http://HOST:PORT, or list"
            f" {parts.hostname} in NO_PROXY"
        )
    return proxy


def ca_file(environ: Mapping[str, str]) -> str | None:
    """The file of certificates that the environment names, None without one. Raises SettingsError where it holds none."""
    path = environ.get(CA_FILE)
    if not path:
        return None
    if os.path.exists(path) and not os.path.isfile(path):
        raise SettingsError(f"{CA_FILE} is {path}, which is not a regular file; name a PEM file, or unset it")
    try:
        certificates(path, os.stat(path).st_mtime_ns)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{CA_FILE} is {path}, which holds no certificates that can be read ({_reason(error)}); name a PEM file, or"
            " unset it"
        ) from None
    return path


@lru_cache(maxsize=4)
def certificates(path: str, _written: int) -> ssl.SSLContext:
    """The certificates of a file that was written at a moment; read once, since that takes longer than a request.

    Raises OSError and ValueError.
    """
    return ssl.create_default_context(cafile=path)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) if isinstance(error, OSError) else None) or type(error).__name__


def _variable(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """Name and value; the small letters come first, as everywhere on a Unix machine."""
    return next(
        ((found, environ[found].strip()) for found in (name.lower(), name) if environ.get(found)), (name, "")
    )


def _is_excepted(host: str, port: int | None, no_proxy: str) -> bool:
    entries = (entry.strip().lower() for entry in no_proxy.split(","))
    return any(entry and _covers(entry, host.lower(), port) for entry in entries)


def _covers(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if address is not None:
        try:
            return address in ip_network(entry.replace("[", "").replace("]", ""), strict=False)
        except ValueError:
            pass
    bare, _, number = entry.rpartition(":")
    if bare and number.isdigit():
        return port == int(number) and _covers(bare, host, port)
    domain = entry.removeprefix("*").lstrip(".").strip("[]")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))
