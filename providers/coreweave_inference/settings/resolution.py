"""Endpoint, token, S3 credentials and times: from where, in which order.

Pure: environment and configuration are arguments. No network, no files, no engine; nothing that uses a
setting belongs here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from coreweave_inference.errors import SettingsError
from coreweave_inference.network.endpoints import (
    SERVICE_DOMAINS,
    is_below,
    may_be_sent_secrets,
    same_endpoint,
    valid_endpoint,
    without_password,
)

from .secret import Secret, header_fault

__all__ = ["Settings", "resolve"]

DEFAULT_ENDPOINT = "https://api.coreweave.com"
DEFAULT_S3_ENDPOINT = "https://cwobject.com"
IN_CLUSTER_S3_HOST = "cwlota.com"
"""The caching object-storage endpoint inside a CoreWeave cluster; the documentation gives it with http://."""

IDENTITY_KEY = "coreweave:identity"
"""Configuration key of what a stack's derived ids come from; `resolve` does not read it."""
TOKEN_VARIABLES = ("COREWEAVE_API_TOKEN", "CW_API_TOKEN")
TOKEN_KEY = "coreweave:token"
ENDPOINT_VARIABLES = ("COREWEAVE_API_ENDPOINT", "CW_BASE_URL")
ENDPOINT_KEY = "coreweave:endpoint"
S3_ENDPOINT_VARIABLES = ("COREWEAVE_S3_ENDPOINT",)
S3_ENDPOINT_KEY = "coreweave:s3Endpoint"
OBSERVE_VARIABLES = ("COREWEAVE_OBSERVE_ENDPOINT",)
OBSERVE_AGENT = "COREWEAVE_OBSERVE_USER_AGENT"
DEFAULT_OBSERVE_ENDPOINT = "https://observe.coreweave.com"
S3_PROFILE_VARIABLES = ("COREWEAVE_S3_PROFILE",)
S3_PROFILE_KEY = "coreweave:s3Profile"
S3_CREDENTIALS_KEY = "coreweave:s3Credentials"
ALLOWED_HOSTS = "COREWEAVE_ALLOWED_HOSTS"
"""Environment variable: hosts, separated by commas, that a stack's configuration may send secrets to."""
CONFIG_KEYS = (TOKEN_KEY, ENDPOINT_KEY, S3_ENDPOINT_KEY, S3_PROFILE_KEY, S3_CREDENTIALS_KEY)
"""Every configuration key that `resolve` reads."""


@dataclass(frozen=True)
class Settings:
    """Everything a run needs to know that is not in the declaration. All times are seconds.

    A `*_source` names the environment variable or configuration key a value came from (`default` where
    neither gave one). `s3_credentials` is `minted`, `profile` or `environment`. `conflicts` are warnings,
    one sentence each, about values that were set twice and differ.

    `observe_endpoint` is where logs and metrics are read; empty for a service that is not CoreWeave's and names none.

    `endpoint_doubt` and `s3_doubt` say why no secret may be sent to that endpoint; empty where nothing is in the way.
    """

    endpoint: str
    endpoint_source: str
    token: Secret
    token_source: str
    s3_endpoint: str
    s3_profile: str | None
    s3_credentials: str
    conflicts: tuple[str, ...] = ()
    poll_seconds: float = 10.0
    settle_seconds: float = 15.0
    deadline_seconds: float = 2700.0
    gateway_deadline_seconds: float = 600.0
    gone_deadline_seconds: float = 1200.0
    request_timeout_seconds: float = 30.0
    retry_seconds: float = 60.0
    accept_gone: bool = False
    destroy_used: bool = False
    keep_protected: bool = False
    allow_http: bool = False
    endpoint_doubt: str = ""
    s3_doubt: str = ""
    observe_endpoint: str = ""
    observe_user_agent: str = ""

    def at(self, recorded: str) -> Settings:
        """These settings for a stack whose state records the endpoint `recorded` (empty: none yet).

        An endpoint that the state records may be sent the token. Raises SettingsError where it records another one.
        """
        if not recorded:
            return self
        if not same_endpoint(recorded, self.endpoint):
            raise SettingsError(
                f"this stack lives at {recorded}, but {self.endpoint_source} says {self.endpoint}; "
                "set it back, or use a stack of its own for the other service"
            )
        return replace(self, endpoint_doubt="")

    def require_trusted(self) -> None:
        """Raise SettingsError where a secret would be sent to an endpoint that it may not be sent to."""
        if self.endpoint_doubt or self.s3_doubt:
            raise SettingsError(self.endpoint_doubt or self.s3_doubt)


