"""What a service's base URL may look like before a secret is sent to it.

Pure text; no requests, no environment. Nothing that knows which services there are belongs here.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from coreweave_inference.errors import SettingsError

SERVICE_DOMAINS = ("coreweave.com", "cwobject.com", "cwlota.com")
"""CoreWeave's own: what lies below them may be sent a token or a signed request wherever the address was written."""


def is_below(host: str, domains: Collection[str]) -> bool:
    """Whether `host` is one of `domains` or lies below one."""
    name = host.lower().rstrip(".")
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)


def may_be_sent_secrets(url: str, allowed_hosts: Collection[str]) -> bool:
    """Whether secrets may go to an endpoint that a file names: CoreWeave's, this machine's, or one of `allowed_hosts`."""
    host = urlsplit(url).hostname or ""
    return is_below(host, SERVICE_DOMAINS) or is_loopback(host) or host.rstrip(".") in allowed_hosts


def valid_endpoint(
    url: str, source: str, *, allow_http: bool = False, http_hosts: Collection[str] = ()
) -> str:
    """`url` without its trailing slash, when it is a plain https URL.

    http:// passes for loopback addresses, for `http_hosts` and their subdomains, and with `allow_http`.
    Raises SettingsError naming `source`; the message never shows a user name or password of the URL.
    """
    parts = _split(url, source)
    if "@" in url:
        raise SettingsError(
            f"the endpoint in {source} carries a user name or password; write only scheme and host"
        )
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise SettingsError(f"the endpoint in {source} ({url}) carries a query or fragment; leave it out")
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise SettingsError(f"the endpoint in {source} ({url}) is not an https URL such as https://host")
    if parts.scheme == "http" and not (allow_http or _may_be_http(parts.hostname, http_hosts)):
        raise SettingsError(
            f"the endpoint in {source} ({url}) is not encrypted; use https://, or set COREWEAVE_ALLOW_HTTP=1"
            f" if this is a test service of your own"
        )
    return url.rstrip("/")


def without_password(url: str) -> str:
    """`url` for a message: nothing before an `@` is shown."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else url.rpartition("@")[2]


def same_endpoint(one: str, other: str) -> bool:
    """Whether two URLs name one endpoint: case of the host, a trailing slash and the usual port do not matter."""
    return _comparable(one) == _comparable(other)


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine: 127.0.0.0/8, ::1 or localhost."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _split(url: str, source: str) -> SplitResult:
    try:
        if any(c.isspace() or not c.isprintable() for c in url):
            raise ValueError
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise SettingsError(f"the endpoint in {source} is not a URL; write it as https://host") from None
    return parts


def _may_be_http(host: str, http_hosts: Collection[str]) -> bool:
    return is_loopback(host) or is_below(host, http_hosts)


def _comparable(url: str) -> object:
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return url
    return (parts.scheme, parts.hostname, port, parts.path.rstrip("/"))
