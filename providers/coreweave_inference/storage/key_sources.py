"""Where the keys of a process come from, as its settings say: made with the token, a profile, or the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from coreweave_inference.clock import Clock
from coreweave_inference.errors import ApiError, SettingsError
from coreweave_inference.settings.secret import Secret

from .connection import Credentials, from_profile
from .credentials import KeyMaker, S3Credentials, minted

_errors: dict[tuple[str, Secret], list[ApiError]] = {}
"""By endpoint and token: the errors that this process got for keys that it may not make. A run asks from several places."""


class CredentialSettings(Protocol):
    """What the settings say about keys."""

    @property
    def endpoint(self) -> str:
        """Where a key is made."""
        ...

    @property
    def token(self) -> Secret:
        """What it is made with."""
        ...

    @property
    def s3_credentials(self) -> str:
        """`minted`, `profile` or `environment`."""
        ...

    @property
    def s3_profile(self) -> str | None:
        """The profile's name, for `profile`."""
        ...


def credentials_from(
    settings: CredentialSettings, api: KeyMaker, clock: Clock, environ: Mapping[str, str]
) -> Credentials:
    """The source of keys that the settings choose. Raises SettingsError where it holds none."""
    if settings.s3_profile:
        return from_profile(settings.s3_profile)
    if settings.s3_credentials == "environment":
        return from_environment(environ)
    return minted(api, clock, errors=_errors.setdefault((settings.endpoint, settings.token), []))


def from_environment(environ: Mapping[str, str]) -> Credentials:
    """The key in AWS_* variables, else that of the profile AWS_PROFILE or `default`. Raises SettingsError."""
    access_key_id, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not access_key_id:
        return from_profile(environ.get("AWS_PROFILE") or "default")
    if not secret_key:
        raise SettingsError(
            "S3 credentials: AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY; set both"
        )
    key = S3Credentials(access_key_id, secret_key, environ.get("AWS_SESSION_TOKEN") or None)
    return lambda: key