@dataclass(frozen=True)
class _Chosen:
    """The first value set among the sources of one setting, and the lower ones that are set too."""

    value: str
    source: str
    others: tuple[tuple[str, str], ...] = ()


def resolve(
    environ: Mapping[str, str],
    config: Mapping[str, str],
    secret_keys: Collection[str] | None = None,
    *,
    require_token: bool = True,
) -> Settings:
    """The settings of a run, from its environment variables and its stack configuration.

    `config` and `secret_keys` hold full key names (`coreweave:endpoint`); without `secret_keys` it is not known which
    values lie encrypted, and that is not judged (a provider process does not know; the program does). The environment comes before the
    configuration, since a destroy runs without the program that wrote the configuration. An empty value
    counts as not set.

    Raises SettingsError: a token that is missing (unless `require_token` is false), lies in plain text in the
    configuration, or cannot be sent; an endpoint that is not a plain https URL; a value that is not a number.
    """
    allow_http = _flag(environ, "COREWEAVE_ALLOW_HTTP")
    token = _token(environ, config, secret_keys, require_token)
    endpoint = _chosen(environ, ENDPOINT_VARIABLES, config, ENDPOINT_KEY, DEFAULT_ENDPOINT)
    s3_endpoint = _chosen(environ, S3_ENDPOINT_VARIABLES, config, S3_ENDPOINT_KEY, DEFAULT_S3_ENDPOINT)
    profile = _chosen(environ, S3_PROFILE_VARIABLES, config, S3_PROFILE_KEY, "")
    credentials, credentials_conflicts = _s3_credentials(config, profile)
    allowed = _allowed_hosts(environ)
    return Settings(
        endpoint=valid_endpoint(endpoint.value, endpoint.source, allow_http=allow_http),
        endpoint_source=endpoint.source,
        token=Secret(token.value),
        token_source=token.source,
        s3_endpoint=valid_endpoint(
            s3_endpoint.value, s3_endpoint.source, allow_http=allow_http, http_hosts=(IN_CLUSTER_S3_HOST,)
        ),
        s3_profile=profile.value or None,
        s3_credentials=credentials,
        conflicts=(
            *_token_conflicts(token),
            *_endpoint_conflicts("API endpoint", endpoint),
            *_endpoint_conflicts("S3 endpoint", s3_endpoint),
            *_profile_conflicts(profile),
            *credentials_conflicts,
        ),
        poll_seconds=_seconds(environ, "COREWEAVE_POLL_SECONDS", Settings.poll_seconds),
        settle_seconds=_seconds(environ, "COREWEAVE_SETTLE_SECONDS", Settings.settle_seconds, zero=True),
        deadline_seconds=_seconds(environ, "COREWEAVE_DEADLINE_SECONDS", Settings.deadline_seconds),
        gateway_deadline_seconds=_seconds(
            environ, "COREWEAVE_GATEWAY_DEADLINE_SECONDS", Settings.gateway_deadline_seconds
        ),
        gone_deadline_seconds=_seconds(
            environ, "COREWEAVE_GONE_DEADLINE_SECONDS", Settings.gone_deadline_seconds
        ),
        request_timeout_seconds=_seconds(
            environ, "COREWEAVE_TIMEOUT_SECONDS", Settings.request_timeout_seconds
        ),
        retry_seconds=_seconds(environ, "COREWEAVE_RETRY_SECONDS", Settings.retry_seconds, zero=True),
        accept_gone=_flag(environ, "COREWEAVE_ACCEPT_GONE"),
        destroy_used=_flag(environ, "COREWEAVE_DESTROY_USED"),
        keep_protected=_flag(environ, "COREWEAVE_KEEP_PROTECTED"),
        allow_http=allow_http,
        observe_endpoint=_observe_endpoint(environ, endpoint.value, allow_http=allow_http),
        observe_user_agent=environ.get(OBSERVE_AGENT, ""),
        endpoint_doubt=_doubt("API endpoint", endpoint, allowed),
        s3_doubt=_doubt("S3 endpoint", s3_endpoint, allowed),
    )


def _observe_endpoint(environ: Mapping[str, str], api: str, *, allow_http: bool) -> str:
    """The environment's, else CoreWeave's own for an API of CoreWeave's: another service's token is not sent there."""
    chosen = _chosen(environ, OBSERVE_VARIABLES, {}, "", "")
    if chosen.value:
        return valid_endpoint(chosen.value, chosen.source, allow_http=allow_http)
    return DEFAULT_OBSERVE_ENDPOINT if is_below(urlsplit(api).hostname or "", SERVICE_DOMAINS) else ""


def _allowed_hosts(environ: Mapping[str, str]) -> frozenset[str]:
    hosts = environ.get(ALLOWED_HOSTS, "").split(",")
    return frozenset(host.strip().lower().strip(".") for host in hosts) - {""}


def _doubt(what: str, chosen: _Chosen, allowed: Collection[str]) -> str:
    """Why no secret may be sent there: a file names the endpoint, which whoever changes the file can point elsewhere."""
    if chosen.source not in CONFIG_KEYS or may_be_sent_secrets(chosen.value, allowed):
        return ""
    host = urlsplit(chosen.value).hostname
    return (
        f"the {what} in {chosen.source} ({without_password(chosen.value)}) is no host of CoreWeave's and not the one in the "
        f"stack's state, so no token or key is sent to it; correct it, or set {ALLOWED_HOSTS}={host} if you trust that host"
    )


def _chosen(
    environ: Mapping[str, str], variables: Collection[str], config: Mapping[str, str], key: str, default: str
) -> _Chosen:
    found = [(environ[name], name) for name in variables if environ.get(name)]
    if config.get(key):
        found.append((config[key], key))
    if not found:
        return _Chosen(default, "default")
    return _Chosen(*found[0], tuple(found[1:]))


def _token(
    environ: Mapping[str, str],
    config: Mapping[str, str],
    secret_keys: Collection[str] | None,
    required: bool,
) -> _Chosen:
    if config.get(TOKEN_KEY) and secret_keys is not None and TOKEN_KEY not in secret_keys:
        raise SettingsError(
            f"{TOKEN_KEY} is stored in plain text in the stack's configuration, where everyone who reads the file reads"
            f" it; encrypt it with `pulumi config set --secret {TOKEN_KEY}` and replace the token"
        )
    token = _chosen(environ, TOKEN_VARIABLES, config, TOKEN_KEY, "")
    if required and not token.value:
        places = f"{', '.join(TOKEN_VARIABLES)} or the secret configuration key {TOKEN_KEY}"
        raise SettingsError(f"no CoreWeave API token: set one of {places}")
    if fault := header_fault(token.value):
        raise SettingsError(
            f"the API token from {token.source} {fault}; set it again without quotes, spaces or a line break"
        )
    return token


def _s3_credentials(config: Mapping[str, str], profile: _Chosen) -> tuple[str, tuple[str, ...]]:
    asked = config.get(S3_CREDENTIALS_KEY, "")
    if asked not in ("", "minted", "environment"):
        raise SettingsError(
            f"{S3_CREDENTIALS_KEY} is {asked!r}; it must be `minted` (the default: a short-lived key made with"
            f" the API token) or `environment` (AWS_* variables and the default profile)"
        )
    if not profile.value:
        return asked or "minted", ()
    if not asked:
        return "profile", ()
    warning = (
        f"S3 credentials come from the profile {profile.value!r} named by {profile.source};"
        f" {S3_CREDENTIALS_KEY} ({asked}) is not used."
    )
    return "profile", (warning,)


def _token_conflicts(token: _Chosen) -> list[str]:
    return [
        f"The API token comes from {token.source}; another one in {source} is not used."
        for value, source in token.others
        if value != token.value
    ]


def _endpoint_conflicts(what: str, chosen: _Chosen) -> list[str]:
    return [
        f"The {what} comes from {chosen.source} ({chosen.value});"
        f" {source} ({without_password(value)}) is not used."
        for value, source in chosen.others
        if not same_endpoint(value, chosen.value)
    ]


def _profile_conflicts(profile: _Chosen) -> list[str]:
    return [
        f"The S3 profile comes from {profile.source} ({profile.value}); {source} ({value}) is not used."
        for value, source in profile.others
        if value != profile.value
    ]


def _seconds(environ: Mapping[str, str], name: str, default: float, *, zero: bool = False) -> float:
    """The number of seconds in variable `name`, finite and positive (or zero where that has a meaning)."""
    text = environ.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        raise SettingsError(
            f"{name} is {text!r}; it must be a number of seconds, such as {default:g}"
        ) from None
    if not (0 <= value < float("inf")) or (value == 0 and not zero):
        raise SettingsError(
            f"{name} is {text!r}; it must be a {'' if zero else 'positive '}finite number of seconds"
        )
    return value


def _flag(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(name, "").lower()
    if text in ("", "0", "false"):
        return False
    if text in ("1", "true"):
        return True
    raise SettingsError(f"{name} is {environ[name]!r}; it must be 1 or 0")
